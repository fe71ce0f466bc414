"""The report as one page that needs nothing else."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from phase6c.document.document import Document
from phase6c.document.section import Cell, text

_TEMPLATE = "page.html"
_LONG = 40  # characters


def page(report: Document) -> str:
    """The page, with its plots as drawings inside."""
    environment = Environment(
        loader=PackageLoader("phase6c.document", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # matplotlib escapes what it draws, so its drawings may stand as they are.
    environment.filters |= {"cell": text, "drawing": Markup}
    environment.filters |= {"is_figure": _is_figure, "is_long": _is_long}
    return environment.get_template(_TEMPLATE).render(report=report)


def _is_long(cell: Cell) -> bool:
    """Whether it may take several lines."""
    return isinstance(cell, str) and len(cell) > _LONG


def _is_figure(cell: Cell) -> bool:
    """Whether it is set to the right."""
    return cell is None or (not isinstance(cell, str | bool))
