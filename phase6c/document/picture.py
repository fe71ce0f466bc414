"""Plots in the formats that pages and files need."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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

_DPI = 150


@dataclass(frozen=True)
class Picture:
    """A plot, drawn and in two formats.

    Attributes:
        section: Name of its section of the report.
        name: Name of its file.
        caption: Sentence below it.
        svg: Drawing for the page.
        png: Image for a file.
    """

    section: str
    name: str
    caption: str
    svg: str
    png: bytes


def picture(
    section: str,
    name: str,
    caption: str,
    draw: Callable[[Axes], None],
    size: tuple[float, float] = (6.4, 3.6),
) -> Picture:
    """Draws on a pair of axes."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size)
        # Fixed margins: to find them, a figure would be drawn once more.
        figure.subplots_adjust(left=0.12, right=0.98, bottom=0.14, top=0.96)
        draw(figure.subplots())
        return rendered(section, name, caption, figure)


def rendered(section: str, name: str, caption: str, figure: Figure) -> Picture:
    """A drawn figure in both formats."""
    svg, png = io.StringIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=_DPI)
    # Without the XML declaration, which has no place inside a page.
    drawing = svg.getvalue()
    return Picture(section, name, caption, drawing[drawing.index("<svg") :], png.getvalue())


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
        for label, p in shown.items():
            display = CalibrationDisplay.from_predictions(
                y, p, n_bins=10, strategy="quantile", ax=axes, name=label
            )
            top = max(top, 1.05 * float(max(display.prob_pred.max(), display.prob_true.max())))
        axes.set(xlim=(0, top), ylim=(0, top))
        axes.set(xlabel="mean predicted probability", ylabel="share of rises")

    return picture(section, name, caption, draw)
