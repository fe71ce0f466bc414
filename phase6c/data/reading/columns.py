"""The columns of a raw table: known by their names, or missed with the nearest name."""

from __future__ import annotations

import difflib

import pandas as pd

from phase6c.data.reading.parsing import column_key, parse_dates
from phase6c.data.reading.raw import NUMBERS, RawTable, shown
from phase6c.wording import listed

COLUMNS = ("date", "ticker", *NUMBERS)
OPTIONAL_PRICES = ("open", "high", "low")

_REQUIRED = ("date", "close")
# Names in use elsewhere that no likeness leads to.
_ALIASES = {
    "date": ("datetime", "timestamp", "time", "day"),
    "ticker": ("symbol",),
    "close": ("last", "price"),
    "adj_close": ("adjusted_close", "close_adj"),
    "volume": ("vol",),
}
# What an index without a name is called in files.
_UNNAMED = ("", "unnamed_0", "index")
# "volum" and "tickr" are meant to be columns; "value" and "openint" may be others.
_LIKENESS = 0.75


def known_columns(cells: pd.DataFrame, table: RawTable) -> pd.DataFrame:
    """The columns of daily bars, named as in `COLUMNS`; misspelt columns under the right name.

    Args:
        cells: Columns named in any way.
        table: Receives the problems of the columns.
    """
    keys = [column_key(name) for name in cells.columns]
    places = {name: keys.index(name) for name in COLUMNS if name in keys}
    for name in places:
        if keys.count(name) > 1:
            table.fault(f"has the column {name} twice", "Keep one of them.")
    if not places:
        remedy = (
            "Name its columns date,ticker,open,high,low,close,volume, in CSV in the first line."
        )
        table.fault(f"has no column of daily bars (it has {_header(cells)})", remedy)
        return cells.iloc[:, :0]
    for name in COLUMNS:
        guess = None if name in places else _misspelt(name, keys, cells)
        if guess is not None:
            places[name] = guess
            meant = shown(cells.columns[guess])
            otherwise = "" if name in _REQUIRED else ", or remove it"
            remedy = f"Rename {meant or 'that one'} to {name}{otherwise}."
            table.fault(f"has no column {name}, but {meant or 'one without a name'}", remedy)
    _check_complete(places, cells, table)
    return cells.iloc[:, list(places.values())].set_axis(list(places), axis=1)


def _misspelt(name: str, keys: list[str], cells: pd.DataFrame) -> int | None:
    """The position of the column that is likely meant by this name."""
    others = [key for key in keys if key not in COLUMNS]
    near = [*_ALIASES.get(name, ()), *difflib.get_close_matches(name, others, 1, _LIKENESS)]
    for key in near:
        if key in others:
            return keys.index(key)
    # An index that was written without a name is the date only if its first cell is one.
    for key in _UNNAMED:
        if name == "date" and key in others:
            first = parse_dates(cells.iloc[:1, keys.index(key)]).day
            return None if pd.isna(first).all() else keys.index(key)
    return None


def _check_complete(places: dict[str, int], cells: pd.DataFrame, table: RawTable) -> None:
    for name in _REQUIRED:
        if name not in places:
            text = f"has no column {name} (it has {_header(cells)})"
            table.fault(text, "Add it, or rename the column that holds it.")
    given = [name for name in OPTIONAL_PRICES if name in places]
    lacking = [name for name in OPTIONAL_PRICES if name not in places]
    if given and lacking:
        text = f"has {' and '.join(given)}, but no column {' and '.join(lacking)}"
        table.fault(text, f"Add {' and '.join(lacking)}, or remove {' and '.join(given)}.")


def _header(cells: pd.DataFrame) -> str:
    return listed([shown(name) for name in cells.columns]) or "none"
