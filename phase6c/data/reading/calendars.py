"""Doubts about bars as a calendar: days to come, exchanged and shifted days, weekends, repeats.

A calendar that is wrong makes labels that are known before they should be: the label of a day
whose bar is filled forward reads the prices of that very day again. Such tickers are refused;
what can be honest is noted, with what it does to the labels.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from phase6c.data.reading.raw import RawTable
from phase6c.data.reading.repeats import check_repeats, note_flat_runs
from phase6c.data.reading.series import exchanged
from phase6c.data.reading.ticker_days import MIN_CASES, MIN_ROWS, SATURDAY, TickerDays
from phase6c.data.reading.weekends import check_weekends
from phase6c.wording import counted, listed

# The closes of a day lie nearer to each other than those of other months.
MAX_ROUGHNESS = 0.6
# Of a ticker's weekend bars, the share that exchanging day and month may put on missing weekdays.
MAX_MISPLACED = 0.8
# Times of the day at which bars are stamped, apart from a last one.
MAX_USUAL_TIMES = 3
# How much nearer the returns of the others' day before or after must be than those of their day.
MIN_LAG_CORRELATION, MIN_LAG_LEAD, MIN_LAG_ROWS, MIN_LAG_TICKERS = 0.3, 0.2, 120, 4


def check_calendar(bars: pd.DataFrame, clock: np.ndarray, table: RawTable) -> None:
    """Adds what is wrong or odd about the days to the table's problems and notes.

    Args:
        bars: Bars without other faults, sorted by ticker and date; the index holds their places
            in the table.
        clock: Code of the time of the day beside each of the table's dates.
        table: Table that the bars stood in.
    """
    if bars.empty:
        return
    own = TickerDays(bars)
    _note_days_to_come(own, table)
    _note_other_time_at_the_end(own, clock, table)
    if not _check_exchanged_days(own, table):
        check_weekends(own, table)
    check_repeats(own, table)
    note_flat_runs(own, table)
    _note_shifted_tickers(own, table)


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def _note_days_to_come(own: TickerDays, table: RawTable) -> None:
    # Somewhere it is tomorrow already.
    last = np.datetime64(today()) + np.timedelta64(1, "D")
    later = (own.bars["date"].to_numpy().astype("datetime64[D]") > last).sum()
    if later:
        table.note(
            f"{counted(int(later), 'bar')} of days to come, to {own.bars['date'].max():%Y-%m-%d}"
            f" (today is {today()}): no market has made them, and neither labels nor predictions"
            " on them mean anything"
        )


def _note_other_time_at_the_end(own: TickerDays, clock: np.ndarray, table: RawTable) -> None:
    """A download during the session ends with a bar that is not finished."""
    times = clock[own.bars.index.to_numpy()]
    last = np.flatnonzero(np.append(~own.same[1:], True))
    first = np.flatnonzero(~own.same)
    told = []
    for begin, end in zip(first, last, strict=True):
        usual = np.unique(times[begin:end])
        # Daylight saving makes two times of one.
        if end - begin >= MIN_CASES and len(usual) <= MAX_USUAL_TIMES and times[end] not in usual:
            row = own.bars.index[end]
            told.append(f"{own.names[own.codes[end]]} at {table.cells['date'].iloc[row]}")
    if told:
        table.note(
            f"the last bar has another time of the day than all others and may be unfinished:"
            f" {listed(told, 4)}; a prediction after it would take it for a whole day"
        )


def _check_exchanged_days(own: TickerDays, table: RawTable) -> bool:
    """Refuses tickers whose days and months a program has exchanged; whether there are any."""
    days = exchanged(own.bars["date"]).astype("int64")
    return _refuse_scattered(own, days, table) | _refuse_misplaced(own, days, table)


def _refuse_scattered(own: TickerDays, days: np.ndarray, table: RawTable) -> bool:
    """Exchanged dates scatter neighbours over the year: their closes are too far apart.

    Each year of a ticker is looked at by itself, since only some of them may be exchanged.
    """
    close = np.log(own.bars["close"].to_numpy())
    years, counts = np.unique(
        np.stack([own.codes, own.bars["date"].dt.year.to_numpy()]), axis=1, return_counts=True
    )
    of_year = np.repeat(np.arange(len(counts)), counts)
    rough = _roughness(close, of_year)
    other = _roughness(close[np.lexsort((days, own.codes))], of_year)
    scattered = (counts >= MIN_ROWS) & (other < MAX_ROUGHNESS * rough)
    wrong = np.unique(years[0, scattered])
    fault = (
        "has its day and month exchanged, as closes move far less from day to day once they change"
        " places,"
    )
    remedy = "Export the bars anew with dates as YYYY-MM-DD."
    own.refuse((days != own.days) & scattered[of_year], wrong, fault, remedy, table)
    return len(wrong) > 0


def _refuse_misplaced(own: TickerDays, days: np.ndarray, table: RawTable) -> bool:
    """Exchanged dates lie on weekends, and leave holes among the weekdays."""
    weekday = (days + 3) % 7
    misplaced = np.zeros(len(days), dtype=bool)
    for row in np.flatnonzero(own.is_weekend & (days != own.days) & (weekday < SATURDAY)):
        own_days = own.days[own.span(own.codes[row])]
        place = np.searchsorted(own_days, days[row])
        misplaced[row] = place == len(own_days) or own_days[place] != days[row]
    cases, weekends = own.per_ticker(misplaced), own.per_ticker(own.is_weekend)
    wrong = np.flatnonzero((cases >= MIN_CASES) & (cases >= MAX_MISPLACED * weekends))
    fault = "is on a weekend, and on a weekday without a bar once day and month change places,"
    remedy = "Export the bars anew with dates as YYYY-MM-DD: a part of them is exchanged."
    own.refuse(misplaced, wrong, fault, remedy, table)
    return len(wrong) > 0


def _roughness(close: np.ndarray, of_year: np.ndarray) -> np.ndarray:
    """Mean absolute log return within each year, by the number of the year of each row."""
    same = np.diff(of_year, prepend=-1) == 0
    moves = np.abs(np.diff(close, prepend=close[:1])) * same
    return np.bincount(of_year, moves) / np.bincount(of_year)


def _note_shifted_tickers(own: TickerDays, table: RawTable) -> None:
    """A ticker whose returns are those of the other tickers' day before or after is a day off."""
    if len(own.names) < MIN_LAG_TICKERS:
        return
    calendar, places = np.unique(own.days, return_inverse=True)
    close = np.log(own.bars["close"].to_numpy())
    moves = np.where(own.same, np.diff(close, prepend=close[:1]), 0.0)
    total = np.bincount(places, moves, len(calendar))
    number = np.maximum(np.bincount(places, own.same, len(calendar)), 1)
    told = []
    for code in np.flatnonzero(own.counts >= MIN_LAG_ROWS):
        span = own.span(int(code))
        rows = np.arange(span.start + 2, span.stop - 1)
        at = places[rows]
        market = (total[at] - moves[rows]) / np.maximum(number[at] - 1, 1)
        before, same, after = (_correlation(moves[rows + lag], market) for lag in (-1, 0, 1))
        best = max(before, after)
        if best >= MIN_LAG_CORRELATION and best >= same + MIN_LAG_LEAD:
            told.append(f"{own.names[code]} ({'early' if before > after else 'late'})")
    if told:
        table.note(
            f"returns of {listed(told, 6)} are those of the other tickers' day before or after:"
            " dates may be off by one, or it is a market that closes hours before or after"
        )


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    norm = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norm) if norm > 0 else 0.0
