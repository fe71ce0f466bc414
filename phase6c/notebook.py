"""Values in a notebook: a head line and a table, in HTML that needs no style sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape


def as_html(head: str, rows: Iterable[Mapping[str, object]] = ()) -> str:
    """A head line and a table, all text escaped.

    Args:
        head: The line above the table.
        rows: Cells by the names of their columns, which may differ from row to row.
    """
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [_line("th", columns)]
    lines += [_line("td", [_shown(row.get(name)) for name in columns]) for row in rows]
    return f"<p>{escape(head)}</p>" + (f"<table>{''.join(lines)}</table>" if rows else "")


def as_rows(fields: Mapping[str, object]) -> list[dict[str, object]]:
    """A row for each field that has a value, for a table of the fields of a single record."""
    return [
        {"field": name, "value": value} for name, value in fields.items() if value not in (None, ())
    ]


def _line(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case int():
            return f"{value:,}"
        case tuple():
            return ", ".join(map(str, value))
    return str(value)
