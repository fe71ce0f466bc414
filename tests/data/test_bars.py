"""Bars are read alike from every format, and everything wrong with them is said at once."""

import numpy as np
import pandas as pd
import pytest

from phase6c.data.bars import load_bars, ticker_frames
from phase6c.errors import DataError

GOOD = """Date,Open,High,Low,Close,Adj Close,Volume
2020-01-02,1.0,2.0,0.5,1.5,0.75,10
2020-01-03,1.5,2.0,1.0,1.5,1.50,20
2020-01-06,1.5,2.0,1.0,1.6,1.60,0
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="abc.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def refusal(source):
    with pytest.raises(DataError) as caught:
        load_bars(source)
    assert caught.value.exit_code == 65
    return str(caught.value)


def test_the_demo_bars_pass_every_check():
    bars = load_bars("sp500, nasdaq")
    assert bars.sources == ("sp500", "nasdaq")
    assert bars.frame["ticker"].value_counts().to_dict() == {"sp500": 5031, "nasdaq": 5031}
    assert list(ticker_frames(bars)) == ["nasdaq", "sp500"]


def test_the_demo_bars_are_those_of_arch(sp500):
    from arch.data import sp500 as package

    expected = package.load()
    assert (sp500.frame["date"].to_numpy() == expected.index.to_numpy()).all()
    np.testing.assert_allclose(sp500.frame["close"], expected["Adj Close"])
    np.testing.assert_allclose(sp500.frame["high"], expected["High"])


def test_prices_are_adjusted_and_the_file_name_is_the_ticker(write):
    frame = load_bars(write(GOOD)).frame
    assert list(frame.columns) == ["date", "ticker", "open", "high", "low", "close", "volume"]
    assert frame.iloc[0].tolist()[1:] == ["abc", 0.5, 1.0, 0.25, 0.75, 10.0]
    assert frame.iloc[1].tolist()[1:] == ["abc", 1.5, 2.0, 1.0, 1.5, 20.0]


def test_the_digest_is_that_of_the_values_not_of_the_file(write, tmp_path):
    csv = load_bars(write(GOOD))
    table = pd.read_csv(write(GOOD), parse_dates=["Date"])
    table.to_parquet(tmp_path / "abc.parquet")
    table.set_index("Date").to_parquet(tmp_path / "abc_by_date.parquet")
    indexed = load_bars(tmp_path / "abc_by_date.parquet").frame
    assert load_bars(tmp_path / "abc.parquet").digest == csv.digest
    assert indexed["close"].tolist() == csv.frame["close"].tolist()
    assert load_bars(write(GOOD.replace(",10\n", ",11\n"))).digest != csv.digest


def test_a_long_file_is_sorted_by_ticker_then_date(write):
    rows = GOOD.splitlines()
    mixed = [rows[0] + ",Ticker"] + [f"{row},{t}" for row in rows[1:] for t in ("zz", "yy")]
    frame = load_bars(write("\n".join(mixed))).frame
    assert frame["ticker"].tolist() == ["yy"] * 3 + ["zz"] * 3
    assert frame["date"].is_monotonic_increasing is False
    assert (frame.groupby("ticker")["date"].diff().dropna() > pd.Timedelta(0)).all()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2020-01-02", "2020-01-02 00:00:00-05:00"),
        ("2020-01-03", "2020-01-03T09:30:00Z"),
    ],
)
def test_times_and_time_zones_are_dropped_from_dates(write, old, new):
    assert load_bars(write(GOOD.replace(old, new))).digest == load_bars(write(GOOD)).digest


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (GOOD, "", ["is empty"]),
        (GOOD, GOOD.splitlines()[0], ["has no rows"]),
        (",", ";", ["no column date", "Separate the columns by commas"]),
        ("Volume", "Vol", ["no column volume", "Rename vol to volume"]),
        ("Adj Close", "close", ["column close twice"]),
        ("2020-01-03", "2020-01-02", ["repeats", "row 2", "2020-01-02"]),
        ("2020-01-03", "2019-12-31", ["earlier than the one before", "row 2", "Sort"]),
        ("2020-01-03", "soon", ["date (soon) is not a date", "row 2"]),
        ("0.75,10", "0.75,1k", ["volume (1k) is not a number", "row 1", "2020-01-02"]),
        ("2020-01-03,1.5", "2020-01-03,", ["open is missing", "row 2", "2020-01-03"]),
        ("1.6,1.60", "1.6,inf", ["adj_close (inf) is infinite", "row 3"]),
        ("2020-01-03,1.5", "2020-01-03,0", ["open (0) is not above zero", "row 2"]),
        ("2020-01-03,1.5", "2020-01-03,-1", ["open (-1) is not above zero", "row 2"]),
        ("1.60,0", "1.60,-5", ["volume (-5) is negative", "row 3"]),
        ("1.0,2.0,0.5", "1.0,0.4,0.5", ["high (0.4) is below low", "row 1"]),
        ("1.6,1.60", "2.6,1.60", ["close (2.6) is above high", "row 3"]),
        ("0.75,10", "0.75,10,11", ["cannot be read"]),
    ],
)
def test_a_bad_file_is_refused_with_file_column_row_date_and_remedy(write, old, new, said):
    message = refusal(write(GOOD.replace(old, new)))
    for part in ["abc.csv", *said]:
        assert part in message


def test_a_high_that_misses_its_close_by_rounding_passes(write):
    load_bars(write(GOOD.replace("1.6,1.60", "2.000001,1.60")))


def test_everything_wrong_comes_in_one_report(write, tmp_path):
    broken = write(GOOD.replace("2020-01-03,1.5", "2020-01-02,0").replace("10\n", "x\n"), "b.csv")
    message = refusal([broken, tmp_path / "none.csv"])
    for part in ("repeats", "open (0)", "volume (x)", "none.csv: there is no such file"):
        assert part in message
    assert len(message.splitlines()) == 5


def test_further_rows_with_the_same_fault_are_counted(write):
    assert "in 1 more rows" in refusal(write(GOOD.replace(",1.5,2.0", ",nan,2.0")))


def test_unreadable_files_and_folders_are_refused(write, tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08\x00nothing")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    for name in ("broken.parquet", "broken.csv.gz", "binary.csv"):
        assert "cannot be read" in refusal(tmp_path / name)
    assert "is a folder" in refusal(tmp_path)
    assert "neither CSV nor Parquet" in refusal(write(GOOD, "abc.txt"))
    assert "sp500, nasdaq" in refusal("")


def test_a_ticker_comes_from_one_source_only():
    assert "already in sp500" in refusal("sp500,sp500")
