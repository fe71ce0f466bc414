"""The elements of every part of a report: sentences and tables."""

from __future__ import annotations

from collections.abc import Iterable

from phase6c.config import Record, Value, Values
from phase6c.statistics.bootstrap import Estimate

Cell = bool | int | float | str | Estimate | None


class Table(Record):
    """A table of the report, of a CSV file and of the JSON.

    Attributes:
        name: Name of the CSV file.
        title: Heading.
        columns: Names of the columns.
        rows: Rows with a cell for each column.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


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
            return f"{number(cell.value)} [{number(cell.low)}, {number(cell.high)}]"
    return cell


def number(value: float) -> str:
    """A figure with four digits after the point, or as many as a tiny or large figure needs."""
    if 0 < abs(value) < 5e-5:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"


def setting(value: Value | None) -> str:
    """A value of a hyper-parameter, as it is typed."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    return f"{value:g}"
