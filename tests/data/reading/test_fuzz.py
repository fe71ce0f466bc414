"""Whatever a file holds, it is read as bars that keep their promises, or refused."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.data.bars import load_bars
from phase6c.errors import DataError

fuzzed = settings(max_examples=60, deadline=None)

DAYS = [f"2020-01-{day:02}" for day in (2, 3, 6, 7, 8, 9)]
LONG = [
    ["date", "ticker", "open", "high", "low", "close", "adj_close", "volume"],
    *([day, ticker, "1.1", "1.5", "1.0", "1.2", "1.2", "7"] for ticker in "AB" for day in DAYS),
]
FLAT = [
    ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends"],
    *([f"1/{int(day[-2:])}/2020", "1.1", "1.5", "1.0", "1.2", "0.6", "7", "0"] for day in DAYS),
]
CLOSES = [["date", "close"], *([day + " 00:00:00-05:00", "1.2"] for day in DAYS)]
WIDE = [
    ["Price", "Close", "Close", "High", "High", "Low", "Low", "Open", "Open"],
    ["Ticker", *"ABABABAB"],
    ["Date", *[""] * 8],
    *([day, "1.2", "", "1.5", "1.5", "1.0", "", "1.1", ""] for day in DAYS),
]
TICKER_FIRST = [
    ["Ticker", *"AAB"],
    ["Price", "Close", "Volume", "Close"],
    *([day, "1", "2", "3"] for day in DAYS),
]

ODD_CELLS = (
    *(
        "nan",
        "NA",
        "inf",
        "-1",
        "0",
        "1e400",
        "5e-324",
        "1.7e308",
        "1,234.5",
        "$3",
        "1k",
        '"',
        '"x"',
    ),
    *("2020-01-02", "2020-01-02T09:30Z", "31/01/2020", "01/31/2020", "20200131", "1577923200"),
    *("now", "0001-01-01", "9999-12-31", "2020-02-30"),
    *("close", "adj close", "Date", "symbol", "LOW"),
)
CELLS = st.text(max_size=6) | st.sampled_from(ODD_CELLS)


def with_cell(draw, grid):
    row = draw(st.integers(0, len(grid) - 1))
    column = draw(st.integers(0, max(len(grid[row]) - 1, 0)))
    return [
        *grid[:row],
        [*grid[row][:column], draw(CELLS), *grid[row][column + 1 :]],
        *grid[row + 1 :],
    ]


def with_column(draw, grid):
    column = draw(st.integers(0, 8))
    cells = draw(
        st.just([draw(CELLS)] * len(grid)) | st.lists(CELLS, min_size=len(grid), max_size=len(grid))
    )
    return [
        [*row[:column], cell, *row[column + 1 :]] for row, cell in zip(grid, cells, strict=True)
    ]


def with_columns_picked(draw, grid):
    picked = draw(st.lists(st.integers(0, 8), min_size=1, max_size=10))
    return [[row[one] for one in picked if one < len(row)] for row in grid]


def with_rows_picked(draw, grid):
    return [
        grid[one % len(grid)] for one in draw(st.lists(st.integers(0, 20), min_size=1, max_size=15))
    ]


def with_rows_shuffled(draw, grid):
    return [grid[0], *draw(st.permutations(grid[1:]))]


def with_row_cut(draw, grid):
    row = draw(st.integers(0, len(grid) - 1))
    return [*grid[:row], grid[row][: draw(st.integers(1, 9))], *grid[row + 1 :]]


@st.composite
def grids(draw):
    grid = draw(st.sampled_from([LONG, FLAT, CLOSES, WIDE, TICKER_FIRST]))
    changes = [
        *(with_cell, with_cell, with_column, with_columns_picked),
        *(with_rows_picked, with_rows_shuffled, with_row_cut),
    ]
    for change in draw(st.lists(st.sampled_from(changes), max_size=3)):
        grid = change(draw, grid)
    return grid


COLUMNS = st.sampled_from(
    [
        st.text(max_size=4) | st.none(),
        st.floats() | st.none(),
        st.floats(0.5, 2),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 3) | st.none(),
        st.booleans(),
        st.datetimes() | st.none(),
        st.dates(),
        st.timedeltas(),
        st.decimals(allow_nan=False, min_value=-9, max_value=9, places=2),
        st.binary(max_size=4),
        st.lists(st.integers(0, 3), max_size=2),
        st.fixed_dictionaries({"a": st.integers(0, 3)}),
    ]
)


@st.composite
def frames(draw):
    """A typed table of valid bars in which a few columns hold something else."""
    n = draw(st.integers(0, 8))
    days = pd.bdate_range(
        "2020-01-01", periods=n, unit=draw(st.sampled_from(["s", "ms", "us", "ns"]))
    )
    zone = draw(st.sampled_from([None, "UTC", "America/New_York"]))
    frame = pd.DataFrame(
        {"date": days.tz_localize(zone)}
        | {name: 1.0 + np.arange(n) / 9 for name in ("open", "high", "low", "close")}
    )
    names = ("date", "ticker", "open", "high", "low", "close", "adj_close", "volume", "x")
    for name in draw(st.lists(st.sampled_from(names), max_size=3)):
        cells = draw(st.lists(draw(COLUMNS), min_size=n, max_size=n))
        frame[name] = pd.Series(cells, dtype=object)
    if draw(st.booleans()):
        frame = frame.set_index(draw(st.sampled_from(list(frame.columns))))
    if draw(st.booleans()):
        keys = [draw(st.permutations([name, draw(st.sampled_from("AB"))])) for name in frame]
        frame.columns = pd.MultiIndex.from_tuples(keys)
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def check(path, content):
    path.write_bytes(content)
    try:
        bars = load_bars(path)
    except DataError:
        return
    frame = bars.frame
    prices = frame.drop(columns=["date", "ticker", "volume"], errors="ignore")
    assert len(frame)
    assert not frame.duplicated(["ticker", "date"]).any()
    assert frame.index.equals(frame.sort_values(["ticker", "date"]).index)
    assert frame["date"].notna().all()
    assert frame["ticker"].str.strip().str.len().gt(0).all()
    assert list(prices) in (["close"], ["open", "high", "low", "close"])
    assert np.isfinite(prices.to_numpy()).all()
    assert (prices.to_numpy() > 0).all()
    if "high" in frame:
        assert (frame["high"] >= frame["low"]).all()
    if "volume" in frame:
        assert frame["volume"].between(0, np.finfo(float).max).all()


@fuzzed
@given(content=st.binary(), name=st.sampled_from(["a.csv", "a.csv.gz", "a.parquet"]))
def test_any_bytes(folder, content, name):
    check(folder / name, content)


@fuzzed
@given(text=st.text() | st.text("\"',;|\t\r\n0.-eE"), packed=st.booleans())
def test_any_text(folder, text, packed):
    content = text.encode()
    check(
        folder / ("a.csv.gz" if packed else "a.csv"), gzip.compress(content) if packed else content
    )


@pytest.mark.slow
@settings(fuzzed, max_examples=200)
@given(grid=grids(), delimiter=st.sampled_from(",,,,,;\t| "), end=st.sampled_from(["\n", "\r\n"]))
def test_changed_csv_files(folder, grid, delimiter, end):
    check(folder / "a.csv", end.join(delimiter.join(row) for row in grid).encode())


@pytest.mark.slow
@fuzzed
@given(frame=frames())
def test_changed_parquet_tables(folder, frame):
    try:
        frame.to_parquet(folder / "b.parquet")
    except (ValueError, TypeError, OverflowError):  # not everything can be written
        return
    check(folder / "a.parquet", (folder / "b.parquet").read_bytes())


@fuzzed
@given(position=st.integers(0, 10**6), new=st.binary(min_size=1, max_size=3))
def test_damaged_parquet_files(folder, position, new):
    frame = pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=5), "close": 1.0})
    content = bytearray(frame.to_parquet())
    position %= len(content)
    content[position : position + len(new)] = new
    check(folder / "a.parquet", bytes(content))
