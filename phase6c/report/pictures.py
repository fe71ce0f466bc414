"""The plots of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from phase6c.analysis.effects import AxisEffects
from phase6c.analysis.trials import Search
from phase6c.analysis.validation import best_logits
from phase6c.document.picture import _STYLE, Picture, picture, reliability, rendered
from phase6c.document.section import Table, setting
from phase6c.records import State, score
from phase6c.report.convergence import chosen_results, improvements
from phase6c.report.reading import Reading
from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.logits import sigmoid

_COLOURS: dict[State, str] = {
    "COMPLETE": "#2166ac",
    "PRUNED": "#aaaaaa",
    "FAILED": "#b2182b",
    "RUNNING": "#e08214",
}
# Number of small plots of effects in a row.
_N_COLUMNS = 4


def pictures(reading: Reading) -> list[Picture]:
    """All plots on a search."""
    drawn = [_progress(reading.search)] if chosen_results(reading.search) else []
    if drawn and reading.search.study is not None and reading.search.n_epochs > 1:
        drawn.append(_curves(reading.search))
    shown = [axis for axis in reading.effects.axes if any(row.effect for row in axis.rows)]
    return [*drawn, *([_effects(shown)] if shown else []), *_of_probabilities(reading)]


def _curves(search: Search) -> Picture:
    searched = [result for result in search.results if result.source != "probe" and result.curve]

    def draw(axes: Axes) -> None:
        for state, colour in _COLOURS.items():
            curves = [result.curve for result in searched if result.state == state]
            if curves:
                label = f"{state.lower()} ({len(curves)})"
                lines = [list(enumerate(shown(curve), start=1)) for curve in curves]
                # A single artist for all, as a thousand lines would take seconds.
                axes.add_collection(LineCollection(lines, colors=colour, lw=0.8, label=label))
                single = [shown(curve)[0] for curve in curves if len(curve) == 1]
                axes.plot([1] * len(single), single, ".", color=colour)
        axes.autoscale_view()
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel=f"validation {search.objective}")
        axes.legend(loc="lower right")

    def shown(curve: Sequence[float]) -> list[float]:
        return [score(value, search.objective) for value in curve]

    return picture("rungs", "learning_curves", "Learning curves of the search's trials", draw)


def _progress(search: Search) -> Picture:
    results, steps = chosen_results(search), improvements(search)
    epochs = np.cumsum([len(result.curve) for result in results])

    def draw(axes: Axes) -> None:
        values = [score(result.score, search.objective) for result in results]
        axes.plot(epochs, values, ".", color="#bbbbbb", label="a trial")
        at = [*(step.epochs for step in steps), epochs[-1]]
        best = [score(step.score, search.objective) for step in steps]
        axes.step(at, [*best, best[-1]], where="post", color="#2166ac", label="best so far")
        unit = "epochs trained" if search.n_epochs > 1 else "trials"
        axes.set(xlabel=unit, ylabel=f"validation {search.objective}")
        axes.legend(loc="lower right")

    return picture("convergence", "convergence", "The best so far against compute", draw)


def _effects(shown: Sequence[AxisEffects]) -> Picture:
    """A small plot for each axis, all on the same scale; the axes that matter in blue."""
    n_rows = -(-len(shown) // _N_COLUMNS)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8.0, 2.1 * n_rows))
        figure.subplots_adjust(left=0.08, right=0.98, bottom=0.3 / n_rows, top=1 - 0.15 / n_rows)
        figure.subplots_adjust(hspace=0.8, wspace=0.15)
        places = figure.subplots(n_rows, _N_COLUMNS, squeeze=False, sharey=True).ravel()
        for axis, axes in zip(shown, places, strict=False):
            known = [(row.value, _with_ends(row.effect)) for row in axis.rows if row.effect]
            values = [value for _, (value, _) in known]
            reach = np.array([ends for _, (_, ends) in known])[:, :, 0].T
            colour = "#2166ac" if axis.matters else "#888888"
            at = range(len(known))
            axes.errorbar(at, values, yerr=reach, fmt="o", ms=3, capsize=2, color=colour)
            axes.axhline(0, color="black", lw=0.6)
            labels = [setting(value) for value, _ in known]
            axes.set_xticks(list(at), labels, rotation=45 if len(known) > _N_COLUMNS else 0)
            axes.set_title(axis.axis, fontsize=9)
        for axes in places[len(shown) :]:
            axes.remove()
        caption = "Effect of each value on the score of a whole training, with 95% intervals"
        return rendered("parameters", "effects", caption, figure)


def _of_probabilities(reading: Reading) -> list[Picture]:
    from sklearn.metrics import PrecisionRecallDisplay

    study, validation = reading.search.study, reading.validation
    logits = best_logits(study, validation) if study else None
    if validation is None or logits is None or len(np.unique(validation.y)) < 2:
        return []
    p, y = sigmoid(logits), validation.y

    def histogram(axes: Axes) -> None:
        # The same bins for both classes, or their heights could not be compared.
        edges = np.histogram_bin_edges(p, bins=40).tolist()
        axes.hist(p[y == 0], edges, alpha=0.6, color="#999999", label="no rise")
        axes.hist(p[y == 1], edges, alpha=0.7, color="#2166ac", label="rise")
        axes.axvline(float(y.mean()), color="black", ls=":", label="base rate")
        axes.set(xlabel="predicted probability", ylabel="days")
        axes.legend(loc="upper right")

    def precision_recall(axes: Axes) -> None:
        PrecisionRecallDisplay.from_predictions(
            y, p, ax=axes, name="best trial", plot_chance_level=True, despine=True
        )
        axes.set(xlabel="recall", ylabel="precision")

    where = "probabilities"
    return [
        reliability(
            where, "reliability", "Reliability in ten bins of equal mass", y, {"best trial": p}
        ),
        picture(where, "scores", "Scores of days with and without a rise", histogram),
        picture(where, "precision_recall", "Precision against recall", precision_recall),
    ]


def across(panels: Sequence[Table]) -> list[Picture]:
    """The best AUC of each study against its true parameter count, if any has both.

    Args:
        panels: The tables of `scaling`.
    """
    points = {table.title: list(_points(table)) for table in panels}
    known = {title: studies for title, studies in points.items() if studies}
    if not known:
        return []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 3.2 * len(known)), layout="constrained")
        places = figure.subplots(len(known), squeeze=False)[:, 0]
        for (title, studies), axes in zip(known.items(), places, strict=True):
            for name, n_params, auc in studies:
                value, ends = _with_ends(auc) if isinstance(auc, Estimate) else (auc, None)
                axes.errorbar([n_params], [value], yerr=ends, fmt="o", capsize=3, label=name)
            axes.set(xscale="log", xlabel="parameters", ylabel="validation AUC", title=title)
            axes.legend()
        caption = "The best of each study against its size"
        return [rendered("scaling", "scaling", caption, figure)]


def _points(table: Table) -> Iterator[tuple[str, int, Estimate | float]]:
    """Name, parameters and AUC of each study that has them."""
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        name, n_params, auc = cells["study"], cells["parameters"], cells["AUC"]
        if isinstance(n_params, int) and isinstance(auc, Estimate | float):
            yield str(name), n_params, auc


def _with_ends(figure: Estimate) -> tuple[float, list[list[float]]]:
    """A value, and how far its interval reaches down and up."""
    return figure.value, [[figure.value - figure.low], [figure.high - figure.value]]
