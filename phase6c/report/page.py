"""The report as one page that needs nothing else."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from phase6c.report.parts import Report
from phase6c.report.section import Cell, text

_TEMPLATE = "page.html"


def page(report: Report) -> str:
    """The page, with its plots as drawings inside."""
    environment = Environment(
        loader=PackageLoader("phase6c.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # matplotlib escapes what it draws, so its drawings may stand as they are.
    environment.filters |= {"cell": text, "drawing": Markup, "is_figure": _is_figure}
    return environment.get_template(_TEMPLATE).render(report=report)


def _is_figure(cell: Cell) -> bool:
    """Whether it is set to the right."""
    return cell is None or (not isinstance(cell, str | bool))
