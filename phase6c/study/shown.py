"""The doors of a study to its pictures and its report, which are made in rooms above."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from phase6c.config import DRAWS

_HOME = "phase6c.report.from_python"


class Shown(Protocol):
    """Something that a notebook shows."""

    def _repr_html_(self) -> str: ...


class Plot(Shown, Protocol):
    """A plot of the report."""

    @property
    def caption(self) -> str:
        """Sentence below the plot."""
        ...

    @property
    def svg(self) -> str:
        """Drawing, as the text of an SVG element."""
        ...

    @property
    def png(self) -> bytes:
        """Image, as the content of a file."""
        ...


class WithPictures:
    """The pictures and the report of a study; a notebook shows what these return."""

    def plot_history(self) -> Plot:
        """The value of every trial and the best so far, against the epochs trained.

        Raises:
            DataError: No trial of the search has an epoch yet.
        """
        plot: Plot = _above("plot_history")(self)
        return plot

    def plot_effects(self) -> Plot:
        """The effect of every value of the widest hyper-parameters, with 95% intervals.

        Raises:
            DataError: The trials are too few to tell effects.
        """
        plot: Plot = _above("plot_effects")(self)
        return plot

    def plot_curves(self) -> Plot:
        """The learning curves; best, references, strongest baseline and rungs are marked.

        Raises:
            DataError: There are no trainings of several epochs.
        """
        plot: Plot = _above("plot_curves")(self)
        return plot

    def plot_calibration(self) -> Plot:
        """The share of rises against the best trial's probabilities, on the validation rows.

        Raises:
            DataError: The best trial has no stored predictions.
            StorageError: They cannot be read.
        """
        plot: Plot = _above("plot_calibration")(self)
        return plot

    def report(self, draws: int = DRAWS) -> Shown:
        """The whole report, made from the study's folder; `phase6c report` writes its files.

        Args:
            draws: Number of draws of every bootstrap; 0 leaves the intervals out, and is fast.

        Raises:
            StorageError: A file of the study is damaged.
        """
        shown: Shown = _above("report")(self, draws)
        return shown


def _above(name: str) -> Any:
    """A function of a room above, imported when it is called for, as rooms import downwards."""
    return getattr(import_module(_HOME), name)
