"""Plots in the formats that pages and files need."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "svg.hashsalt": "phase6c",  # else every file differs
}

_DPI = 200
# So narrow that its text can be read on a phone.
_WIDTH = 4.8  # inches

INK, BLUE, RED, ORANGE, GREY = "#000000", "#2166ac", "#b2182b", "#b35806", "#8c8c8c"
# A page gives these colours values of its own, by its theme.
_THEMED = {INK: "currentColor"} | {
    colour: f"var(--{name}, {colour})"
    for name, colour in {"blue": BLUE, "red": RED, "orange": ORANGE, "grey": GREY}.items()
}
# Titles of marks that a pointer rests on, by the id of the line that draws them.
Titles = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A plot, drawn and in two formats.

    Attributes:
        section: Name of its section of the report.
        name: Name of its file.
        caption: Sentence below it.
        svg: Drawing for the page, in colours that follow the page's theme.
        png: Image for a file.
        alternative: Text for readers who do not see the plot.
    """

    section: str
    name: str
    caption: str
    svg: str
    png: bytes
    alternative: str

    def __repr__(self) -> str:
        return f"Picture({self.name!r}, {self.caption!r})"

    def _repr_html_(self) -> str:
        """The plot in a notebook, on white whatever the notebook's theme."""
        style = "margin: 0; padding: .5em; max-width: 32em; background: #fff; color: #000"
        label, caption = escape(self.alternative), escape(self.caption)
        return (
            f'<figure style="{style}"><div role="img" aria-label="{label}">{self.svg}</div>'
            f"<figcaption>{caption}</figcaption></figure>"
        )


def picture(
    section: str,
    name: str,
    caption: str,
    draw: Callable[[Axes], None],
    size: tuple[float, float] = (_WIDTH, 3.3),
    *,
    titles: Titles | None = None,
    alternative: str | None = None,
) -> Picture:
    """Draws on a pair of axes.

    Args:
        section, name, caption: See `Picture`.
        draw: Function that draws on the axes.
        size: Width and height in inches.
        titles: Titles of the marks of each line that has a `gid`, in their order.
        alternative: See `Picture`; the caption where there is nothing to add.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size)
        # Fixed margins: to find them, a figure would be drawn once more.
        figure.subplots_adjust(left=0.14, right=0.98, bottom=0.15, top=0.84)
        draw(figure.subplots())
        return rendered(section, name, caption, figure, titles=titles, alternative=alternative)


def rendered(
    section: str,
    name: str,
    caption: str,
    figure: Figure,
    *,
    titles: Titles | None = None,
    alternative: str | None = None,
) -> Picture:
    """A drawn figure in both formats; see `picture`."""
    svg, png = io.StringIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None}, transparent=True)
    figure.savefig(png, format="png", dpi=_DPI)
    # Without the XML declaration, which has no place inside a page.
    drawing = svg.getvalue()
    drawing = _titled(drawing[drawing.index("<svg") :], titles or {})
    drawing = _themed(_named(drawing, name))
    return Picture(section, name, caption, drawing, png.getvalue(), alternative or caption)


def _titled(drawing: str, titles: Titles) -> str:
    """The drawing with a title on each mark, which browsers show without a script."""
    for gid, texts in titles.items():
        # A line's marks are `use` elements, in the order of its points.
        start = drawing.index(f'<g id="{gid}">')
        head, *marks = re.split(r"(?=<use )", drawing[start:])
        for at, title in enumerate(texts):
            mark, rest = marks[at].split("/>", 1)
            marks[at] = f"{mark}><title>{escape(title)}</title></use>{rest}"
        drawing = drawing[:start] + head + "".join(marks)
    return drawing


def _named(drawing: str, name: str) -> str:
    """The drawing with ids of its own, as those of a page must differ."""
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", drawing)


def _themed(drawing: str) -> str:
    for colour, themed in _THEMED.items():
        drawing = drawing.replace(colour, themed)
    return drawing


def legend_above(axes: Axes) -> None:
    """A legend above the axes, where it covers nothing."""
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)


def reliability(
    section: str, name: str, caption: str, y: np.ndarray, shown: Mapping[str, np.ndarray]
) -> Picture:
    """The share of rises against the predicted probability, in ten bins of equal mass.

    Args:
        section, name, caption: See `Picture`.
        y: [row] in {0, 1}, with both classes.
        shown: float[row] probabilities by the name of who predicted them.
    """
    from sklearn.calibration import CalibrationDisplay

    def draw(axes: Axes) -> None:
        top = 0.0
        axes.plot([0, 1], [0, 1], "k:", label="perfectly calibrated")
        # What is meant to be used comes last, in the strongest colour.
        colours = (BLUE, GREY, ORANGE)
        for (label, p), colour in zip(reversed(list(shown.items())), colours, strict=False):
            display = CalibrationDisplay.from_predictions(
                y,
                p,
                n_bins=10,
                strategy="quantile",
                ax=axes,
                name=label,
                color=colour,
                ref_line=False,
            )
            top = max(top, 1.05 * float(max(display.prob_pred.max(), display.prob_true.max())))
        axes.set(xlim=(0, top), ylim=(0, top))
        axes.set(xlabel="mean predicted probability", ylabel="share of rises")
        legend_above(axes)

    return picture(section, name, caption, draw)
