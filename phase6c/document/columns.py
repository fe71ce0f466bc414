"""Tables as a page of any width shows them: columns that fit, and the others on request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from phase6c.document.section import Cell, Table, text

# Characters of a table's text that fit beside each other: on a phone, a tablet and a desk.
_FITS: dict[Literal["narrow", "middle", "wide"], int] = {"narrow": 41, "middle": 82, "wide": 112}
# A longer cell takes several lines of about so many characters.
LONG, _LINE = 40, 26
# Space around a cell, in characters.
_PADDING = 1.5


class Columns(NamedTuple):
    """Columns of a table that stand beside each other, the first column before them.

    Attributes:
        names: Their names.
        rows: Their cells.
        figures: Whether each column is one of figures, which are set to the right.
        fits: The narrowest kind of screen on which they fit as a table: narrow, middle or wide.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    figures: tuple[bool, ...]
    fits: str


def side_by_side(table: Table) -> list[Columns]:
    """The columns of a table in groups that fit on a desk, each led by the first column."""
    widths = [_width(column) for column in _columns_of(table)]
    return [_taken(table, group, widths) for group in _groups(widths)]


def _columns_of(table: Table) -> Iterator[tuple[str, ...]]:
    for at, name in enumerate(table.columns):
        # A heading breaks between its words.
        yield (*name.split(), *(text(row[at]) for row in table.rows))


def _width(texts: Sequence[str]) -> float:
    return _PADDING + max((_LINE if len(one) > LONG else len(one) for one in texts), default=0)


def _groups(widths: Sequence[float]) -> Iterator[list[int]]:
    """Positions of the columns of each group."""
    group, used = [0], widths[0]
    for at, width in enumerate(widths[1:], start=1):
        if used + width > _FITS["wide"] and len(group) > 1:
            yield group
            group, used = [0], widths[0]
        group.append(at)
        used += width
    yield group


def _taken(table: Table, group: Sequence[int], widths: Sequence[float]) -> Columns:
    used = sum(widths[at] for at in group)
    fits = next((name for name, limit in _FITS.items() if used <= limit), "wide")
    rows = tuple(tuple(row[at] for at in group) for row in table.rows)
    figures = tuple(any(is_figure(row[at]) for row in table.rows) for at in group)
    return Columns(tuple(table.columns[at] for at in group), rows, figures, fits)


def is_figure(cell: Cell) -> bool:
    """Whether a cell is a figure, and not a word or empty."""
    return cell is not None and not isinstance(cell, str | bool)
