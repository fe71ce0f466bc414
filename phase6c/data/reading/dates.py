"""Columns of cells as days: a whole column is read in a single order, or refused.

Guessing cell by cell would read 03/04 as March and 13/04 as April within the same file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from phase6c.data.reading.cells import is_missing, stripped
from phase6c.data.reading.numbers import parse_numbers

_CLOCK = (
    r"(?:(?:[T,]? +|T)(?P<clock>[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?"
    r"(?: ?[AaPp][Mm])?))?"
    r" ?(?P<offset>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?$"
)
_NUMERIC = r"^(?P<a>[0-9]{1,4})[-/. ](?P<b>[0-9]{1,2})[-/. ](?P<c>[0-9]{1,4})" + _CLOCK
_COMPACT = r"^(?P<a>[0-9]{4})(?P<b>[0-9]{2})(?P<c>[0-9]{2})" + _CLOCK
_MONTH = r"(?P<b>[A-Za-z]{3,9})\.?"
_DAY_NAME = r"^(?:[A-Za-z]{3,9},? )?"
# 29-Jan-2024 and Jan 29, 2024.
_NAMED = (
    _DAY_NAME + rf"(?P<c>[0-9]{{1,2}})[- /.]{_MONTH}[- /.,]+(?P<a>[0-9]{{2}}|[0-9]{{4}})" + _CLOCK,
    _DAY_NAME + rf"{_MONTH}[- ](?P<c>[0-9]{{1,2}})(?:, ?| |-)(?P<a>[0-9]{{2}}|[0-9]{{4}})" + _CLOCK,
    rf"^(?P<a>[0-9]{{4}})[- /.]{_MONTH}[- /.](?P<c>[0-9]{{1,2}})" + _CLOCK,
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_PLAIN_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = "([+-])([0-9]{2}):?([0-9]{2})"
# Where year, month and day stand in each order, and how many digits the year has.
_ORDERS = {
    "YYYY-MM-DD": ("a", "b", "c", 4),
    "MM/DD/YYYY": ("c", "a", "b", 4),
    "DD/MM/YYYY": ("c", "b", "a", 4),
    "MM/DD/YY": ("c", "a", "b", 2),
    "DD/MM/YY": ("c", "b", "a", 2),
    "YY/MM/DD": ("a", "b", "c", 2),
}
# Years of two digits as POSIX has them: 69 is 1969, and 68 is 2068.
_FIRST_SHORT_YEAR = 69
# Seconds, milliseconds, microseconds and nanoseconds since 1970, between 1973 and 2200.
_UNITS = {"s": (1e8, 7.3e9), "ms": (1e11, 7.3e12), "us": (1e14, 7.3e15), "ns": (1e17, 7.3e18)}
# Daily bars mostly lie a day apart, and four over a long weekend.
_MAX_DAILY_STEP = 4
_NONE = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Dates:
    """A column of dates, an entry per row.

    Attributes:
        day: Calendar dates [datetime64[D]] at the place of trade; NaT where there is no date.
        clock: Times of the day beside the dates, as codes [int]: equal for equal times.
        offset: Distance of the time zone from UTC [minutes]; NaN where no zone is given.
        fault: Of a column that cannot be read as a whole, what is wrong and the remedy.
    """

    day: np.ndarray
    clock: np.ndarray
    offset: np.ndarray
    fault: tuple[str, str] | None = None

    def keep(self, kept: np.ndarray) -> Dates:
        """The dates of a part of the rows, bool[row]."""
        return replace(self, day=self.day[kept], clock=self.clock[kept], offset=self.offset[kept])


def parse_dates(column: pd.Series) -> Dates:
    """The day that each row says, whatever time and time zone follow.

    Texts are ISO dates (2020-01-31 or 20200131), dates with the month's English name, dates with
    the month or the day first, years of two digits, or seconds, milliseconds, microseconds or
    nanoseconds since 1970. All rows are read in one order: the one that reads them all. Where two
    orders do, the one that makes the bars daily is meant; where both do, the column has a fault.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        # The calendar day at the place of trade counts, not that of the same moment in UTC.
        column = column.dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _of_moments(column.to_numpy())
    epochs = _epochs(column)
    if epochs is not None:
        return _of_moments(epochs)
    # A panel repeats each date for every ticker: the few distinct texts are parsed once.
    codes, written = pd.factorize(stripped(column))
    texts = pd.Series(written, dtype="str")
    parts = _parts(texts)
    days, fault = _days(parts, texts)
    return Dates(
        day=np.append(days, _NONE)[codes],
        clock=np.append(pd.factorize(parts["clock"])[0], -1)[codes],
        offset=np.append(_offsets(parts["offset"]), np.nan)[codes],
        fault=fault,
    )


def _of_moments(stamp: np.ndarray) -> Dates:
    day = stamp.astype("datetime64[D]")
    return Dates(day, (stamp - day).astype("int64"), np.full(len(day), np.nan))


def _epochs(column: pd.Series) -> np.ndarray | None:
    """Moments [datetime64[ns]], if every cell that is not missing counts from 1970."""
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if not numeric:
        first = stripped(column.iloc[:16])
        if not first.str.fullmatch(r"-?[0-9]{9,19}(?:\.0*)?|-|").all():
            return None
    values = parse_numbers(column)
    absent = np.isnan(values)
    if absent.all() or (absent & ~is_missing(column)).any():
        return None
    largest = np.abs(values[~absent]).max()
    for unit, (least, most) in _UNITS.items():
        # Days before 1973 are few digits long, but never a whole column.
        if least <= largest <= most:
            whole = np.where(absent, 0, values).astype("int64").astype(f"datetime64[{unit}]")
            return np.where(absent, np.datetime64("NaT"), whole)
    return None


def _parts(texts: pd.Series) -> pd.DataFrame:
    """Columns a, b, c, clock and offset: what stands for them in each text, or nothing."""
    if texts.str.fullmatch(_PLAIN_DATE).all():  # by far the fastest, and the usual case
        plain = {"a": texts.str[:4], "b": texts.str[5:7], "c": texts.str[8:]}
        return pd.DataFrame(plain).reindex(columns=["a", "b", "c", "clock", "offset"])
    parts = texts.str.extract(_NUMERIC)
    for pattern in (_COMPACT, *_NAMED):
        unread = parts["a"].isna()
        if not unread.any():
            break
        found = texts[unread].str.extract(pattern).reindex(columns=parts.columns)
        if pattern in _NAMED:
            found["b"] = _month_numbers(found["b"])
            found["a"] = _full_years(found["a"])
        parts.loc[unread] = found
    return parts


def _month_numbers(names: pd.Series) -> pd.Series:
    """Two digits; missing where the name is no month's."""
    known = {
        short: f"{number:02d}"
        for number, name in enumerate(_MONTHS, start=1)
        for short in (name, name[:3], name[:4])
    }
    return names.str.lower().map(known).astype("str").where(names.notna())


def _full_years(years: pd.Series) -> pd.Series:
    """Years of two digits with their century."""
    short = years.str.len() == 2
    late = pd.to_numeric(years, errors="coerce") >= _FIRST_SHORT_YEAR
    century = pd.Series(np.where(late, "19", "20"), index=years.index, dtype="str")
    return years.where(~short, century + years)


def _days(parts: pd.DataFrame, texts: pd.Series) -> tuple[np.ndarray, tuple[str, str] | None]:
    """Dates [datetime64[D]] in the order that reads all of the texts, and the column's fault."""
    dated = parts["a"].notna() & parts["b"].notna() & parts["c"].notna()
    read: dict[str, np.ndarray] = {}
    for order, places in _ORDERS.items():
        days = _in_order(parts, *places)
        if not np.isnat(days).all():
            read[order] = days
        if order == "YYYY-MM-DD" and not np.isnat(days[dated]).any():
            return days, None
    if not read:
        return np.full(len(parts), _NONE), None
    counts = {order: int((~np.isnat(days)).sum()) for order, days in read.items()}
    most = max(counts.values())
    best = [order for order, count in counts.items() if count == most]
    if len(best) > 1:
        return _likeliest({order: read[order] for order in best}, texts)
    days = read[best[0]]
    return days, _two_orders(days, read, texts)


def _in_order(parts: pd.DataFrame, year: str, month: str, day: str, digits: int) -> np.ndarray:
    """Dates [datetime64[D]]; NaT where the parts are no date in this order."""
    length = {name: parts[name].str.len().fillna(0).to_numpy() for name in (year, month, day)}
    fits = (length[year] == digits) & np.isin(length[month], (1, 2)) & np.isin(length[day], (1, 2))
    days = np.full(len(parts), _NONE)
    if not fits.any():
        return days
    years = parts[year][fits] if digits == 4 else _full_years(parts[year][fits])
    columns = {"year": years, "month": parts[month][fits], "day": parts[day][fits]}
    numbers = pd.DataFrame({name: pd.to_numeric(one) for name, one in columns.items()})
    read = pd.to_datetime(numbers, errors="coerce")
    days[fits] = read.to_numpy().astype("datetime64[D]")
    return days


def _likeliest(
    read: dict[str, np.ndarray], texts: pd.Series
) -> tuple[np.ndarray, tuple[str, str] | None]:
    """Of orders that read as many texts, the only one that makes the bars daily."""
    daily = [order for order, days in read.items() if _is_daily(days)]
    if len(daily) == 1:
        days = read[daily[0]]
        return days, _two_orders(days, read, texts)
    (one, days), (other, others) = list(read.items())[:2]
    differ = np.flatnonzero(~np.isnat(days) & ~np.isnat(others) & (days != others))
    if not len(differ):
        return days, _two_orders(days, read, texts)
    row = differ[0]
    fault = (
        f"has dates that can be read in two ways: {texts[row]} is {days[row]} as {one} and"
        f" {others[row]} as {other}"
    )
    return np.full(len(texts), _NONE), (fault, "Write all dates as YYYY-MM-DD.")


def _is_daily(days: np.ndarray) -> bool:
    steps = np.diff(np.unique(days[~np.isnat(days)])).astype(int)
    return not len(steps) or bool(np.median(steps) <= _MAX_DAILY_STEP)


def _two_orders(
    days: np.ndarray, read: dict[str, np.ndarray], texts: pd.Series
) -> tuple[str, str] | None:
    """The fault of a column whose other texts only another order reads."""
    unread = np.isnat(days)
    for other in read.values():
        rows = np.flatnonzero(unread & ~np.isnat(other))
        if len(rows):
            one, two = texts[np.flatnonzero(~unread)[0]], texts[rows[0]]
            fault = f"has dates in two orders ({one} and {two})"
            remedy = (
                "Export the file anew with dates as YYYY-MM-DD: a program may have exchanged days"
                " and months in a part of them."
            )
            return fault, remedy
    return None


def _offsets(texts: pd.Series) -> np.ndarray:
    """Minutes; NaN where there is no offset."""
    codes, written = pd.factorize(texts)
    zero = {"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00"}
    parts = pd.Series(written, dtype="str").replace(zero).str.extract(_OFFSET)
    minutes = 60 * parse_numbers(parts[1]) + parse_numbers(parts[2])
    signed = np.where(parts[0] == "-", -minutes, minutes)
    return np.asarray(np.append(signed, np.nan)[codes])
