"""The lines of a card's tables: a model or a baseline with its figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float64

from phase6c.data.splits import CAL
from phase6c.document.section import Cell
from phase6c.evaluation.entries import Entry, Figures, figures
from phase6c.evaluation.evidence import Evidence
from phase6c.evaluation.judgement import Gain, gain
from phase6c.evaluation.outcomes import Truth
from phase6c.wording import words

_FIGURES = (
    *("model", "parameters", "log loss", "gain over best baseline", "skill", "AUC"),
    *("log loss raw", "Brier", "intercept", "slope", "ECE", "AUC down", "AUC direction"),
    *("average precision", "lift", "threshold", "precision", "recall", "base rate", "step AUC"),
    *("tier", "horizon", "label", "tried", "seeds", "seconds"),
)
LEGEND = (
    "Skill: 1 - log loss / that of the training's base rate. AUC down: of the same probabilities "
    "for falls as large; AUC direction: of rises against falls, rows with both or neither left "
    "out. Lift: average precision / base rate. Step AUC: the least and the largest of a step. "
    "Hindsight: the share of rises in the very rows that are judged."
)
_PANEL_FIGURES = ("AUC within day", "AUC per ticker", "rank IC", "rank IC t")
PANEL_LEGEND = (
    "AUC within day and per ticker: the mean over the days, and over the tickers, that have both "
    "classes. Rank IC: the mean over the days of Spearman's correlation of the logit with the rise "
    "that the label is cut from; t: over its error, which allows for overlapping horizons."
)


def is_panel(evidence: Evidence) -> bool:
    """Whether several tickers are judged."""
    return len(np.unique(evidence.test.tickers)) > 1


def columns(evidence: Evidence) -> tuple[str, ...]:
    """The columns of `test_row` and `walk_row`."""
    return (*_FIGURES, *_PANEL_FIGURES) if is_panel(evidence) else _FIGURES


def test_row(entry: Entry, evidence: Evidence, known: Mapping[str, Gain]) -> tuple[Cell, ...]:
    """A line on the test block.

    Args:
        entry, evidence: The line, and all that it is held against.
        known: Gains over the best baseline that have been computed already, by name of the line.
    """
    base = evidence.baselines["train_base_rate"]
    assert entry.test is not None
    assert base.test is not None
    row_figures = figures(
        entry.test,
        entry.calibrated_test,
        base.test,
        entry.threshold,
        evidence.test,
        evidence.draws,
    )
    over = None
    if entry.name != evidence.best_baseline:
        over = known.get(entry.name) or gain_in_test(entry, evidence, evidence.best_baseline)
    return _row(entry, evidence, row_figures, over)


def walk_row(entry: Entry, evidence: Evidence, known: Mapping[str, Gain]) -> tuple[Cell, ...]:
    """A line in the walk forward; see `test_row`."""
    base = evidence.baselines["train_base_rate"]
    walk = walk_of(entry.truth)
    row_figures = figures(
        entry.past[walk],
        entry.forward[walk],
        base.past[walk_of(base.truth)],
        None,  # it was chosen on these very rows
        entry.truth.take(walk),
        evidence.draws,
    )
    over = None
    if entry.name != evidence.best_baseline:
        over = known.get(entry.name) or gain_in_walk(entry, evidence)
    return _row(entry, evidence, row_figures, over)


def _row(
    entry: Entry, evidence: Evidence, row_figures: Figures, over_best: Gain | None
) -> tuple[Cell, ...]:
    """A line; the best baseline has no gain over itself."""
    over = None if over_best is None else over_best.log_loss
    name = words(entry.name) if entry.name in evidence.baselines else entry.name
    data = evidence.data
    spread = row_figures.fold_auc
    return (
        *(name, entry.n_params, row_figures.log_loss, over, row_figures.skill, row_figures.auc),
        *(
            row_figures.log_loss_raw,
            row_figures.brier,
            row_figures.calibration_intercept,
            row_figures.calibration_slope,
        ),
        *(
            row_figures.ece,
            row_figures.auc_down,
            row_figures.auc_direction,
            row_figures.average_precision,
            row_figures.lift,
        ),
        *(row_figures.threshold, row_figures.precision, row_figures.recall, row_figures.base_rate),
        f"{spread[0]:.3f} to {spread[1]:.3f}" if spread else None,
        *(data.tier, f"{data.horizon_days} d", data.goal),
        *(entry.n_tried, entry.n_seeds),
        None if entry.seconds is None else round(entry.seconds),
        *(_panel_figures(row_figures) if is_panel(evidence) else ()),
    )


def _panel_figures(found: Figures) -> tuple[Cell, ...]:
    return found.auc_within_day, found.auc_per_ticker, found.rank_ic, found.rank_ic_t


def gain_in_test(entry: Entry, evidence: Evidence, rival: str) -> Gain:
    """The gain of a line over a baseline on the test block."""
    own, other = entry.calibrated_test, evidence.baselines[rival].calibrated_test
    rest = [one.calibrated_test for one in entry.without_a_seed]
    return gain(own, other, rival, evidence.test, evidence.draws, rest)


def gain_in_walk(entry: Entry, evidence: Evidence) -> Gain:
    """The gain of a line over the best baseline in the walk forward."""
    own, others, truth = walked(entry, evidence)
    rest = [one.forward[walk_of(one.truth)] for one in entry.without_a_seed]
    return gain(own, others, evidence.best_baseline, truth, evidence.draws, rest)


def walked(
    entry: Entry, evidence: Evidence
) -> tuple[Float64[np.ndarray, " row"], Float64[np.ndarray, " row"], Truth]:
    """The walk forward without cal: logits of a line and of the best baseline, and the rows."""
    best = evidence.baselines[evidence.best_baseline]
    own, others = (line.forward[walk_of(line.truth)] for line in (entry, best))
    return own, others, best.truth.take(walk_of(best.truth))


def walk_of(truth: Truth) -> Bool[np.ndarray, " past_row"]:
    """The rows of the walk forward without cal."""
    return ~truth.of([CAL])
