"""The plots of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phase6c.analysis.effects import AxisEffects, Effects, Row
from phase6c.analysis.validation import Validation, best_logits
from phase6c.document.picture import (
    _STYLE,
    BLUE,
    GREY,
    INK,
    Picture,
    legend_above,
    picture,
    reliability,
    rendered,
)
from phase6c.document.section import Table, setting
from phase6c.report.pictures_of_trials import curves, history
from phase6c.report.reading import Reading
from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.logits import sigmoid
from phase6c.study.study import Study
from phase6c.wording import metric_words

# Axes in the plot of effects, those with the widest effects first; the tables have all.
_MAX_AXES = 10
_INCHES_A_ROW = 0.19


def pictures(reading: Reading) -> list[Picture]:
    """All plots on a search."""
    drawn = [
        history(reading.search),
        curves(reading.search),
        effects_of_values(reading.effects),
        calibration(reading.search.study, reading.validation),
    ]
    return [*(one for one in drawn if one is not None), *_of_probabilities(reading)]


def effects_of_values(effects: Effects) -> Picture | None:
    """Every value's effect on a common axis, under the name of its hyper-parameter.

    Args:
        effects: Effects of a search.

    Returns:
        None where no effect is known.
    """
    known = [axis for axis in effects.axes if any(row.effect for row in axis.rows)]
    if not known:
        return None
    shown = known[:_MAX_AXES]
    rows = [(axis, row) for axis in shown for row in (None, *axis.rows) if not row or row.effect]
    height = _INCHES_A_ROW * len(rows) + 0.6
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.8, height))
        figure.subplots_adjust(left=0.3, right=0.97, bottom=0.5 / height, top=1 - 0.1 / height)
        axes = figure.subplots()
        axes.axvline(0, color=INK, lw=0.8)
        for at, (axis, row) in enumerate(rows):
            if row is not None and row.effect is not None:
                value, ends = _with_ends(row.effect)
                colour = BLUE if axis.matters else GREY
                axes.errorbar([value], [at], xerr=ends, fmt="o", ms=4, capsize=2, color=colour)
        axes.set_yticks(range(len(rows)), [_row_name(axis, row) for axis, row in rows])
        for label, (_, row) in zip(axes.get_yticklabels(), rows, strict=True):
            label.set_fontweight("normal" if row else "bold")
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set(ylim=(len(rows) - 0.5, -0.5))
        axes.set(xlabel=f"gain in {metric_words(effects.objective)} over the mean of the values")
        return rendered(
            "parameters",
            "effects",
            _effects_caption(len(shown), len(known)),
            figure,
            alternative=_effects_in_words(shown),
        )


def _row_name(axis: AxisEffects, row: Row | None) -> str:
    if row is None:
        return axis.axis
    if row.span is None:
        return setting(row.value)
    return " to ".join(f"{end:.2g}" if isinstance(end, float) else str(end) for end in row.span)


def _effects_caption(n_shown: int, n_known: int) -> str:
    said = (
        "Gain of each value in a whole training, all else equal, with 95% intervals; right of the "
        "line is better. Blue: some of the hyper-parameter's values can be told apart."
    )
    others = n_known - n_shown
    return said + (f" The tables have {others} more." if others else "")


def _effects_in_words(shown: Sequence[AxisEffects]) -> str:
    told = [f"{axis.axis} (best: {setting(axis.best_value)})" for axis in shown if axis.matters]
    if not told:
        return f"Effects of {len(shown)} hyper-parameters; no two values can be told apart."
    return f"Effects of {len(shown)} hyper-parameters; {', '.join(told)} can be told to matter."


def calibration(study: Study | None, validation: Validation | None) -> Picture | None:
    """The best trial's probabilities against the share of rises on the validation rows.

    Returns:
        None where the best trial has no stored predictions, or the rows have a single class.
    """
    logits = best_logits(study, validation) if study else None
    if validation is None or logits is None or len(np.unique(validation.y)) < 2:
        return None
    caption = "Share of rises against the predicted probability, in ten bins of equal mass"
    shown = {"best trial": sigmoid(logits)}
    return reliability("probabilities", "reliability", caption, validation.y, shown)


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
        axes.hist(p[y == 0], edges, alpha=0.6, color=GREY, label="no rise")
        axes.hist(p[y == 1], edges, alpha=0.7, color=BLUE, label="rise")
        axes.axvline(float(y.mean()), color=INK, ls=":", label="base rate")
        axes.set(xlabel="predicted probability", ylabel="days")
        legend_above(axes)

    def precision_recall(axes: Axes) -> None:
        axes.set_prop_cycle(color=[BLUE])
        PrecisionRecallDisplay.from_predictions(
            y, p, ax=axes, name="best trial", plot_chance_level=True, despine=True
        )
        axes.set(xlabel="recall", ylabel="precision")
        legend_above(axes)

    where = "probabilities"
    return [
        picture(where, "scores", "Scores of days with and without a rise", histogram),
        picture(where, "precision_recall", "Precision against recall", precision_recall),
    ]


def across(panels: Sequence[Table]) -> list[Picture]:
    """The best AUC of each study with its true parameter count, the smallest first.

    Args:
        panels: The tables of `scaling`.
    """
    points = {table.title: list(_points(table)) for table in panels}
    known = {title: studies for title, studies in points.items() if studies}
    if not known:
        return []
    with mpl.rc_context(_STYLE):
        heights = [0.7 + 0.35 * len(studies) for studies in known.values()]
        figure = Figure(figsize=(6.4, sum(heights)), layout="constrained")
        places = figure.subplots(len(known), squeeze=False, height_ratios=heights)[:, 0]
        for (title, studies), axes in zip(known.items(), places, strict=True):
            ordered = sorted(studies, key=lambda study: study[1])
            for place, (_, _, auc) in enumerate(ordered):
                value, ends = _with_ends(auc) if isinstance(auc, Estimate) else (auc, None)
                axes.errorbar([value], [place], xerr=ends, fmt="o", capsize=3, color=BLUE)
            names = [f"{name}, {n_params:,} parameters" for name, n_params, _ in ordered]
            axes.set_yticks(range(len(names)), names)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set(xlabel="validation AUC", title=title)
        caption = "The best of each study, the smallest first"
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
