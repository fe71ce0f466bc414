"""Rules for each bar of a raw table, and the bars of a table that keeps them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phase6c.data.reading.columns import OPTIONAL_PRICES, known_columns
from phase6c.data.reading.parsing import (
    Dates,
    is_missing,
    parse_dates,
    parse_numbers,
    parse_tickers,
)
from phase6c.data.reading.raw import NUMBERS, PRICES, RawTable
from phase6c.data.reading.sequences import check_sequences
from phase6c.wording import listed

# Adjusted and printed prices are rounded: a high may miss its close by a millionth.
ROUNDING = 1e-6
# No exchange's bars are older or younger; numbers of seconds read as dates usually are.
FIRST_YEAR, LAST_YEAR = 1800, 2200
# Daylight saving moves the time zone's offset by an hour; more is another zone.
MAX_OFFSET_CHANGE_MINUTES = 60
# Illiquid tickers repeat a price for days, but not in all of six weeks.
MIN_CONSTANT_ROWS = 30

_ISO_DATES = "Write all dates as YYYY-MM-DD."
_NO_BARS = pd.DataFrame({"ticker": pd.Categorical([])})


def check_table(table: RawTable) -> pd.DataFrame:
    """The bars of a raw table; every fault is added to its problems.

    Args:
        table: Raw table, whose cells are replaced by its known columns.

    Returns:
        Columns date [datetime64[s]], ticker [categorical], [open, high, low], close, [volume]
        [float64], adjusted, sorted by ticker and date: bars to use if there is no problem.
    """
    if table.problems and table.cells.columns.empty:
        return _NO_BARS
    table.cells = known_columns(table.cells, table)
    if table.cells.empty:
        if table.cells.columns.size:
            table.fault("has no rows", "Write the bars into it first.")
        return _NO_BARS
    tickers = pd.Series(_tickers(table), name="ticker")
    bars = pd.concat([tickers, _numbers(tickers, table)], axis=1)
    _check_ranges(bars, table)
    _check_constants(bars, table)
    bars = _adjusted(bars, table)
    if "date" not in table.cells:
        return bars
    dates = parse_dates(table.cells["date"])
    _check_zones(dates, table)
    bars.insert(0, "date", _days(dates, table))
    return check_sequences(bars, dates.clock, table)


def _tickers(table: RawTable) -> pd.Categorical:
    if "ticker" not in table.cells:
        name = pd.Series([table.ticker], index=[0])
        return parse_tickers(name)[np.zeros(len(table.cells), dtype=int)]
    tickers = parse_tickers(table.cells["ticker"])
    unnamed = np.flatnonzero(tickers.codes < 0)
    table.fault_in(unnamed, "ticker", "is empty", "Name the ticker in every row.")
    return tickers


def _days(dates: Dates, table: RawTable) -> np.ndarray:
    """The days as datetime64[s]; NaT where a cell holds no date that can be used."""
    none = np.flatnonzero(np.isnat(dates.day))
    missing = is_missing(table.cells["date"].iloc[none])
    table.fault_in(none[missing], "date", "is missing", "Name the day of every bar.")
    table.fault_in(none[~missing], "date", "is not a date", _ISO_DATES)
    years = dates.day.astype("datetime64[Y]").astype(int) + 1970
    outside = ~np.isnat(dates.day) & ((years < FIRST_YEAR) | (years > LAST_YEAR))
    fault = f"is outside the years {FIRST_YEAR} to {LAST_YEAR}"
    table.fault_in(np.flatnonzero(outside), "date", fault, _ISO_DATES)
    days = np.where(outside, np.datetime64("NaT"), dates.day)
    return np.asarray(days.astype("datetime64[s]"))


def _check_zones(dates: Dates, table: RawTable) -> None:
    """Either all dates have a time zone or none; the zone is the same, but for daylight saving."""
    read = np.flatnonzero(~np.isnat(dates.day))
    zoned = ~np.isnan(dates.offset[read])
    first_is_zoned = zoned[:1].any()
    fault = f"has {'no' if first_is_zoned else 'a'} time zone, unlike earlier ones,"
    table.fault_in(read[zoned != first_is_zoned], "date", fault, _ISO_DATES)
    offsets = pd.Series(dates.offset[read[zoned]])
    moved = offsets.cummax() - offsets.cummin() > MAX_OFFSET_CHANGE_MINUTES
    fault = "has another time zone than earlier ones"
    table.fault_in(read[zoned][moved], "date", fault, _ISO_DATES)


def _numbers(tickers: pd.Series, table: RawTable) -> pd.DataFrame:
    """The numbers of each column, without the columns that a ticker has no value of."""
    columns = [name for name in NUMBERS if name in table.cells]
    values = {name: parse_numbers(table.cells[name]) for name in columns}
    numbers = pd.DataFrame(values, index=tickers.index)
    missing = numbers.isna()
    for name in columns:
        none = np.flatnonzero(missing[name])
        if len(none):
            missing.iloc[none, columns.index(name)] = is_missing(table.cells[name].iloc[none])
    text = numbers.isna() & ~missing
    numbers = _without_lacking(numbers, missing, tickers, table)
    for name, column in numbers.items():
        absent = np.flatnonzero(missing[name] & column.isna())
        infinite = np.flatnonzero(np.isinf(column))
        remedy = "Fill the value in or leave the day out."
        table.fault_in(absent, str(name), "is missing", remedy)
        table.fault_in(infinite, str(name), "is infinite", remedy)
        remedy = "Write plain numbers, without currency signs or thousands separators."
        table.fault_in(np.flatnonzero(text[name]), str(name), "is not a number", remedy)
    return numbers


def _without_lacking(
    numbers: pd.DataFrame, missing: pd.DataFrame, tickers: pd.Series, table: RawTable
) -> pd.DataFrame:
    """Leaves out columns that some ticker has no value of, since all tickers share a panel.

    The prices of a ticker without any adj_close count as adjusted.
    """
    if not missing.any(axis=None):
        return numbers
    lacking = missing.groupby(tickers, observed=True).all()
    for group in (list(OPTIONAL_PRICES), ["volume"]):
        if set(group) <= set(numbers):
            without = lacking.index[lacking[group].all(axis=1)]
            if len(without):
                text = f"{', '.join(group)} left out, as there is none for {listed(list(without))}"
                table.note(text)
                numbers = numbers.drop(columns=group)
    if {"close", "adj_close"} <= set(numbers):
        whole = tickers.isin(lacking.index[lacking["adj_close"]])
        adj_close = numbers["adj_close"].mask(whole, numbers["close"])
        numbers = numbers.assign(adj_close=adj_close)
    return numbers


def _check_ranges(bars: pd.DataFrame, table: RawTable) -> None:
    """Signs and order of the values; missing values compare false and are not reported twice."""

    def check(bad: pd.Series, column: str, fault: str, remedy: str) -> None:
        table.fault_in(np.flatnonzero(bad), column, fault, remedy)

    for name in (*PRICES, "adj_close"):
        if name in bars:
            check(bars[name] <= 0, name, "is not above zero", "Leave days without trade out.")
    if "volume" in bars:
        check(bars["volume"] < 0, "volume", "is negative", "A volume is zero or more.")
    columns = bars.reindex(columns=PRICES)
    high, low = columns["high"], columns["low"]
    remedy = "Check that the columns are not exchanged."
    check(high < low, "high", "is below low", remedy)
    for name in ("open", "close"):
        value = columns[name].where((columns[name] > 0) & ~(high < low))  # else it was said already
        check(value > high * (1 + ROUNDING), name, "is above high", remedy)
        check(value < low * (1 - ROUNDING), name, "is below low", remedy)


def _check_constants(bars: pd.DataFrame, table: RawTable) -> None:
    """No column of a ticker may hold a single value throughout."""
    tickers = bars["ticker"].dropna()
    codes, rows = tickers.cat.codes.to_numpy(), tickers.index.to_numpy()
    first_rows = tickers.drop_duplicates().sort_values().index.to_numpy()  # in order of the codes
    long = np.bincount(codes) >= MIN_CONSTANT_ROWS
    for name in bars.columns.intersection(NUMBERS):
        values = bars[name].to_numpy()
        changes = np.bincount(codes, values[rows] != values[first_rows][codes])
        remedy = "Remove the column, or leave the ticker out."
        if name != "volume":
            remedy = "Leave the ticker out."
        constant = first_rows[long & (changes == 0)]
        table.fault_in(constant, name, "is the only value, first", remedy, "ticker")


def _adjusted(bars: pd.DataFrame, table: RawTable) -> pd.DataFrame:
    """The bars with prices multiplied by adj_close / close, without adj_close."""
    if not {"adj_close", "close"} <= set(bars):
        return bars.drop(columns="adj_close", errors="ignore")
    prices = [name for name in PRICES if name in bars]
    with np.errstate(all="ignore"):
        adjusted = bars[prices].mul(bars["adj_close"] / bars["close"], axis=0)
    given = bars[[*prices, "adj_close"]]
    lost = _usable(given) & ~_usable(adjusted)
    fault = "is out of all proportion to close"
    table.fault_in(np.flatnonzero(lost), "adj_close", fault, "Check the decimal points.")
    return bars.drop(columns="adj_close").assign(**adjusted)


def _usable(prices: pd.DataFrame) -> np.ndarray:
    values = prices.to_numpy()
    return np.asarray((np.isfinite(values) & (values > 0)).all(axis=1))
