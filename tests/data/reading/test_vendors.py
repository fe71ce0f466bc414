"""Files of a dozen vendors are read as the same bars; what went wrong in them is never read."""

import random

import numpy as np
import pandas as pd
import pytest

from phase6c.data.bars import load_bars
from phase6c.errors import BadBarsError, DataError

from ...support.mutations import mutated
from ...support.vendors import SHAPES, true_bars

COLUMNS = ["open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def truth():
    return true_bars()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ABC.csv"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bars_of_every_vendor_are_the_same(shape, truth, path):
    path.write_text(SHAPES[shape](truth))
    bars = load_bars(path)
    truth.assign(ticker="ABC").to_parquet(path.with_suffix(".parquet"))
    assert bars.digest == load_bars(path.with_suffix(".parquet")).digest


def notes_of(shape, truth, path):
    path.write_text(SHAPES[shape](truth))
    return [note.removeprefix(f"{path}: ") for note in load_bars(path).notes]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("yahoo", []),
        ("stooq", ["OpenInt is not read: no feature or label is made from such columns."]),
        ("alpha_vantage", ["its days run from the newest to the oldest and are turned round."]),
        ("binance", ["has no header and is read as klines of Binance, which begin with the time"]),
        ("metatrader", ["<TICKVOL> is read as volume, as <VOL> is zero throughout."]),
        ("german_excel", ["written with decimal commas: open, high, low, close, volume."]),
        ("us_excel", ["the header is in line 2; line 1 above it left out."]),
        ("kaggle", ["Name is read as ticker."]),
    ],
)
def test_what_was_done_to_read_a_file_is_said(shape, said, truth, path):
    notes = notes_of(shape, truth, path)
    for part in said:
        assert any(note.startswith(part) for note in notes)
    assert bool(notes) == bool(said)


def check_mutations(numbers, folder):
    """Every mutated file is read right, noted or refused; returns how often each."""
    path = folder / "ABC.csv"
    ends = dict.fromkeys(("right", "noted", "refused"), 0)
    usual = {}
    for number in numbers:
        rng = random.Random(number)
        truth, shape = true_bars(seed=number % 7), rng.choice(list(SHAPES))
        if (number % 7, shape) not in usual:
            usual[number % 7, shape] = set(notes_of(shape, truth, path))
        text, faults = mutated(SHAPES[shape](truth), rng)
        path.write_text(text, newline="")
        try:
            bars = load_bars(path)
        except DataError:
            ends["refused"] += 1
            continue
        notes = {note.removeprefix(f"{path}: ") for note in bars.notes}
        if notes - usual[number % 7, shape]:
            ends["noted"] += 1
            continue
        read, true = bars.frame.set_index("date"), truth.set_index("date")
        told = f"file {number}: {shape} with {faults}"
        assert read.index.isin(true.index).all(), told
        same = np.isclose(read[COLUMNS], true.loc[read.index, COLUMNS], rtol=1e-9, atol=0)
        assert same.all(), told
        ends["right"] += 1
    return ends


def test_mutated_files_end_in_the_right_numbers_a_note_or_a_refusal(tmp_path):
    assert min(check_mutations(range(60), tmp_path).values()) > 2


@pytest.mark.chaos
@pytest.mark.timeout(7200)
def test_twenty_thousand_mutated_files_end_so(tmp_path):
    """An hour of one core, or less."""
    ends = check_mutations(range(20_000), tmp_path)
    assert min(ends.values()) > 500, ends


WIDE = pd.DataFrame(
    {"AAPL": [100.0, 101.5, 99.0], "BRK.B": [300.0, 301.0, 299.5]},
    index=pd.Index(["2024-01-02", "2024-01-03", "2024-01-04"], name="Date"),
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_wide_table_of_closes_is_a_ticker_a_column(suffix, tmp_path):
    path = tmp_path / f"closes.{suffix}"
    WIDE.to_csv(path) if suffix == "csv" else WIDE.to_parquet(path)
    bars = load_bars(path)
    assert bars.frame["ticker"].unique().tolist() == ["AAPL", "BRK.B"]
    assert bars.frame["close"].tolist() == [100.0, 101.5, 99.0, 300.0, 301.0, 299.5]
    assert "its columns AAPL, BRK.B are read as closes" in bars.notes[0]


def test_columns_that_are_no_tickers_are_not_taken_for_closes(path):
    WIDE.rename(columns={"AAPL": "settle", "BRK.B": "open interest"}).to_csv(path)
    with pytest.raises(DataError, match="no column close"):
        load_bars(path)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("Issuer", "has no column ticker, but Issuer with Ab Corp, Cd Inc in different rows"),
        ("Name", None),
        ("Symbol", None),
    ],
)
def test_two_companies_are_never_one_ticker(column, said, truth, path):
    half = len(truth) // 2
    names = ["Ab Corp"] * half + ["Cd Inc"] * (len(truth) - half)
    truth.assign(**{column: names}).to_csv(path, index=False)
    if said is None:
        assert load_bars(path).frame["ticker"].unique().tolist() == ["Ab Corp", "Cd Inc"]
    else:
        with pytest.raises(DataError, match=said):
            load_bars(path)


@pytest.mark.parametrize("name", ["5. adjusted close", "closeadj", "Adj Close", "adjClose"])
def test_an_adjusted_close_is_used_whatever_it_is_called(name, truth, path):
    truth.assign(**{name: truth["close"] / 2}).to_csv(path, index=False)
    close = load_bars(path).frame["close"]
    assert np.allclose(close, truth["close"] / 2)


def test_a_split_that_the_volume_is_not_adjusted_for_is_noted(truth, path):
    factor = np.where(np.arange(len(truth)) < 40, 0.25, 1.0)
    raw = truth.assign(**{name: truth[name] / factor for name in COLUMNS[:4]})
    raw.assign(adj_close=truth["close"]).to_csv(path, index=False)
    (note,) = load_bars(path).notes
    assert "adj_close is adjusted for splits (ABC on 2022-02-28) and volume may not be" in note


def check_ending(path, said, n_rows):
    """The file is read with all its rows, or refused with these words."""
    if said is None:
        assert len(load_bars(path).frame) == n_rows
    else:
        with pytest.raises(DataError, match=said):
            load_bars(path)


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (["01/02/2024", "02/02/2024"], None),
        (["01/02/2024"], "01/02/2024 is 2024-01-02 as MM/DD/YYYY and 2024-02-01 as DD/MM/YYYY"),
        (["2024-03-01", "13/3/2024"], r"two orders \(2024-03-01 and 13/3/2024\)"),
        (["13/3/24", "14/3/24"], None),
        (["1/2/24", "5/2/24", "1/3/24"], "can be read in two ways"),
    ],
)
def test_dates_that_can_be_read_in_two_ways_are_refused_with_both(dates, said, path):
    rows = [f"{date},{10 + n}" for n, date in enumerate(dates)]
    path.write_text("\n".join(["date,close", *rows]))
    check_ending(path, said, n_rows=len(dates))


@pytest.mark.parametrize(
    ("volumes", "said"),
    [
        (["60.436", "850"], r"60\.436 may be 60,436 or 60\.436, as 850 stands beside it"),
        (["60.436", "0"], None),
        (["60.436", "61.5"], None),
        (["1.39M", "850"], r"volume \(1\.39M\) is not a number"),
        (["1.39M", "0.85K"], None),
    ],
)
def test_numbers_are_read_in_the_notation_of_the_whole_column(volumes, said, path):
    rows = [f"2024-01-0{n},{10.5 + n},{volume}" for n, volume in enumerate(volumes, start=2)]
    path.write_text("\n".join(["date,close,volume", *rows]))
    check_ending(path, said, n_rows=len(volumes))


@pytest.mark.parametrize("largest", [4_000_000, 900_000])
def test_a_remedy_that_is_followed_halfway_gives_the_right_bars_or_is_refused(largest, path):
    """Commas for semicolons and points for commas, and the thousands forgotten."""
    truth = true_bars()
    truth["volume"] = np.round(truth["volume"] * largest / truth["volume"].max())
    text = SHAPES["german_excel"](truth)
    path.write_text(text.replace(",", "#").replace(";", ",").replace("#", "."))
    if largest > 999_999:  # two points in a number tell what they part
        assert (load_bars(path).frame["volume"] == truth["volume"]).all()
    else:
        assert any("which may be thousands" in note for note in load_bars(path).notes)


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("sep=,\n", 2),
        ("# generated by foo, 2024, v1\n", 2),
        ("Symbol: ABC,Exported 2024-01-02,,,,\n", 2),
        ("\n\n", 3),
        ("Prices: open, high, low, close of ABC\n\nall in dollars\n", 4),
    ],
)
def test_what_stands_above_the_header_is_left_out_and_said(above, line, truth, path):
    truth.to_csv(path, index=False)
    expected = load_bars(path).digest
    path.write_text(above + path.read_text())
    bars = load_bars(path)
    assert bars.digest == expected
    assert f"the header is in line {line}" in bars.notes[0]
    broken = truth.copy()
    broken.loc[7, "high"] = 1.0
    broken.to_csv(path, index=False)
    path.write_text(above + path.read_text())
    with pytest.raises(BadBarsError) as caught:
        load_bars(path)
    assert set(caught.value.rows["line"]) == {line + 8}


def test_a_newest_bar_without_prices_does_not_stop_a_panel(truth, path):
    """As a wide table has it before the day's close of one of its tickers."""
    frames = [true_bars(seed=seed).assign(ticker=name) for seed, name in enumerate("AB")]
    wide = pd.concat(frames).pivot(index="date", columns="ticker")
    wide = wide.rename(columns={name: name.title() for name in COLUMNS}, level=0)
    wide.loc[wide.index[-1], (["Open", "High", "Low", "Close"], "A")] = np.nan
    wide.rename_axis(columns=["Price", "Ticker"], index="Date").to_csv(path)
    bars = load_bars(path)
    assert bars.frame["ticker"].value_counts().to_dict() == {"A": 89, "B": 90}
    assert "the last bar has no prices and is left out: A on 2022-05-06" in bars.notes[0]


@pytest.mark.parametrize("blank", ["\n", "\r\n", "   \n", ",,,,,\n"])
def test_blank_lines_are_no_rows(blank, truth, path):
    truth.to_csv(path, index=False)
    expected = load_bars(path).digest
    lines = path.read_text().splitlines(keepends=True)
    for place in (1, 20, len(lines)):
        path.write_text("".join([*lines[:place], blank, *lines[place:]]))
        assert load_bars(path).digest == expected


@pytest.mark.parametrize(
    ("column", "values", "is_asked"),
    [
        ("code", ["600519", "000001"], True),
        ("Company", ["Ab Corp", "Cd Inc"], True),
        ("split", ["train", "test"], False),
        ("half", ["Jan 2022", "Jun 2022"], False),
        ("open_today", ["True", "False"], False),
    ],
)
def test_columns_that_tell_tickers_apart_are_asked_about(column, values, is_asked, truth, path):
    half = len(truth) // 2
    cells = [values[0]] * half + [values[1]] * (len(truth) - half)
    truth.assign(**{column: cells}).to_csv(path, index=False)
    if is_asked:
        with pytest.raises(DataError, match=f"has no column ticker, but {column}"):
            load_bars(path)
    else:
        assert f"{column} is not read" in load_bars(path).notes[0]


@pytest.mark.parametrize(
    "header", ["", "Date,O,H,L,C\n", "date,bid,ask,mid,last\n", "Date,OP,HI,LO,CL\n"]
)
def test_prices_of_one_ticker_are_no_table_of_closes(header, truth, path):
    text = truth.drop(columns="volume").to_csv(index=False, header=False)
    path.write_text(header + text)
    with pytest.raises(DataError, match="no column"):
        load_bars(path)


def test_a_time_in_a_column_of_its_own_belongs_to_the_date(truth, path):
    times = ["16:00:00"] * (len(truth) - 1) + ["14:31:07"]
    truth.assign(Time=times).to_csv(path, index=False)
    (note,) = load_bars(path).notes
    assert "ABC at 2022-05-06 14:31:07" in note
    both = pd.concat([truth.assign(time="10:00"), truth.assign(time="16:00")])
    both.sort_values(["date", "time"]).to_csv(path, index=False)
    with pytest.raises(DataError, match="names a second time of the same day"):
        load_bars(path)


def test_files_of_a_folder_keep_their_own_notation(tmp_path, truth):
    for name, write in (("A", SHAPES["yahoo"]), ("B", SHAPES["yahoo"]), ("C", SHAPES["yahoo"])):
        text = write(truth.assign(volume=truth["volume"] + ord(name)))
        if name == "C":
            lines = [line.split(",") for line in text.splitlines()]
            for cells in lines[1:]:
                cells[-1] = f"{int(cells[-1]) / 1000:.3f}K"
            text = "\n".join(",".join(cells) for cells in lines)
        (tmp_path / f"{name}.csv").write_text(text)
    volume = load_bars(tmp_path).frame.groupby("ticker")["volume"].first()
    assert volume["C"] - volume["A"] == 2


def test_hundreds_and_thousands_of_one_ticker_are_not_hidden_by_another(tmp_path, truth):
    truth.to_csv(tmp_path / "A.csv", index=False)
    cells = ["183.282", "904", *["671.570"] * (len(truth) - 2)]
    truth.assign(volume=cells).to_csv(tmp_path / "B.csv", index=False)
    with pytest.raises(DataError, match=r"183\.282 may be 183,282 .* as 904 stands beside"):
        load_bars(tmp_path)


def test_a_slip_of_the_adjusted_close_is_a_bad_row(truth, path):
    adjusted = truth["close"].copy()
    adjusted.iloc[40] /= 4
    truth.assign(adj_close=adjusted).to_csv(path, index=False)
    with pytest.raises(BadBarsError, match=r"adj_close .* is out of line with the days before and"):
        load_bars(path)
