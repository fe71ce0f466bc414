"""The columns of a raw table: known by their names, asked about, or named as not read."""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from phase6c.data.reading.cells import column_key, is_missing, stripped
from phase6c.data.reading.dates import parse_dates
from phase6c.data.reading.numbers import parse_numbers
from phase6c.data.reading.raw import NUMBERS, RawTable, shown
from phase6c.wording import listed

COLUMNS = ("date", "ticker", *NUMBERS)
OPTIONAL_PRICES = ("open", "high", "low")

_REQUIRED = ("date", "close")
# Names that mean the same wherever they stand, the surest first.
ALIASES = {
    "date": (
        *("datetime", "date_time", "timestamp", "dtyyyymmdd", "yyyymmdd", "open_time"),
        *("trade_date", "time"),
    ),
    "ticker": ("symbol", "name"),
    "close": ("close_last", "price"),
    "adj_close": (
        *("adjusted_close", "adjustedclose", "close_adj", "closeadj", "close_adjusted"),
        *("adj_close_price", "adj_price", "adjusted_price", "adj", "adjusted"),
    ),
    "volume": (
        *("vol", "tickvol", "tick_volume", "shares_traded", "total_traded_quantity"),
        *("traded_volume", "qty", "quantity"),
    ),
}
# Names in use elsewhere that may mean something else, so that the user is asked.
_ASKED = {"date": ("day",), "close": ("last",)}
# Columns whose values tell one ticker from another, also by numbers.
_IDENTIFIERS = (
    *("code", "id", "ts_code", "sec_id", "secid", "security", "isin", "cusip", "sedol", "figi"),
    *("permno", "ric", "tic", "instrument", "asset", "company", "stock", "coin", "pair"),
)
# Columns whose texts stand in blocks and tell no ticker.
_NO_TICKERS = (
    *("split", "set", "fold", "subset", "month", "quarter", "year", "season", "session", "period"),
    *("time", "currency", "exchange", "contract", "weekday", "day_of_week"),
)
_NO_TICKER_VALUE = (
    r"(?i)[0-9]{1,2}:[0-9]{2}.*|true|false|"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b.*"
)
_CLOCK = r"[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?|[0-2][0-9][0-5][0-9][0-5][0-9]"
# What an index without a name is called in files.
_UNNAMED = ("", "unnamed_0", "index")
# "volum" and "tickr" are meant to be columns; "value" and "openint" may be others.
_LIKENESS = 0.75


def known_columns(cells: pd.DataFrame, table: RawTable) -> pd.DataFrame:
    """The columns of daily bars, named as in `COLUMNS`; misspelt columns under the right name.

    Args:
        cells: Columns named in any way.
        table: Receives the problems of the columns, and a note on those that are not read.
    """
    keys = [column_key(name) for name in cells.columns]
    places = {name: keys.index(name) for name in COLUMNS if name in keys}
    for name in places:
        if keys.count(name) > 1:
            table.fault(f"has the column {name} twice", "Keep one of them.")
    _add_aliases(places, keys, cells, table)
    if not places:
        remedy = (
            "Name its columns date,ticker,open,high,low,close,volume, in CSV in the first line."
        )
        table.fault(f"has no column of daily bars (it has {_header(cells)})", remedy)
        return cells.iloc[:, :0]
    for name in COLUMNS:
        guess = None if name in places else _misspelt(name, keys, places, cells)
        if guess is not None:
            places[name] = guess
            meant = shown(cells.columns[guess])
            otherwise = "" if name in _REQUIRED else ", or remove it"
            remedy = f"Rename {meant or 'that one'} to {name}{otherwise}."
            table.fault(f"has no column {name}, but {meant or 'one without a name'}", remedy)
    _check_complete(places, cells, table)
    _ask_about_tickers(places, cells, table)
    cells, places = _with_clock(places, keys, cells)
    _note_unread(places, keys, cells, table)
    named = [name for name in places if name != "time"]
    return cells.iloc[:, [places[name] for name in named]].set_axis(named, axis=1)


def known_names(header: list[str]) -> int:
    """How many columns of daily bars a line names, whether by their own names or by others."""
    keys = {column_key(name) for name in header}
    return sum(bool(keys.intersection((name, *ALIASES.get(name, ())))) for name in COLUMNS)


def _add_aliases(
    places: dict[str, int], keys: list[str], cells: pd.DataFrame, table: RawTable
) -> None:
    """Adds columns that bear another of their names, and notes those that could surprise."""
    for name, aliases in ALIASES.items():
        present = [alias for alias in aliases if alias in keys]
        if name in places or not present:
            continue
        if name == "close" and not places.keys() & {"open", "high", "low"}:
            continue  # a lone price may be anything
        places[name] = keys.index(present[0])
        if present[0] in ("name", "price"):
            table.note(f"{shown(cells.columns[places[name]])} is read as {name}")
    _prefer_traded_ticks(places, keys, cells, table)


def _prefer_traded_ticks(
    places: dict[str, int], keys: list[str], cells: pd.DataFrame, table: RawTable
) -> None:
    """MetaTrader writes real volumes only where the broker has them, and else zeros."""
    volume = places.get("volume")
    ticks = [place for place, key in enumerate(keys) if key in ("tickvol", "tick_volume")]
    if volume is None or not ticks or volume in ticks:
        return
    if not np.nan_to_num(parse_numbers(cells.iloc[:, volume])).any():
        places["volume"] = ticks[0]
        unused, used = shown(cells.columns[volume]), shown(cells.columns[ticks[0]])
        table.note(f"{used} is read as volume, as {unused} is zero throughout")


def _misspelt(
    name: str, keys: list[str], places: dict[str, int], cells: pd.DataFrame
) -> int | None:
    """The position of the column that is likely meant by this name."""
    taken = set(places.values())
    others = [key for place, key in enumerate(keys) if place not in taken]
    near = [*_ASKED.get(name, ()), *ALIASES.get(name, ())]
    near += difflib.get_close_matches(name, others, 1, _LIKENESS)
    for key in near:
        if key in others:
            return keys.index(key)
    # An index that was written without a name is the date only if its first cell is one.
    for key in _UNNAMED:
        if name == "date" and key in others:
            first = parse_dates(cells.iloc[:, keys.index(key)].head(1)).day
            return None if pd.isna(first).all() else keys.index(key)
    return None


def _check_complete(places: dict[str, int], cells: pd.DataFrame, table: RawTable) -> None:
    for name in _REQUIRED:
        if name not in places:
            text = f"has no column {name} (it has {_header(cells)})"
            remedy = "Add it, or rename the column that holds it."
            if name == "close" and cells.shape[1] > 2:
                remedy += " A table with a column of closes for each ticker has names like AAPL."
            table.fault(text, remedy)
    given = [name for name in OPTIONAL_PRICES if name in places]
    lacking = [name for name in OPTIONAL_PRICES if name not in places]
    if given and lacking:
        text = f"has {' and '.join(given)}, but no column {' and '.join(lacking)}"
        table.fault(text, f"Add {' and '.join(lacking)}, or remove {' and '.join(given)}.")


def _with_clock(
    places: dict[str, int], keys: list[str], cells: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The cells with the times of a column of their own behind the dates."""
    date, time = places.get("date"), keys.index("time") if "time" in keys else None
    if date is None or time in (None, date) or not len(cells):
        return cells, places
    clock, days = stripped(cells.iloc[:, time]), stripped(cells.iloc[:, date])
    if not clock.str.fullmatch(_CLOCK).all() or days.str.contains(":", regex=False).any():
        return cells, places
    clock = clock.str.replace(r"^([0-9]{2})([0-9]{2})([0-9]{2})$", r"\1:\2:\3", regex=True)
    whole = cells.copy()
    whole.isetitem(date, days + " " + clock)
    return whole, places | {"time": time}


def _ask_about_tickers(places: dict[str, int], cells: pd.DataFrame, table: RawTable) -> None:
    """A column whose few texts stand in blocks may tell tickers apart."""
    if "ticker" in places:
        return
    for place in set(range(cells.shape[1])) - set(places.values()):
        key = column_key(cells.columns[place])
        if key in _NO_TICKERS or not len(cells):
            continue
        codes, names = pd.factorize(stripped(cells.iloc[:, place]))
        texts = pd.Series(names, dtype="str")
        n_blocks = int((np.diff(codes) != 0).sum()) + 1
        in_blocks = len(names) == n_blocks and np.isnan(parse_numbers(texts)).all()
        few = len(names) >= 2 and 2 * len(names) <= len(codes)
        is_named = not is_missing(texts).any() and not texts.str.fullmatch(_NO_TICKER_VALUE).any()
        if few and is_named and (in_blocks or key in _IDENTIFIERS):
            name = shown(cells.columns[place])
            told = listed([shown(one) for one in names], 3)
            text = f"has no column ticker, but {name} with {told} in different rows"
            table.fault(text, f"Rename {name} to ticker, or remove it.")


def _note_unread(
    places: dict[str, int], keys: list[str], cells: pd.DataFrame, table: RawTable
) -> None:
    """Names the columns that are not read, once."""
    unread = [
        shown(name)
        for place, (name, key) in enumerate(zip(cells.columns, keys, strict=True))
        if place not in places.values() and key not in COLUMNS and key not in _UNNAMED
    ]
    if unread:
        be = "is" if len(unread) == 1 else "are"
        table.note(f"{listed(unread)} {be} not read: no feature or label is made from such columns")


def _header(cells: pd.DataFrame) -> str:
    return listed([shown(name) for name in cells.columns]) or "none"
