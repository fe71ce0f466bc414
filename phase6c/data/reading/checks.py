"""Rules for each bar of a raw table, and the bars of a table that keeps them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phase6c.data.reading.cells import is_missing, parse_tickers
from phase6c.data.reading.columns import OPTIONAL_PRICES, known_columns
from phase6c.data.reading.dates import Dates, parse_dates
from phase6c.data.reading.numbers import read_numbers
from phase6c.data.reading.price_splits import check_adjustment
from phase6c.data.reading.raw import NUMBERS, PRICES, RawTable
from phase6c.data.reading.sequences import check_sequences
from phase6c.data.reading.series import place
from phase6c.wording import listed

# Adjusted and printed prices are rounded: a high may miss its close by a millionth.
ROUNDING = 1e-6
# No exchange's bars are older or younger; numbers of seconds read as dates usually are.
FIRST_YEAR, LAST_YEAR = 1800, 2200
# Daylight saving moves the time zone's offset by an hour; more is another zone.
MAX_OFFSET_CHANGE_MINUTES = 60
# Illiquid tickers repeat a price for days, but not in all of six weeks.
MIN_CONSTANT_ROWS = 30
# A column that most rows contradict is another column.
MIN_SHARE_EXCHANGED = 0.5
# Of a ticker's rows, the share that must keep the rules.
MIN_SHARE_GOOD = 0.5
# The largest honest ones were 7 times off, on 2015-08-24.
MIN_LONE_EXTREME = 8
# A price with its decimal point in the wrong place, against the bar's other prices.
MAX_DIGITS_OFF, DIGIT_TOLERANCE = 3, 0.05

_ISO_DATES = "Write all dates as YYYY-MM-DD."
_NO_BARS = pd.DataFrame({"ticker": pd.Categorical([])})


def check_table(table: RawTable, *, accept_events: bool = False) -> pd.DataFrame:
    """The bars of a raw table; every fault is added to its problems.

    Args:
        table: Raw table, whose cells are replaced by its known columns.
        accept_events: Whether tenfold jumps and long gaps are no faults.

    Returns:
        Columns date [datetime64[s]], ticker [categorical], [open, high, low], close, [volume]
        [float64], adjusted, sorted by ticker and date, without rows that break a rule: bars to use
        if there is no other problem.
    """
    if table.problems and table.cells.columns.empty:
        return _NO_BARS
    table.cells = known_columns(table.cells, table)
    if table.cells.empty:
        if table.cells.columns.size:
            table.fault("has no rows", "Write the bars into it first.")
        return _NO_BARS
    tickers = row_tickers(table)
    dates = parse_dates(table.cells["date"]) if "date" in table.cells else None
    if dates is not None:
        ended = _rows_without_prices_at_the_end(tickers, dates, table)
        if ended.any():
            table.keep(~ended)
            tickers, dates = tickers[~ended], dates.keep(~ended)
    unnamed = np.flatnonzero(tickers.codes < 0)
    table.fault_in(unnamed, "ticker", "is empty", "Name the ticker in every row.")
    named = pd.Series(tickers, name="ticker")
    bars = pd.concat([named, _numbers(named, table)], axis=1)
    _check_ranges(bars, table)
    if dates is None:
        return _adjusted(bars, table)
    _check_zones(dates, table)
    bars.insert(0, "date", _days(dates, table))
    if {"adj_close", "close"} <= set(bars):
        check_adjustment(bars[~table.is_bad()], table)
    bars = _adjusted(bars, table)
    _note_lone_extremes(bars[~table.is_bad() & bars["date"].notna()], table)
    _check_constants(bars[~table.is_bad()], table)
    checked = check_sequences(bars, dates.clock, table, accept_events=accept_events)
    _check_left(bars, checked, table)
    return checked


def _check_left(bars: pd.DataFrame, checked: pd.DataFrame, table: RawTable) -> None:
    """A ticker whose rows are mostly bad is a bad ticker, and its rows are no slips."""
    before, after = (frame.groupby("ticker", observed=False).size() for frame in (bars, checked))
    poor = before.index[(before >= MIN_CONSTANT_ROWS) & (after < MIN_SHARE_GOOD * before)]
    if table.bad_rows and len(poor):
        fault = "is the first of a ticker whose rows are mostly bad,"
        rows = _first_rows(bars).loc[list(poor)].to_numpy()
        table.fault_of(rows, [str(name) for name in poor], "date", fault, "Leave it out.")


def _first_rows(bars: pd.DataFrame) -> pd.Series:
    """The place in the table of each ticker's first row, by the ticker."""
    firsts = bars["ticker"].drop_duplicates()
    return pd.Series(firsts.index, index=firsts.to_numpy())


def row_tickers(table: RawTable) -> pd.Categorical:
    """The ticker of each row of a table with known columns; none where its cell is empty."""
    if "ticker" in table.cells:
        return parse_tickers(table.cells["ticker"])
    codes = np.zeros(len(table.cells), dtype=int) if table.file_codes is None else table.file_codes
    by_file = parse_tickers(pd.Series(table.tickers, dtype="str"))
    return pd.Categorical.from_codes(by_file.codes[codes], dtype=by_file.dtype)


def _rows_without_prices_at_the_end(
    tickers: pd.Categorical, dates: Dates, table: RawTable
) -> np.ndarray:
    """The rows after a ticker's last price, bool[row]: a download before the day's close."""
    prices = [name for name in (*PRICES, "adj_close") if name in table.cells]
    if not prices:
        return np.zeros(len(table.cells), dtype=bool)
    empty = np.ones(len(table.cells), dtype=bool)
    for name in prices:
        empty &= is_missing(table.cells[name])
    if not empty.any():
        return empty
    day = pd.Series(dates.day.astype("datetime64[s]"))
    last = day.where(~empty).groupby(tickers.codes).transform("max")
    ended: np.ndarray = empty & (day > last).to_numpy()
    if ended.any():
        rows = np.flatnonzero(ended)
        names = [f"{tickers[row]} on {dates.day[row]}" for row in rows]
        table.note(f"the last bar has no prices and is left out: {listed(names, 6)}")
    return ended


def _days(dates: Dates, table: RawTable) -> np.ndarray:
    """The days as datetime64[s]; NaT where a cell holds no date that can be used."""
    if dates.fault is not None:
        table.fault(*dates.fault)
        return dates.day.astype("datetime64[s]")
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
    codes = tickers.cat.codes.to_numpy()
    read = read_numbers({name: table.cells[name] for name in columns}, codes)
    for name, (fault, remedy) in read.faults.items():
        table.fault(f"{name} {fault}", remedy)
    for note in read.notes:
        table.note(note)
    numbers = pd.DataFrame(read.values, index=tickers.index)
    missing = numbers.isna()
    for name in columns:
        none = np.flatnonzero(missing[name])
        if len(none):
            missing.iloc[none, columns.index(name)] = is_missing(table.cells[name].iloc[none])
    text = numbers.isna() & ~missing
    numbers = _without_lacking(numbers, missing, tickers, table)
    for name, column in numbers.items():
        if name in read.faults:
            continue
        absent = np.flatnonzero(missing[name] & column.isna())
        infinite = np.flatnonzero(np.isinf(column))
        remedy = "Fill the value in or leave the day out."
        table.fault_in(absent, str(name), "is missing", remedy)
        table.fault_in(infinite, str(name), "is infinite", remedy)
        remedy = "Write plain numbers in all rows, or leave the day out."
        table.fault_in(np.flatnonzero(text[name]), str(name), "is not a number", remedy)
    return numbers


def _without_lacking(
    numbers: pd.DataFrame, missing: pd.DataFrame, tickers: pd.Series, table: RawTable
) -> pd.DataFrame:
    """Leaves out columns that some ticker has no value of, since all tickers share a panel.

    The prices of a ticker without any adj_close count as adjusted.
    """
    absent = missing
    if "volume" in numbers:
        # What is not counted is written as zero, as for indices and rates; never for days alone.
        many = len(numbers) >= MIN_CONSTANT_ROWS
        absent = missing.assign(volume=missing["volume"] | (many & (numbers["volume"] == 0)))
    if not absent.any(axis=None):
        return numbers
    lacking = absent.groupby(tickers, observed=True).all()
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
            bad = bars[name] <= 0
            check(bad, name, "is not above zero", _remedy_of_zero(name, bad, bars))
    if "volume" in bars:
        check(bars["volume"] < 0, "volume", "is negative", "A volume is zero or more.")
    columns = bars.reindex(columns=PRICES)
    high, low = columns["high"], columns["low"]

    def contradicts(bad: pd.Series, column: str, fault: str) -> None:
        check(bad, column, fault, _remedy_of_contradiction(bad, columns))

    contradicts(high < low, "high", "is below low")
    for name in ("open", "close"):
        value = columns[name].where((columns[name] > 0) & ~(high < low))  # else it was said already
        contradicts(value > high * (1 + ROUNDING), name, "is above high")
        contradicts(value < low * (1 - ROUNDING), name, "is below low")


def _note_lone_extremes(bars: pd.DataFrame, table: RawTable) -> None:
    """A high or low ten times off keeps its bar in order, and may yet be a decimal point."""
    if not {"open", "high", "low", "close"} <= set(bars):
        return
    body = bars[["open", "close"]]
    with np.errstate(all="ignore"):
        above = (bars["high"] / body.max(axis=1)).to_numpy()
        below = (body.min(axis=1) / bars["low"]).to_numpy()
    for name, off in (("high", above), ("low", below)):
        rows = np.flatnonzero(np.isfinite(off) & (off >= MIN_LONE_EXTREME))
        days = [place(bars, row) for row in rows]
        if days:
            side = "above" if name == "high" else "below"
            table.note(
                f"the {name} lies {MIN_LONE_EXTREME} times or more {side} the rest of its bar, as"
                f" with a decimal point in the wrong place: {listed(days, 6)}"
            )


def _remedy_of_zero(column: str, bad: pd.Series, bars: pd.DataFrame) -> str:
    if column == "open" and bad.any() and "close" in bars and (bars["close"][bad] > 0).all():
        days = "The opens of these days are not known, though they were traded:"
        return f"{days} begin after them, or remove the columns open, high and low."
    return "Leave days without trade out."


def _remedy_of_contradiction(bad: pd.Series, prices: pd.DataFrame) -> str:
    """What helps depends on the size of the fault and on how many rows have it."""
    if not bad.any():
        return ""
    if bad.mean() >= MIN_SHARE_EXCHANGED:
        return "Check that the columns are not exchanged."
    bar = prices[bad].iloc[0]
    for name, value in bar.items():
        others = bar.drop(str(name)).median()
        if not (0 < others < np.inf and 0 < value < np.inf):
            continue
        digits = float(np.log10(others) - np.log10(value))
        off = round(digits)
        if 1 <= abs(off) <= MAX_DIGITS_OFF and abs(digits - off) <= DIGIT_TOLERANCE:
            factor, than = f"{10 ** abs(off):,}", "low" if off > 0 else "high"
            told = f"{name} ({value:g}) is {factor} times too {than} for the bar"
            return f"Move the decimal point, as {told}, or leave the bar out."
    return "The bar contradicts itself: take it from another source, or leave it out."


def _check_constants(bars: pd.DataFrame, table: RawTable) -> None:
    """No column of a ticker may hold a single value throughout."""
    groups = bars.groupby("ticker", observed=True)
    first_rows = _first_rows(bars)
    long = groups.size() >= MIN_CONSTANT_ROWS
    for name in bars.columns.intersection(NUMBERS):
        constant = long & (groups[name].min() == groups[name].max())
        names = [str(ticker) for ticker in constant.index[constant]]
        remedy = "Remove the column, or leave the ticker out."
        if name != "volume":
            remedy = "Leave the ticker out."
        rows = first_rows.loc[names].to_numpy()
        table.fault_of(rows, names, str(name), "is the only value, first", remedy)


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
