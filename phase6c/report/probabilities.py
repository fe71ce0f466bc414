"""The best trial's probabilities, and the figures of thresholds on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from phase6c.analysis.audit import Audit, audit
from phase6c.analysis.predictions import LabelledPredictions
from phase6c.analysis.validation import Validation, best_logits
from phase6c.document.document import KeyFigure
from phase6c.document.section import Cell, Section, Table, number
from phase6c.records import Measurement, Verdict
from phase6c.statistics.days import Days
from phase6c.statistics.logits import sigmoid
from phase6c.statistics.metrics import MIN_PREDICTED, best_points
from phase6c.statistics.shares import share_of_days
from phase6c.study.study import Study
from phase6c.wording import words

# January's operating points, where they fall in range.
THRESHOLDS = (0.5, 0.54, 0.60)
_QUANTILES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
N_BINS = 10
# Verdicts whose names say little to those who meet them first.
_IN_WORDS: dict[Verdict, str] = {
    "healthy": "no fault found",
    "prior_shift": "at the wrong level (prior shift)",
    "undertrained": "nearly constant (undertrained)",
}


def probabilities(study: Study, validation: Validation | None) -> Section:
    """The best trial's probabilities on the validation rows.

    Args:
        study: Study.
        validation: Predictions of its best trial, if they are stored.
    """
    best = study.best
    measured = best.best(study.config.objective) if best else None
    if best is None or measured is None:
        return Section(name="probabilities", title="Probabilities", says=("No trial is the best.",))
    tables = [_verdicts(study), _figures(measured)]
    says = list(_says(measured))
    logits = best_logits(study, validation)
    if validation is not None and logits is not None:
        p, y = sigmoid(logits), validation.y
        # The same audit as for anybody's file, so that both say the same of the same predictions.
        rate = study.config.data_summary.get("train", {}).get("base_rate")
        judged = audit(_predictions(validation, logits), rate)
        tables += [
            _calibration(judged),
            _thresholds(p, y),
            reliability(p, y, validation.days, validation.horizon_days),
        ]
        if judged.verdict != "healthy":
            says.append(judged.repair)
        says += _best_points(p, y)
    return Section(
        name="probabilities", title="Probabilities", says=tuple(says), tables=tuple(tables)
    )


def told_verdict(measured: Measurement) -> KeyFigure:
    """The state of the best epoch's probabilities, with the figure that bears it out."""
    verdict, evidence = measured.health.verdict, measured.health.evidence
    slope = measured.metrics.calibration_slope
    note = "" if slope is None else f"slope on the logit {slope:.2f}, 1 would be calibrated"
    # A fault is told by its own evidence.
    note = evidence[0] if evidence else note
    return KeyFigure(name="Probabilities", value=_IN_WORDS.get(verdict, words(verdict)), note=note)


def _says(measured: Measurement) -> Iterator[str]:
    metrics, health = measured.metrics, measured.health
    told = _IN_WORDS.get(health.verdict, words(health.verdict))
    yield " ".join((f"The best epoch's probabilities: {told}.", *health.evidence))
    if metrics.log_loss is not None and metrics.refinement is not None:
        yield _parts(metrics.log_loss, metrics.refinement)
    if metrics.calibration_slope is not None:
        yield (
            f"Calibration intercept {number(metrics.calibration_intercept or 0.0)} and slope "
            f"{number(metrics.calibration_slope)}; 0 and 1 would be calibrated."
        )


def _parts(log_loss: float, refinement: float) -> str:
    """Refinement and calibration, the two parts of the log loss."""
    begun = (
        f"The log loss is {number(log_loss)}. An affine map of the logit, fitted on each half of "
        f"the rows and judged on the other, makes it {number(refinement)}:"
    )
    if refinement < log_loss:
        return f"{begun} the difference, {number(log_loss - refinement)}, is calibration."
    return f"{begun} no such map holds for both halves, so none is advised."


def _verdicts(study: Study) -> Table:
    """How many trials ended with which verdict in their best epoch."""
    verdicts: list[tuple[Verdict, str]] = []
    for trial in filter(lambda trial: trial.searched, study.trials):
        best = trial.best(study.config.objective)
        if best is not None:
            verdicts.append((best.health.verdict, trial.name or f"trial {trial.number}"))
    counts = Counter(verdict for verdict, _ in verdicts)
    rows = []
    for verdict, count in counts.most_common():
        names = [name for other, name in verdicts if other == verdict]
        rows.append((verdict, count, ", ".join(names[:5]) + (" ..." if count > 5 else "")))
    title = "Verdicts on the best epoch of every trial"
    return Table(name="health", title=title, columns=("verdict", "trials", ""), rows=tuple(rows))


def _figures(measured: Measurement) -> Table:
    values = measured.metrics.model_dump()
    rows: list[tuple[Cell, ...]] = [
        (name.replace("_", " "), value) for name, value in values.items()
    ]
    if measured.metrics.pred_p50 is not None and measured.metrics.base_rate is not None:
        gap = measured.metrics.pred_p50 - measured.metrics.base_rate
        rows.append(("median p minus base rate", gap))
    title = "Every figure of the best epoch"
    return Table(name="figures", title=title, columns=("", "value"), rows=tuple(rows))


def _predictions(validation: Validation, logits: np.ndarray) -> LabelledPredictions:
    days = validation.dates.astype("datetime64[D]")
    y = validation.y.astype(np.float64)
    return LabelledPredictions(
        y=y,
        logits=logits,
        days=days,
        rows=np.arange(1, len(y) + 1),
        down=validation.down,
        notes=(),
    )


def _calibration(judged: Audit) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind, after in judged.calibration.items():
        figures = (after.log_loss, after.brier, after.ece, after.saved) if after else (None,) * 4
        rows.append((kind, *figures))
    return Table(
        name="calibration",
        title="Calibrators, fitted on the earlier half of the block and judged on the later",
        columns=("calibration", "log loss", "Brier", "ECE", "log loss saved"),
        rows=tuple(rows),
    )


def _thresholds(p: np.ndarray, y: np.ndarray) -> Table:
    """At January's thresholds where they fall in range, and at quantiles of the scores."""
    fixed = [threshold for threshold in THRESHOLDS if p.min() < threshold < p.max()]
    quantiles = np.quantile(p, _QUANTILES)
    rows = [_at(threshold, p, y, f"p of {threshold:g}") for threshold in fixed]
    rows += [
        _at(float(quantile), p, y, f"highest {1 - share:.0%}")
        for share, quantile in zip(_QUANTILES, quantiles, strict=True)
    ]
    return Table(
        name="thresholds",
        title="What predicting a rise from a threshold on gives",
        columns=("", "threshold", "days", "precision", "recall", "F1", "lift"),
        rows=tuple(sorted(rows, key=lambda row: float(str(row[1])))),
    )


def _at(threshold: float, p: np.ndarray, y: np.ndarray, name: str) -> tuple[Cell, ...]:
    predicted = p >= threshold
    n, n_true, n_hit = int(predicted.sum()), int(y.sum()), int(y[predicted].sum())
    if not n or not n_true:
        return name, threshold, n, None, None, None, None
    precision, recall = n_hit / n, n_hit / n_true
    f1 = 2 * n_hit / (n + n_true)
    return name, threshold, n, precision, recall, f1, precision / (n_true / len(y))


def _best_points(p: np.ndarray, y: np.ndarray) -> Iterator[str]:
    if len(np.unique(y)) < 2:
        return
    best, sharpest = best_points(p, y)
    yield (f"The best F1 is {best.f1:.3f}, from p = {best.threshold:.3f} on, chosen on these rows.")
    if sharpest is not None:
        yield (
            f"The highest precision of at least {MIN_PREDICTED} days is {sharpest.precision:.3f} "
            f"at a recall of {sharpest.recall:.3f}, from p = {sharpest.threshold:.3f} on; the base "
            f"rate is {y.mean():.3f}."
        )


def reliability(p: np.ndarray, y: np.ndarray, days: Days, horizon_days: int) -> Table:
    """Predicted against observed in ten bins of equal mass, with intervals of whole days."""
    # Bins of equal mass: rises are rare, and bins of equal width would leave the upper ones empty.
    edges = np.unique(np.quantile(p, np.linspace(0, 1, N_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, p, side="left")
    rows = []
    for position in np.unique(bins):
        inside = bins == position
        low, high = share_of_days(y[inside], days.take(inside), horizon_days)
        observed = float(y[inside].mean())
        rows.append((int(inside.sum()), float(p[inside].mean()), observed, low, high))
    return Table(
        name="reliability",
        title="Reliability: predicted against observed, in bins of equal mass",
        columns=("days", "mean p", "observed", "low", "high"),
        rows=tuple(rows),
    )
