"""The elements of every part of a report: sentences and tables."""

from __future__ import annotations

from collections.abc import Iterable

from phase6c.config import Record, Value, Values
from phase6c.statistics.bootstrap import Estimate

# Smaller figures are told from zero and no more.
_TINY = 1e-9
# After the point, of a figure with its interval.
_MAX_DIGITS = 6

Cell = bool | int | float | str | Estimate | None


class Table(Record):
    """A table of the report, of a CSV file and of the JSON.

    Attributes:
        name: Name of the CSV file.
        title: Heading.
        columns: Names of the columns.
        rows: Rows with a cell for each column.
        folded: Whether the page shows it on request only.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False


class Section(Record):
    """A part of the report.

    Attributes:
        name: Key in the JSON and anchor in the page.
        title: Heading.
        says: Sentences that the data bear out.
        tables: Tables that the sentences rest on.
    """

    name: str
    title: str
    says: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def as_objects(table: Table) -> list[Values]:
    """A row as an object; a column without a name holds what the row is about."""
    names = [name or "of" for name in table.columns]
    return [
        {
            name: cell.model_dump() if isinstance(cell, Estimate) else cell
            for name, cell in zip(names, row, strict=True)
        }
        for row in table.rows
    ]


def sections_document(sections: Iterable[Section]) -> Values:
    """Sections by their names, as JSON."""
    return {
        section.name: {
            "says": section.says,
            "tables": {table.name: as_objects(table) for table in section.tables},
        }
        for section in sections
    }


def text(cell: Cell) -> str:
    """A cell as people read it."""
    match cell:
        case None:
            return "-"
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return number(cell)
        case Estimate():
            return estimated(cell)
    return cell


def estimated(found: Estimate) -> str:
    """A figure and its interval, to the digits that the interval bears."""
    value, low, high = (_to_doubt(end, found) for end in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def rounded(found: Estimate) -> str:
    """The figure of an estimate alone, to the digits that its interval bears."""
    return _to_doubt(found.value, found)


def _to_doubt(value: float, found: Estimate) -> str:
    """A figure to two significant digits of half its interval's width."""
    half = (found.high - found.low) / 2
    if not half > 0:
        return number(value)
    # As rounded to these two digits: .00999... is .010.
    exponent = int(f"{half:.1e}".partition("e")[2])
    digits = min(max(1 - exponent, 0), _MAX_DIGITS)
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def number(value: float) -> str:
    """A figure with four digits after the point, or as many as a tiny or large figure needs."""
    if 0 < abs(value) < _TINY:
        return f"< {_TINY:.0e}" if value > 0 else f"> -{_TINY:.0e}"
    if 0 < abs(value) < 5e-5:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"


def setting(value: Value | None) -> str:
    """A value of a hyper-parameter, as it is typed."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:g}"
