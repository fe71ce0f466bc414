"""Bars on weekends: made by a program, of another time zone, or of a market that never closes."""

from __future__ import annotations

import numpy as np

from phase6c.data.reading.raw import RawTable
from phase6c.data.reading.ticker_days import (
    FRIDAY,
    KNOWN,
    MIN_CASES,
    MIN_ROWS,
    MONDAY,
    SATURDAY,
    SUNDAY,
    TickerDays,
)
from phase6c.wording import counted, listed

# Of a ticker's weekend bars, the share that may be made of the bars around them.
MAX_MADE_UP = 0.5
# How many times as often as on other days a bar must repeat.
MIN_TIMES_WEEKDAYS = 2
# Of all other bars, the share that may lie on a straight line between their neighbours.
MAX_STRAIGHT = 0.2
# Seven days a week make 29 % of the bars weekends.
SEVEN_DAYS_SHARE = 0.2
# Of the weeks with a bar on a Sunday, the share that has no Friday where days have moved.
MIN_SHARE_MOVED = 0.7
_ZONE = "its dates may be those of another time zone, or of a market with another week"


def check_weekends(own: TickerDays, table: RawTable) -> None:
    """Refuses tickers whose weekend bars no market has made; notes what others may mean."""
    weekends = own.per_ticker(own.is_weekend)
    if not weekends.any():
        return
    filled = own.is_weekend & own.stands_still
    fault = f"repeats the bar before on a weekend, so that {KNOWN},"
    wrong = _refuse_made_up(own, filled, fault, table)
    straight = own.is_between_neighbours
    # Prices that run straight on all days were not made for weekends.
    crooked = own.per_ticker(straight & ~own.is_weekend) <= MAX_STRAIGHT * own.counts
    between = own.is_weekend & ~filled & straight & crooked[own.codes]
    fault = "is on a weekend, half or a third of the way to the next bar, which tells the future,"
    wrong |= _refuse_made_up(own, between, fault, table)
    kinds: dict[str, list[str]] = {}
    for code in np.flatnonzero((weekends > 0) & (own.counts >= MIN_ROWS) & ~wrong):
        span = own.span(int(code))
        text = _kind(own.days[span], own.weekday[span])
        if text is None and (weekends == 0).any():
            text = "bars on weekends, where other tickers have none: labels of Fridays read them"
        if text is not None:
            kinds.setdefault(text, []).append(str(own.names[code]))
    for text, names in kinds.items():
        table.note(text if len(own.names) == 1 else f"{listed(names, 6)}: {text}")


def _refuse_made_up(own: TickerDays, rows: np.ndarray, fault: str, table: RawTable) -> np.ndarray:
    """Refuses tickers whose weekends are mostly such bars, bool[row]; which, bool[ticker]."""
    made_up, weekends = own.per_ticker(rows), own.per_ticker(own.is_weekend)
    wrong = (made_up >= MIN_CASES) & (made_up >= MAX_MADE_UP * weekends)
    # A price that hardly ever moves stands still on any day of the week.
    still = own.per_ticker(own.stands_still & ~own.is_weekend)
    wrong &= made_up * (own.counts - weekends) >= MIN_TIMES_WEEKDAYS * still * weekends
    own.refuse(rows, np.flatnonzero(wrong), fault, "Leave the bars of weekends out.", table)
    return np.asarray(wrong)


def _kind(days: np.ndarray, weekday: np.ndarray) -> str | None:
    """What a ticker's weekend bars look like; None for a market of seven days a week."""
    per_day = np.bincount(weekday, minlength=7)
    if moved := _moved(days, weekday, per_day):
        return moved
    rows = np.flatnonzero(weekday >= SATURDAY)
    first, last = rows[0], rows[-1]
    if len(rows) >= MIN_CASES and len(rows) >= SEVEN_DAYS_SHARE * (last - first + 1):
        is_throughout = first < MIN_ROWS and len(days) - last < MIN_ROWS
        return None if is_throughout else _changed(days[first], days[last])
    if per_day[SUNDAY] >= MIN_SHARE_MOVED * per_day[FRIDAY]:
        return (
            f"{per_day[SUNDAY]} of {len(days)} bars are on Sundays, as short sessions of currencies"
            " are: each is a day of its own in features and labels"
        )
    dates = listed([str(day) for day in days[rows].astype("datetime64[D]")], 3)
    return (
        f"{len(rows)} of {counted(len(days), 'bar')} are on weekends ({dates}): special sessions,"
        " or dates that are wrong"
    )


def _moved(days: np.ndarray, weekday: np.ndarray, per_day: np.ndarray) -> str | None:
    """Whether whole weeks lie a day early or late."""
    if per_day[SUNDAY] and not per_day[FRIDAY]:
        return f"has bars on Sundays and none on Fridays; {_ZONE}"
    # From Sunday to Thursday instead of from Monday to Friday, or from Tuesday to Saturday.
    for end, lacks, first, when in (
        (SUNDAY, FRIDAY, SUNDAY, "a day early"),
        (SATURDAY, MONDAY, MONDAY, "a day late"),
    ):
        weeks = (days + 3 - first) // 7
        moved = len(np.setdiff1d(weeks[weekday == end], weeks[weekday == lacks]))
        if moved >= MIN_CASES and moved >= MIN_SHARE_MOVED * per_day[end]:
            name, other = ("Sunday", "Friday") if end == SUNDAY else ("Saturday", "Monday")
            return (
                f"{per_day[end]} of {len(days)} bars are on {name}s ({per_day[lacks]} on {other}s),"
                f" in weeks without a {other}; {_ZONE}, {when} in a part of the year"
            )
    return None


def _changed(first_day: int, last_day: int) -> str:
    begin, end = np.array([first_day, last_day]).astype("datetime64[D]")
    return (
        f"bars on weekends from {begin} to {end} and at no other time: the calendar changes there,"
        " and the label of a Friday reads a Saturday in the one part and a Monday in the other"
    )
