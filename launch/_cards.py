"""A card on the terminal: the columns that matter most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from _tables import plain_table
from rich.table import Table

from phase6c.report.section import number


def card_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> Table:
    """Some columns of a table of card.json."""
    table = plain_table(title)
    for name in columns:
        table.add_column(name, justify="left" if name == columns[0] else "right")
    for row in rows:
        table.add_row(*(_text(row[name]) for name in columns))
    return table


def _text(cell: Any) -> str:
    if isinstance(cell, Mapping):
        return f"{number(cell['value'])} [{number(cell['low'])}, {number(cell['high'])}]"
    if cell is None:
        return "-"
    return number(cell) if isinstance(cell, float) else str(cell)
