"""Wide tables, with a column for each field of each ticker, made long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from phase6c.data.reading.cells import column_key, is_missing
from phase6c.data.reading.dates import parse_dates
from phase6c.data.reading.numbers import parse_numbers
from phase6c.data.reading.raw import NUMBERS, RawTable, shown
from phase6c.wording import listed

# Tickers as exchanges and vendors write them: AAPL, BRK.B, ^GSPC, EURUSD=X, 600519.SS.
_TICKER = r"[A-Z0-9^=.&/-]{1,15}"
# Prices as names show a file without a header, whose first row was taken for it.
_NUMBER = r"[0-9]*\.[0-9]+|0|[0-9]{7,}"
# Closes of two tickers drift apart; fields of one stay within a few percent of each other.
MAX_SHARE_ALIKE, ALIKE = 0.9, 0.1
_TICKER_LABELS = ("ticker", "tickers", "symbol", "symbols")


def is_wide(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether the first two rows of a CSV file are fields and tickers, in either order.

    A label says so (`Ticker,AAPL,MSFT`), or the row below the fields has no date and no number.
    """
    fields, fields_below = _field_count(first[1:]), _field_count(second[1:])
    if fields_below > fields:
        return True
    if column_key(second[0]) in _TICKER_LABELS:
        return fields > 0
    names = pd.Series(second[1:], dtype="str")
    only_names = bool((names != "").all()) and bool(np.isnan(parse_numbers(names)).all())
    return fields > 0 and second[0] == "" and only_names


def long_table(
    cells: pd.DataFrame, upper: Sequence[str], lower: Sequence[str], table: RawTable
) -> pd.DataFrame:
    """A row for each day and ticker of a wide table; rows without any number are left out.

    Args:
        cells: Dates in the first column, then a column for each field and ticker.
        upper: Upper header of each column but the first: its field or its ticker.
        lower: Lower header of each column but the first.
        table: Receives the problems.

    Returns:
        Columns date, ticker and the fields; the index holds the row numbers of `cells`.
    """
    # yfinance writes fields above tickers or tickers above fields, depending on `group_by`.
    fields, tickers = sorted((upper, lower), key=_field_count, reverse=True)
    pairs = pd.MultiIndex.from_arrays([fields, tickers])
    for field, ticker in pairs[pairs.duplicated()].unique():
        table.fault(f"has the column {shown(field)} of {shown(ticker)} twice", "Keep one of them.")
    names = pd.Index(tickers).unique()
    rows = np.tile(np.arange(len(cells)), len(names))
    columns = {}
    for field in dict.fromkeys(fields):
        of_field = np.flatnonzero(~pairs.duplicated() & (pairs.get_level_values(0) == field))
        block = cells.iloc[:, of_field + 1].set_axis(pairs[of_field].get_level_values(1), axis=1)
        # Ticker by ticker, with gaps where a ticker lacks the field.
        columns[field] = block.reindex(columns=names).to_numpy().ravel(order="F")
    columns |= {"date": cells.iloc[rows, 0].array, "ticker": names.repeat(len(cells))}
    return _without_empty_rows(pd.DataFrame(columns, index=rows), table)


def is_wide_of_closes(cells: pd.DataFrame) -> bool:
    """Whether a table has days and, under names like those of tickers, a price of each."""
    names = pd.Series([str(name) for name in cells.columns[1:]], dtype="str")
    keys = {column_key(name) for name in names}
    if len(names) < 2 or len(cells) < 2 or not names.str.fullmatch(_TICKER).all():
        return False
    if names.str.fullmatch(_NUMBER).any() or names.str.len().max() == 1:
        return False
    some = cells.iloc[:16]
    if keys.intersection((*NUMBERS, "date", "ticker", "vol", "symbol")) or names.duplicated().any():
        return False
    texts = some.iloc[:, 1:].to_numpy().ravel()
    values = pd.Series(texts)
    numeric = ~np.isnan(parse_numbers(values)) | is_missing(values)
    dated = not np.isnat(parse_dates(some.iloc[:, 0]).day).all()
    return bool(numeric.all()) and dated and not _are_alike(cells)


def _are_alike(cells: pd.DataFrame) -> bool:
    """Whether two columns are near each other on nearly all days, as bid and ask are."""
    columns = [parse_numbers(cells.iloc[:, place]) for place in range(1, min(cells.shape[1], 7))]
    with np.errstate(all="ignore"):
        return any(
            np.nanmean(np.abs(one / other - 1) < ALIKE) > MAX_SHARE_ALIKE
            for one, other in combinations(columns, 2)
        )


def long_table_of_closes(cells: pd.DataFrame, table: RawTable) -> pd.DataFrame:
    """A row for each day and ticker of a table with a column of closes for each ticker."""
    names = [str(name) for name in cells.columns[1:]]
    table.note(f"its columns {listed(names, 6)} are read as closes of tickers of these names")
    return long_table(cells, ["close"] * len(names), names, table)


def _without_empty_rows(long: pd.DataFrame, table: RawTable) -> pd.DataFrame:
    """The rows of days that a ticker has in the table, not of those that only others have."""
    empty = [is_missing(long[name]) for name in long if column_key(name) in NUMBERS]
    kept = long[~np.logical_and.reduce(empty)] if empty else long
    without = pd.Index(long["ticker"]).unique().difference(kept["ticker"], sort=False)
    if len(without):
        table.note(f"left out without any bar: {listed([shown(name) for name in without])}")
    return kept


def _field_count(names: Sequence[object]) -> int:
    """How many kinds of prices and volumes are among the names; a ticker may be called LOW."""
    return len({column_key(name) for name in names}.intersection(NUMBERS))
