"""What must hold for a file of daily bars, and how each breach of it is worded."""

from __future__ import annotations

import difflib
import re
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

PRICES = ("open", "high", "low", "close")
REQUIRED = ("date", *PRICES, "volume")

# Adjusted and printed prices are rounded: a high may miss its close by a millionth.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a source, and what to do about it."""

    source: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}. {self.remedy}"


def check_bars(raw: pd.DataFrame, source: str) -> list[Problem]:
    """All that is wrong with a source's raw content; nothing if it can be used.

    Args:
        raw: Columns named as `column_key` names them, cells as text or as numbers and dates.
        source: The source as the user named it.
    """
    problems = _check_columns(raw, source)
    if problems:
        return problems
    if raw.empty:
        return [Problem(source, "has no rows", "Write the bars into it first.")]
    return [
        *_check_dates(raw, source),
        *_check_numbers(raw, source),
        *_check_ranges(raw, source),
    ]


def column_key(name: object) -> str:
    """The column's name as the checks know it: "Adj Close" is adj_close."""
    key = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")
    return "adj_close" if key == "adjclose" else key


def parse_dates(column: pd.Series) -> pd.Series:
    """Calendar dates [datetime64[s]]; NaT where there is none. Times and time zones are dropped."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)
    elif not pd.api.types.is_datetime64_any_dtype(column):
        # An ISO date's first ten characters are its day, whatever time and zone follow.
        text = column.astype("string").str.strip()
        text = text.where(~text.str.match(r"\d{4}-\d{2}-\d{2}[T ]", na=False), text.str[:10])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # day-first dates are recognised
            column = pd.to_datetime(text, errors="coerce")
    return column.dt.normalize().astype("datetime64[s]")


def parse_tickers(column: pd.Series) -> pd.Series:
    """The tickers as text without spaces around them; missing ones stay missing."""
    return column.astype("str").str.strip()


def parse_numbers(column: pd.Series) -> pd.Series:
    """float64; NaN where there is no number."""
    return pd.to_numeric(column, errors="coerce").astype("float64")


def _check_columns(raw: pd.DataFrame, source: str) -> list[Problem]:
    columns = list(raw.columns)
    problems = [
        Problem(source, f"has the column {name} twice", "Keep one of them.")
        for name in (*REQUIRED, "ticker", "adj_close")
        if columns.count(name) > 1
    ]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        text = f"has no column {', '.join(missing)} (it has {', '.join(columns)})"
        problems.append(Problem(source, text, _column_remedy(missing, columns)))
    return problems


def _column_remedy(missing: list[str], columns: list[str]) -> str:
    if len(columns) == 1:
        return "Separate the columns by commas."
    others = set(columns) - set(REQUIRED)
    near = {name: difflib.get_close_matches(name, others, n=1, cutoff=0.4) for name in missing}
    renames = [f"{found[0]} to {name}" for name, found in near.items() if found]
    return f"Rename {', '.join(renames)}." if renames else "Add it to the header and the rows."


def _check_dates(raw: pd.DataFrame, source: str) -> list[Problem]:
    dates = parse_dates(raw["date"])
    problems = _first(
        raw, source, dates.isna(), "date", "is not a date", "Write dates as YYYY-MM-DD."
    )
    if "ticker" in raw:
        tickers = parse_tickers(raw["ticker"])
        unnamed = tickers.isna() | (tickers == "")
        problems += _first(raw, source, unnamed, "ticker", "is empty", "Name the ticker.")
        previous = dates.groupby(tickers).shift()
    else:
        previous = dates.shift()
    remedy = "Keep one bar for each date."
    repeated = dates == previous
    problems += _first(raw, source, repeated, "date", "repeats the date before it", remedy)
    remedy = "Sort the file by date."
    unsorted = dates < previous
    problems += _first(raw, source, unsorted, "date", "is earlier than the one before it", remedy)
    return problems


def _check_numbers(raw: pd.DataFrame, source: str) -> list[Problem]:
    problems = []
    for name in _number_columns(raw):
        values = parse_numbers(raw[name])
        empty = raw[name].isna()
        infinite = pd.Series(np.isinf(values), index=raw.index)
        remedy = "Fill the value in or leave the day out."
        problems += _first(raw, source, empty, name, "is missing", remedy)
        problems += _first(raw, source, infinite, name, "is infinite", remedy)
        remedy = "Write plain numbers, without currency signs or thousands separators."
        problems += _first(raw, source, values.isna() & ~empty, name, "is not a number", remedy)
    return problems


def _check_ranges(raw: pd.DataFrame, source: str) -> list[Problem]:
    """Signs and order of the values; a missing one compares false and is not reported twice."""
    bars = {name: parse_numbers(raw[name]) for name in _number_columns(raw)}
    problems = []
    for name, values in bars.items():
        if name == "volume":
            remedy = "A volume is zero or more."
            problems += _first(raw, source, values < 0, name, "is negative", remedy)
        else:
            remedy = "Leave days without trade out."
            problems += _first(raw, source, values <= 0, name, "is not above zero", remedy)
    up, down = 1 + ROUNDING, 1 - ROUNDING
    high, low = bars["high"], bars["low"]
    remedy = "Check that the columns are not exchanged."
    problems += _first(raw, source, high < low * down, "high", "is below low", remedy)
    for name in ("open", "close"):
        ordered = (bars[name] > 0) & (high >= low)  # else it was said already
        over = ordered & (bars[name] > high * up)
        under = ordered & (bars[name] < low * down)
        problems += _first(raw, source, over, name, "is above high", remedy)
        problems += _first(raw, source, under, name, "is below low", remedy)
    return problems


def _number_columns(raw: pd.DataFrame) -> list[str]:
    return [name for name in (*PRICES, "volume", "adj_close") if name in raw]


def _first(
    raw: pd.DataFrame, source: str, bad: pd.Series, column: str, fault: str, remedy: str
) -> list[Problem]:
    """The first bad row as a problem, with the number of others like it."""
    rows = np.flatnonzero(bad.to_numpy(dtype=bool, na_value=False))
    if not len(rows):
        return []
    date, value = raw["date"].iloc[rows[0]], raw[column].iloc[rows[0]]
    others = f", and in {len(rows) - 1} more rows" if len(rows) > 1 else ""
    shown = "" if pd.isna(value) else f" ({value})"
    text = f"{column}{shown} {fault} in row {rows[0] + 1} of the data, date {date}{others}"
    return [Problem(source, text, remedy)]
