"""Bad rows and bad tickers are found in one go, listed, and left out where the user says so."""

import numpy as np
import pandas as pd
import pytest

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.errors import BadBarsError, ConfigError, DataError

from ...support.vendors import true_bars

DROP = {"bad_rows": "drop", "bad_tickers": "drop"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ABC.csv"


@pytest.fixture
def faulty(path):
    """Bars with four bad rows, each of another kind, and the bars that remain."""
    frame = true_bars(600)
    frame.loc[100, "open"] = np.nan
    frame.loc[200, "close"] /= 10
    frame.loc[300, "high"] = frame.loc[300, "low"] - 1
    frame.loc[400, ["open", "high", "low", "close"]] *= 100
    frame.to_csv(path, index=False)
    return frame.drop(index=[100, 200, 300, 400])


def test_all_bad_rows_are_listed_with_file_line_rule_and_value(faulty, path):
    with pytest.raises(BadBarsError) as caught:
        load_bars(path)
    rows = caught.value.rows
    assert sorted(set(rows["line"])) == [102, 202, 302, 402]
    assert (rows["file"] == str(path)).all()
    assert (rows["ticker"] == "ABC").all()
    assert rows.loc[rows["line"] == 102, "rule"].tolist() == ["open is missing"]
    assert rows.loc[rows["line"] == 402, "rule"].tolist() == [
        "close lies apart from the bars around it by a factor of 4 or more"
    ]


def test_what_is_left_after_dropping_is_the_rest_of_the_bars(faulty, path):
    bars = load_bars(path, bad_rows="drop")
    assert (bars.frame["close"].to_numpy() == faulty["close"].to_numpy()).all()
    assert sum(bars.dropped.rows.values()) == 4
    assert bars.notes[0].startswith("Left out: 4 bad rows (1 where open is missing; ")
    again = load_bars(path, **bars.handling.model_dump())
    assert again.digest == bars.digest


def test_the_message_offers_to_leave_out_what_is_little(faulty, path):
    with pytest.raises(BadBarsError, match='can be left out with `bad_rows="drop"`'):
        load_bars(path)
    few = pd.read_csv(path).iloc[90:310]
    few.to_csv(path, index=False)
    with pytest.raises(BadBarsError) as caught:
        load_bars(path, bad_limit=(0.001, 0.05))
    assert "can be left out" not in str(caught.value)


@pytest.mark.usefixtures("unchecked")
def test_more_than_the_limit_is_refused(faulty, path):
    with pytest.raises(BadBarsError, match=r"At most 0\.50% of the rows may be left out; found: 4"):
        load_bars(path, bad_rows="drop", bad_limit=(0.005, 0.05))
    with pytest.raises(ConfigError, match="bad_limit"):
        load_bars(path, bad_rows="drop", bad_limit=(2.0, 0.05))
    with pytest.raises(ConfigError, match="bad_rows"):
        load_bars(path, bad_rows="ignore")


@pytest.mark.parametrize(
    ("column", "factor", "said"),
    [
        ("close", 0.1, "is 10 times too low for the bar"),
        ("open", 100, "is 100 times too high for the bar"),
        ("close", 1.05, "The bar contradicts itself"),
    ],
)
def test_the_remedy_fits_the_size_of_the_fault(path, column, factor, said):
    frame = true_bars(600)
    frame.loc[100, column] *= factor
    frame.to_csv(path, index=False)
    with pytest.raises(BadBarsError, match=said):
        load_bars(path)


def test_columns_that_most_rows_contradict_are_exchanged(path):
    true_bars().rename(columns={"high": "low", "low": "high"}).to_csv(path, index=False)
    with pytest.raises(BadBarsError, match="Check that the columns are not exchanged"):
        load_bars(path)


def test_opens_of_zero_of_days_with_closes_are_not_called_days_without_trade(path):
    frame = true_bars()
    frame.loc[:9, "open"] = 0
    frame.to_csv(path, index=False)
    with pytest.raises(BadBarsError, match="The opens of these days are not known, though they"):
        load_bars(path)
    begun = frame.iloc[10:]
    begun.to_csv(path, index=False)
    assert len(load_bars(path).frame) == len(begun)


@pytest.mark.parametrize("volume", ["", "0", "12345"])
def test_a_last_bar_without_prices_is_left_out_and_said(path, volume):
    frame = true_bars()
    frame.to_csv(path, index=False)
    expected = load_bars(path).digest
    path.write_text(path.read_text() + f"2022-05-09,,,,,{volume}\n")
    bars = load_bars(path)
    assert bars.digest == expected
    assert "the last bar has no prices and is left out: ABC on 2022-05-09" in bars.notes[0]


@pytest.fixture
def eventful(path):
    """Thirty tickers; one crashes, one is suspended for months."""
    frames = [true_bars(900, seed).assign(ticker=f"T{seed:02d}") for seed in range(30)]
    prices = ["open", "high", "low", "close"]
    frames[3].loc[700:, prices] /= 40
    frames[7] = frames[7].drop(index=range(400, 470))
    pd.concat(frames).to_csv(path, index=False)
    return path


def test_events_are_shown_with_their_tickers_and_days(eventful):
    with pytest.raises(BadBarsError) as caught:
        load_bars(eventful)
    message = str(caught.value)
    assert "jumps by a factor of 9 or more in row 3401 of the data, ticker T03" in message
    assert "ends a gap of more than 60 days" in message
    assert "take it with `accept_events=True`" in message
    assert 'can be left out with `bad_tickers="drop"`' in message
    assert caught.value.tickers.keys() == {"T03", "T07"}
    assert caught.value.rows.empty


def test_tickers_with_events_are_left_out_where_that_is_asked(eventful):
    bars = load_bars(eventful, bad_tickers="drop")
    assert bars.dropped.tickers.keys() == {"T03", "T07"}
    assert bars.frame["ticker"].nunique() == 28
    with pytest.raises(BadBarsError, match=r"At most 3\.00% of the tickers may be left out"):
        load_bars(eventful, bad_tickers="drop", bad_limit=(0.01, 0.03))


def test_no_window_or_label_reaches_across_an_accepted_gap(eventful):
    bars = load_bars(eventful, accept_events=True)
    assert bars.frame["ticker"].nunique() == 30
    data = prepare_search_data(bars, DataConfig(tier="a20", horizon_days=3))
    number = data.tickers.index("T07")
    days = bars.frame.loc[bars.frame["ticker"] == "T07", "date"].to_numpy()
    first_after = days[400]
    for block in (data.train, data.val):
        own = block.tickers == number
        ends, label_ends = block.dates[own], block.label_ends[own]
        # The ticker's last days before the gap have no full horizon, its first days after it no
        # history.
        assert not ((ends < first_after) & (label_ends >= first_after)).any()
        warm = days[min(400 + 300, len(days) - 1)]
        assert not ((ends >= first_after) & (ends < warm)).any()


@pytest.mark.parametrize("content", ["", "nonsense", "date,close\n2022-01-03,x\n"])
def test_a_file_of_a_folder_that_cannot_be_read_is_a_bad_ticker(tmp_path, content):
    for seed in range(5):
        true_bars(90, seed).to_csv(tmp_path / f"T{seed}.csv", index=False)
    (tmp_path / "BAD.csv").write_text(content)
    with pytest.raises(DataError):
        load_bars(tmp_path)
    bars = load_bars(tmp_path, **DROP, bad_limit=(0.02, 0.2))
    assert bars.frame["ticker"].unique().tolist() == [f"T{seed}" for seed in range(5)]


def test_faults_of_a_folder_are_told_by_file_and_line(tmp_path):
    for seed in range(3):
        frame = true_bars(200, seed)
        frame.loc[50 + seed, "close"] = 0 if seed else 1e6
        frame.to_csv(tmp_path / f"T{seed}.csv", index=False)
    with pytest.raises(BadBarsError) as caught:
        load_bars(tmp_path)
    found = caught.value.rows.drop_duplicates(["file", "line"])
    assert found["line"].tolist() == [52, 53, 54]
    assert found["file"].tolist() == [str(tmp_path / f"T{seed}.csv") for seed in range(3)]
    assert found["ticker"].tolist() == ["T0", "T1", "T2"]


@pytest.mark.parametrize("factor", [0.1, 10, 0.2])
@pytest.mark.parametrize("row", range(100, 120))
def test_a_bar_with_its_decimal_point_in_the_wrong_place_is_a_bad_row(path, factor, row):
    frame = true_bars(300)
    frame.loc[row, ["open", "high", "low", "close"]] *= factor
    frame.to_csv(path, index=False)
    with pytest.raises(BadBarsError) as caught:
        load_bars(path)
    assert caught.value.rows["line"].tolist() == [row + 2]


def test_a_file_with_tickers_of_its_own_goes_with_them(tmp_path):
    for number in range(6):
        frame = true_bars(90, number).assign(ticker=f"S{number:02d}")
        if number == 3:
            frame = frame.iloc[[0, 2, 1, *range(3, 90)]]
        frame.to_csv(tmp_path / f"f{number:02d}.csv", index=False)
    bars = load_bars(tmp_path, **DROP, bad_limit=(0.01, 0.2))
    assert "S03" not in set(bars.frame["ticker"])
    assert bars.dropped.tickers.keys() == {"S03"}


def test_rows_of_a_ticker_without_prices_are_no_slips(path):
    frames = [true_bars(300, seed).assign(ticker=f"T{seed:02d}") for seed in range(30)]
    frames[3].loc[:, ["open", "high", "low", "close"]] = np.nan
    frames[3].loc[299, ["open", "high", "low", "close"]] = 100.0
    pd.concat(frames).to_csv(path, index=False)
    bars = load_bars(path, **DROP)
    assert bars.dropped.tickers.keys() == {"T03"}
    assert not bars.dropped.rows
