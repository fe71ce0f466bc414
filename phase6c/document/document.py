"""The report as a document: a part for each search, with its sections and pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from phase6c.config import Values
from phase6c.document.columns import LONG, is_figure, side_by_side
from phase6c.document.picture import Picture
from phase6c.document.section import Cell, Section, sections_document, text
from phase6c.statistics.bootstrap import Estimate
from phase6c.wording import counted

# Pictures of this section stand at the top of their part.
TOP = "top"


@dataclass(frozen=True)
class KeyFigure:
    """A figure that stands at the top of a part.

    Attributes:
        name: Name of the figure.
        value: Figure, or a word in its place.
        note: Words that tell how to read it.
    """

    name: str
    value: Cell
    note: str


@dataclass(frozen=True)
class Part:
    """The report of a search, or of all searches together.

    Attributes:
        name: Name of the search.
        facts: Facts about the search, in words.
        sections: Sections in their order.
        pictures: Plots, each of a section or of the top.
        about: Bars and date, for the title of the page.
        verdicts: Findings that stand at the top.
        figures: Figures beside them.
        opened: Names of the sections that are not folded.
        heading: What stands above the part where that is not its name.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    pictures: tuple[Picture, ...]
    about: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    figures: tuple[KeyFigure, ...] = ()
    opened: tuple[str, ...] = ()
    heading: str = ""

    @property
    def headed(self) -> str:
        """The heading, or the name."""
        return self.heading or self.name

    @property
    def title(self) -> str:
        """Heading, bars and date."""
        return ", ".join((self.headed, *self.about))


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

    def __repr__(self) -> str:
        return f"Document({'; '.join(part.title for part in self.parts)})"

    def _repr_html_(self) -> str:
        """The page in a notebook, in a frame that keeps its styles to itself."""
        style = "width: 100%; height: 48rem; border: 1px solid #ccc"
        title = escape(self.parts[0].title)
        return f'<iframe title="{title}" style="{style}" srcdoc="{escape(page(self))}"></iframe>'

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
_INTERVAL = re.compile(r"(?:[-+]?[\d.,]+ )?\[[-+]?[\d.,]+, [-+]?[\d.,]+\]")


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
    environment.filters |= {"cell": text, "drawing": Markup, "side_by_side": side_by_side}
    environment.filters |= {"kind": _kind, "order": _order, "counted": counted}
    environment.filters |= {"unbroken": _unbroken}
    return environment.get_template(_TEMPLATE).render(report=report, top=TOP).lstrip()


def _kind(cell: Cell) -> str:
    """How a cell is set: a figure to the right, a long text in lines, an empty cell not at all."""
    if cell is None:
        return "empty"
    if is_figure(cell):
        return "figure"
    return "long" if isinstance(cell, str) and len(cell) > LONG else "word"


def _unbroken(line: str) -> str:
    """A line that does not break inside a figure with its interval."""
    return _INTERVAL.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), line)


def _order(cell: Cell) -> str:
    """What a column is sorted by."""
    if isinstance(cell, Estimate):
        return repr(cell.value)
    return "" if cell is None else str(cell)
