"""The report as a document: a part for each search, with its sections and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from phase6c.config import Values
from phase6c.document.picture import Picture
from phase6c.document.section import Cell, Section, sections_document, text


@dataclass(frozen=True)
class Part:
    """The report of a search, or of all searches together.

    Attributes:
        name: Name of the search.
        facts: Facts about the search, in words.
        sections: Sections in their order.
        pictures: Plots, each of a section.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Document:
    """A report on a search or on several.

    Attributes:
        parts: A part for each search; where there are several, their comparison first.
        draws: Number of draws of every bootstrap.
        code_version: Version of the code that made the report.
        files: Sentence about the files in which the same stands.
    """

    parts: tuple[Part, ...]
    draws: int
    code_version: str
    files: str = "The same tables are in tables/*.csv and report.json, the plots in plots/*.png."

    def document(self) -> Values:
        """The report as JSON."""
        return {
            "schema": "phase6c.report/1",
            "draws": self.draws,
            "code_version": self.code_version,
            "parts": [_document(part) for part in self.parts],
        }


def _document(part: Part) -> Values:
    return {
        "name": part.name,
        **dict(part.facts),
        "sections": sections_document(part.sections),
    }


_TEMPLATE = "page.html"

_LONG = 40  # characters


def page(report: Document) -> str:
    """The page, with its plots as drawings inside."""
    # Names come from users' files: everything is escaped unless it is said to be safe.
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
    """Whether a cell may take several lines."""
    return isinstance(cell, str) and len(cell) > _LONG


def _is_figure(cell: Cell) -> bool:
    """Whether a cell is set to the right."""
    return cell is None or (not isinstance(cell, str | bool))
