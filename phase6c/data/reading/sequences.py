"""Rules from each bar of a ticker to the next, and for all its bars together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phase6c.data.reading.raw import RawTable
from phase6c.wording import more

# Weekly bars are seven days apart; daily bars mostly one day, and four over a long weekend.
MAX_MEDIAN_STEP_DAYS = 4
# A fifth of daily steps lead over a weekend, and hardly any over more than four days.
MAX_SHARE_APART, MAX_SHARE_FAR_APART = 0.5, 0.1
# Exchanges have closed for weeks, and for longer in wars only.
MAX_GAP_DAYS = 60
# Two months hold every weekday several times.
MIN_WEEKDAY_ROWS = 40
# Not even crashes and takeovers move a price tenfold in a day; another currency unit does.
MAX_JUMP = 10
SPLIT_RATIOS = (1.5, 2, 3, 4, 5, 6, 7, 8, 10, 20)
# Over the night of a split the price moves for other reasons, too.
SPLIT_TOLERANCE = 0.03


def check_sequences(bars: pd.DataFrame, clock: np.ndarray, table: RawTable) -> pd.DataFrame:
    """Checks each ticker's bars in their order; what is wrong is added to the table's problems.

    Args:
        bars: Bars as `check_table` returns them, but in the order of the table's rows, numbered
            from 0.
        clock: Code of the time of the day beside each row's date.
        table: Table that the bars stood in.

    Returns:
        The bars sorted by ticker and date, without rows that lack either.
    """
    bars = _sorted(bars, table)
    if bars.empty:
        return bars
    same, days = _steps(bars)
    repeated = same & (days == 0)
    _check_repeats(bars, repeated, clock, table)
    once = bars[~repeated]
    same, days = _steps(once)
    _check_distances(once, same, days, table)
    _check_jumps(once, same, table)
    _note_shifted_days(once, table)
    return bars


def _sorted(bars: pd.DataFrame, table: RawTable) -> pd.DataFrame:
    """The rows by ticker, then date; the index keeps their places in the file."""
    codes = bars["ticker"].cat.codes.to_numpy()
    bars = bars[bars["date"].notna().to_numpy() & (codes >= 0)]
    bars = bars.iloc[np.argsort(bars["ticker"].cat.codes.to_numpy(), kind="stable")]
    same, days = _steps(bars)
    earlier = bars.index.to_numpy()[same & (days < 0)]
    fault = "is earlier than the one before it"
    table.fault_in(earlier, "date", fault, "Sort the file by date.")
    if not len(earlier):
        return bars
    return bars.iloc[np.lexsort((bars["date"], bars["ticker"].cat.codes))]


def _steps(bars: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """For each row, whether the row before it has its ticker, and the days between the two."""
    codes = bars["ticker"].cat.codes.to_numpy()
    days = bars["date"].to_numpy().astype("datetime64[D]").astype("int64")
    return np.diff(codes, prepend=-1) == 0, np.diff(days, prepend=days[:1])


def _check_repeats(
    bars: pd.DataFrame, repeated: np.ndarray, clock: np.ndarray, table: RawTable
) -> None:
    rows = bars.index.to_numpy()
    intraday = repeated & (np.diff(clock[rows], prepend=-1) != 0)
    remedy = "Keep one bar for each date."
    if "ticker" not in table.cells:
        remedy = "Keep one bar for each date; if they are of several tickers, add a column ticker."
    table.fault_in(rows[repeated & ~intraday], "date", "repeats an earlier one", remedy)
    remedy = "Bars must be daily: make one of each day's bars."
    table.fault_in(rows[intraday], "date", "names a second time of the same day", remedy)


def _check_distances(
    bars: pd.DataFrame, same: np.ndarray, days: np.ndarray, table: RawTable
) -> None:
    gaps = bars.index.to_numpy()[same & (days > MAX_GAP_DAYS)]
    fault = f"ends a gap of more than {MAX_GAP_DAYS} days"
    table.fault_in(gaps, "date", fault, "Fill the gap in, or begin after it.")
    # The median is above the limit if fewer than half of the steps are within it.
    starts = np.flatnonzero(~same)
    steps = np.add.reduceat(same.astype(int), starts)
    within = np.add.reduceat((same & (days <= MAX_MEDIAN_STEP_DAYS)).astype(int), starts)
    sparse = bars.index.to_numpy()[starts[2 * within < steps]]
    fault = f"is the first of bars more than {MAX_MEDIAN_STEP_DAYS} days apart (median),"
    table.fault_in(sparse, "date", fault, "Bars must be daily, not weekly or monthly.", "ticker")
    between = days[same]
    if len(between) and (
        np.mean(between > 1) > MAX_SHARE_APART
        or np.mean(between > MAX_MEDIAN_STEP_DAYS) > MAX_SHARE_FAR_APART
    ):
        table.note("many of its bars are more than a day apart; they may not be daily throughout")


def _note_shifted_days(bars: pd.DataFrame, table: RawTable) -> None:
    """Midnights of the far east, written in UTC, are on the day before."""
    weekdays = set(pd.DatetimeIndex(bars["date"].unique()).day_name())
    if len(bars) >= MIN_WEEKDAY_ROWS and "Sunday" in weekdays and "Friday" not in weekdays:
        zone = "its dates may be those of another time zone"
        table.note(f"has bars on Sundays and none on Fridays; {zone}")


def _check_jumps(bars: pd.DataFrame, same: np.ndarray, table: RawTable) -> None:
    if "close" not in bars:
        return
    close = bars["close"].where(np.isfinite(bars["close"]) & (bars["close"] > 0)).to_numpy()
    before = np.where(same, np.append(np.nan, close[:-1]), np.nan)
    with np.errstate(all="ignore"):
        change = close / before
        # A split acts between a close and the next open, where hardly anything else moves the
        # price.
        overnight = bars.get("open", bars["close"]).to_numpy() / before
        ratio = np.maximum(overnight, 1 / overnight)
    jumped = (change >= MAX_JUMP) | (change <= 1 / MAX_JUMP)
    fault = f"jumps by a factor of {MAX_JUMP} or more"
    remedy = "Check the decimal point and the currency unit, and adjust for splits."
    table.fault_in(bars.index.to_numpy()[jumped], "close", fault, remedy)

    near = [np.abs(ratio / split - 1) <= SPLIT_TOLERANCE for split in SPLIT_RATIOS]
    splits = np.flatnonzero(np.logical_or.reduce(near))
    if len(splits):
        first = bars.iloc[splits[0]]
        others = f", and so do {more(len(splits) - 1, 'bar')}" if len(splits) > 1 else ""
        table.note(
            f"{first['ticker']} on {first['date']:%Y-%m-%d} looks like an unadjusted split, at"
            f" {overnight[splits[0]]:.3g} times the close before{others}"
        )
