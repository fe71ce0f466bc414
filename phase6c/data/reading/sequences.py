"""Rules from each bar of a ticker to the next: order, repeats, gaps and jumps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phase6c.data.reading.calendars import check_calendar
from phase6c.data.reading.price_splits import note_splits
from phase6c.data.reading.raw import RawTable
from phase6c.data.reading.series import exchanged, of_bar_before, steps

# Weekly bars are seven days apart; daily bars mostly one day, and four over a long weekend.
MAX_MEDIAN_STEP_DAYS = 4
# A fifth of daily steps lead over a weekend, and hardly any over more than four days.
MAX_SHARE_APART, MAX_SHARE_FAR_APART = 0.5, 0.1
# Exchanges have closed for weeks, and for longer in wars only.
MAX_GAP_DAYS = 60
# Crashes and takeovers hardly ever move a price ninefold in a day; a decimal point in another place
# does, whatever the day has added to its factor of ten.
MAX_JUMP = 9
# A price that goes away by so large a factor, and is back within so many bars and so small a one,
# had not gone there; penny stocks come to a factor of 2.6 and back.
MIN_SPIKE, MAX_SPIKE_BARS, MAX_SPIKE_CHANGE = 4, 5, 2
# Where exchanging day and month leaves so small a share of the steps back, that is the cause.
MAX_SHARE_BACK = 0.1

_IF_REAL = "if it is real, take it with `accept_events=True`"


def check_sequences(
    bars: pd.DataFrame, clock: np.ndarray, table: RawTable, *, accept_events: bool = False
) -> pd.DataFrame:
    """Checks each ticker's bars in their order; what is wrong is added to the table's problems.

    Args:
        bars: Bars as `check_table` returns them, but in the order of the table's rows, bad ones
            among them; the index holds their places in the table.
        clock: Code of the time of the day beside each row's date.
        table: Table that the bars stood in.
        accept_events: Whether tenfold jumps and long gaps are no faults.

    Returns:
        The bars sorted by ticker and date, without bad rows: those that lack either, that repeat a
        day, or whose price is that of no day around them.
    """
    bars = _by_ticker(bars, table)
    bad = table.is_bad()[bars.index]
    # Of two bars of a day, the good one stays.
    order = np.lexsort((bad, bars["date"], bars["ticker"].cat.codes))
    bars, bad = bars.iloc[order], bad[order]
    same, days = steps(bars)
    repeated = same & (days == 0)
    _check_repeats(bars, repeated, clock, table)
    bars = bars[~repeated & ~bad]
    if bars.empty:
        return bars
    same, days = steps(bars)
    _check_distances(bars, same, days, table, accept_events=accept_events)
    if "close" not in bars:
        return bars
    spikes = _spikes(bars, same)
    remedy = "Check the decimal point and the currency unit, or leave the bars out."
    fault = f"lies apart from the bars around it by a factor of {MIN_SPIKE} or more"
    table.fault_in(bars.index.to_numpy()[spikes], "close", fault, remedy)
    bars = bars[~spikes]
    if not accept_events:
        _check_jumps(bars, table)
    check_calendar(bars, clock, table)
    note_splits(bars, table)
    return bars


def _by_ticker(bars: pd.DataFrame, table: RawTable) -> pd.DataFrame:
    """The rows with a date, ticker by ticker; the index keeps their places in the file.

    A ticker's rows may run from the newest day to the oldest; any other order is a fault.
    """
    codes = bars["ticker"].cat.codes.to_numpy()
    bars = bars[bars["date"].notna().to_numpy() & (codes >= 0)]
    bars = bars.iloc[np.argsort(bars["ticker"].cat.codes.to_numpy(), kind="stable")]
    same, days = steps(bars)
    back = same & (days < 0)
    if not back.any():
        return bars
    codes = bars["ticker"].cat.codes.to_numpy()
    falling = np.bincount(codes, same & (days > 0)) == 0
    unordered = back & ~falling[codes]
    if unordered.any():
        _refuse_order(bars, unordered, table)
    else:
        table.note("its days run from the newest to the oldest and are turned round")
    return bars


def _refuse_order(bars: pd.DataFrame, unordered: np.ndarray, table: RawTable) -> None:
    """Rows out of order may be those of dates whose days and months have changed places."""
    same, days = steps(bars.assign(date=exchanged(bars["date"])))
    rows = bars.index.to_numpy()[unordered]
    fault = "is earlier than the one before it"
    remedy = "Check the dates around it; if they are right, sort the file by date."
    if (same & (days < 0)).sum() <= MAX_SHARE_BACK * unordered.sum():
        remedy = (
            "The rows are in order once days and months change places: export the file anew with"
            " dates as YYYY-MM-DD."
        )
    _refuse_tickers(rows, bars["ticker"].to_numpy()[unordered], fault, remedy, table)


def _refuse_tickers(
    rows: np.ndarray, tickers: np.ndarray, fault: str, remedy: str, table: RawTable
) -> None:
    """Refuses the tickers of these rows, each shown by the first of its rows."""
    names, first = np.unique(tickers.astype(str), return_index=True)
    table.fault_of(rows[first], list(names), "date", fault, remedy)


def _check_repeats(
    bars: pd.DataFrame, repeated: np.ndarray, clock: np.ndarray, table: RawTable
) -> None:
    rows = bars.index.to_numpy()
    intraday = repeated & (np.diff(clock[rows], prepend=-1) != 0)
    remedy = "Keep one bar for each date."
    if "ticker" not in table.cells:
        remedy = "Keep one bar for each date; if they are of several tickers, add a column ticker."
    again = repeated & ~intraday
    numbers = np.nan_to_num(bars.select_dtypes("number").to_numpy())
    differs = np.append(False, (numbers[1:] != numbers[:-1]).any(axis=1))
    table.fault_in(rows[again & ~differs], "date", "repeats an earlier one", remedy)
    fault = "repeats an earlier one with other numbers"
    other = f"{remedy} Which of two is right, another source may tell."
    table.fault_in(rows[again & differs], "date", fault, other)
    remedy = "Bars must be daily: make one of each day's bars."
    fault = "names a second time of the same day"
    _refuse_tickers(rows[intraday], bars["ticker"].to_numpy()[intraday], fault, remedy, table)


def _check_distances(
    bars: pd.DataFrame, same: np.ndarray, days: np.ndarray, table: RawTable, *, accept_events: bool
) -> None:
    rows, tickers = bars.index.to_numpy(), bars["ticker"].to_numpy()
    gaps = same & (days > MAX_GAP_DAYS)
    if not accept_events:
        fault = f"ends a gap of more than {MAX_GAP_DAYS} days"
        remedy = f"Fill the gap in, or begin after it; {_IF_REAL}."
        table.fault_of(rows[gaps], list(tickers[gaps]), "date", fault, remedy)
    # The median is above the limit if fewer than half of the steps are within it.
    starts = np.flatnonzero(~same)
    n_steps = np.add.reduceat(same.astype(int), starts)
    within = np.add.reduceat((same & (days <= MAX_MEDIAN_STEP_DAYS)).astype(int), starts)
    sparse = starts[2 * within < n_steps]
    fault = f"is the first of bars more than {MAX_MEDIAN_STEP_DAYS} days apart (median),"
    remedy = "Bars must be daily, not weekly or monthly."
    table.fault_of(rows[sparse], list(tickers[sparse]), "date", fault, remedy)
    between = days[same]
    if len(between) and (
        np.mean(between > 1) > MAX_SHARE_APART
        or np.mean(between > MAX_MEDIAN_STEP_DAYS) > MAX_SHARE_FAR_APART
    ):
        table.note("many of its bars are more than a day apart; they may not be daily throughout")


def _changes(bars: pd.DataFrame, same: np.ndarray) -> np.ndarray:
    """Each close in units of the one before it, float64[row]; NaN for a ticker's first."""
    close = bars["close"].where(np.isfinite(bars["close"]) & (bars["close"] > 0)).to_numpy()
    with np.errstate(all="ignore"):
        return np.asarray(close / of_bar_before(close, same))


def _spikes(bars: pd.DataFrame, same: np.ndarray) -> np.ndarray:
    """Bars whose price jumps and is soon back, bool[row]."""
    change = _changes(bars, same)
    up, down = change >= MIN_SPIKE, change <= 1 / MIN_SPIKE
    close = bars["close"].to_numpy()
    spikes = np.zeros(len(bars), dtype=bool)
    for start in np.flatnonzero(up | down):
        back = down if up[start] else up
        for end in start + 1 + np.flatnonzero(back[start + 1 : start + 1 + MAX_SPIKE_BARS]):
            there_and_back = close[end] / close[start - 1]
            inside = same[start : end + 1].all() and not spikes[start]
            if inside and 1 / MAX_SPIKE_CHANGE <= there_and_back <= MAX_SPIKE_CHANGE:
                spikes[start:end] = True
                break
    return spikes


def _check_jumps(bars: pd.DataFrame, table: RawTable) -> None:
    change = _changes(bars, steps(bars)[0])
    jumped = (change >= MAX_JUMP) | (change <= 1 / MAX_JUMP)
    fault = f"jumps by a factor of {MAX_JUMP} or more"
    remedy = f"Check the decimal point and the currency unit, and adjust for splits; {_IF_REAL}."
    tickers = list(bars["ticker"].to_numpy()[jumped])
    table.fault_of(bars.index.to_numpy()[jumped], tickers, "close", fault, remedy)
