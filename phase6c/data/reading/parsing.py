"""Cells of raw tables as tickers, dates and numbers; nothing is guessed cell by cell."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

# What programs write where there is no value.
_MISSING = ("", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "-")

_DATE = (
    r"^(?P<day>[0-9]{8}|[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4})"
    r"(?:[T ] *(?P<clock>[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?: ?[AaPp][Mm])?))?"
    r" ?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?$"
)
_PLAIN_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = "([+-])([0-9]{2}):?([0-9]{2})"
# ISO, then the month first (US), then the day first.
_ORDERS = ("%Y-%m-%d", "%m-%d-%Y", "%d-%m-%Y")


@dataclass(frozen=True)
class Dates:
    """A column of dates, an entry per row.

    Attributes:
        day: Calendar dates [datetime64[D]] at the place of trade; NaT where there is no date.
        clock: Times of the day beside the dates, as codes [int]: equal for equal times.
        offset: Distance of the time zone from UTC [minutes]; NaN where no zone is given.
    """

    day: np.ndarray
    clock: np.ndarray
    offset: np.ndarray


def column_key(name: object) -> str:
    """The column's name as the checks know it: "Adj Close" is adj_close."""
    key = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")
    return "adj_close" if key == "adjclose" else key


def is_missing(column: pd.Series) -> np.ndarray:
    """Where there is no value, or a text that stands for none."""
    missing = column.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(missing)
    return np.asarray(missing | _stripped(column).str.lower().isin(_MISSING).to_numpy(dtype=bool))


def parse_numbers(column: pd.Series) -> np.ndarray:
    """float64; NaN where there is no number in plain notation."""
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        column = pd.to_numeric(_stripped(column), errors="coerce")
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))


def parse_tickers(column: pd.Series) -> pd.Categorical:
    """The tickers as text without spaces around them, in alphabetical categories."""
    codes, written = pd.factorize(_as_text(column))
    names = pd.Series(written, dtype="str").str.strip()
    name_codes, categories = pd.factorize(names.where(names != ""), sort=True)
    return pd.Categorical.from_codes(np.append(name_codes, -1)[codes], categories)


def parse_dates(column: pd.Series) -> Dates:
    """The day each row says, whatever time and time zone follow.

    Texts are ISO dates (2020-01-31 or 20200131), else the month or else the day comes first, with
    /, - or . between: the first of these orders in which all rows can be read, or most.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        # The calendar day at the place of trade counts, not that of the same moment in UTC.
        column = column.dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        stamp = column.to_numpy()
        day = stamp.astype("datetime64[D]")
        return Dates(day, (stamp - day).astype("int64"), np.full(len(day), np.nan))
    # A panel repeats each date for every ticker: the few distinct texts are parsed once.
    codes, written = pd.factorize(_stripped(column))
    parts = _parts(pd.Series(written, dtype="str"))
    return Dates(
        day=np.append(_days(parts["day"]), np.datetime64("NaT"))[codes],
        clock=np.append(pd.factorize(parts["clock"])[0], -1)[codes],
        offset=np.append(_offsets(parts["offset"]), np.nan)[codes],
    )


def _as_text(column: pd.Series) -> pd.Series:
    """The cells as str; some programs write text into Parquet as bytes."""
    if column.dtype == object:
        column = column.map(
            lambda value: value.decode(errors="replace") if isinstance(value, bytes) else value
        )
    return column.astype("str")


def _stripped(column: pd.Series) -> pd.Series:
    return _as_text(column).str.strip()


def _parts(texts: pd.Series) -> pd.DataFrame:
    """Columns day, clock and offset: what stands for them in each text, missing where nothing."""
    if texts.str.fullmatch(_PLAIN_DATE).all():  # by far the fastest, and the usual case
        return pd.DataFrame({"day": texts}).reindex(columns=["day", "clock", "offset"])
    return texts.str.extract(_DATE)


def _days(texts: pd.Series) -> np.ndarray:
    """Dates [datetime64[D]] in the first order that reads all of the texts, or else the most."""
    texts = texts.str.replace(r"^([0-9]{4})([0-9]{2})([0-9]{2})$", r"\1-\2-\3", regex=True)
    texts = texts.str.replace(r"[/.]", "-", regex=True)
    # A single order is tried on the whole column: guessing cell by cell would read 03/04 as March
    # and 13/04 as April within the same file.
    best = pd.to_datetime(texts, format=_ORDERS[0], errors="coerce")
    for order in _ORDERS[1:]:
        if best.notna().all():
            break
        read = pd.to_datetime(texts, format=order, errors="coerce")
        best = read if read.count() > best.count() else best
    return np.asarray(best.to_numpy().astype("datetime64[D]"))


def _offsets(texts: pd.Series) -> np.ndarray:
    """Minutes; NaN where there is no offset."""
    codes, written = pd.factorize(texts)
    parts = pd.Series(written, dtype="str").replace("Z", "+00:00").str.extract(_OFFSET)
    minutes = 60 * parse_numbers(parts[1]) + parse_numbers(parts[2])
    signed = np.where(parts[0] == "-", -minutes, minutes)
    return np.asarray(np.append(signed, np.nan)[codes])
