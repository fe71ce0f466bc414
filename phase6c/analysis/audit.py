"""The diagnosis of given probabilities, and how good they are after each calibrator."""

from __future__ import annotations

import numpy as np

from phase6c.analysis.advice import NOTHING, Judged, advice
from phase6c.analysis.certain import certain_rows, evidence, without, wrong_rows
from phase6c.analysis.predictions import LabelledPredictions
from phase6c.config import Record
from phase6c.records import Metrics, Verdict
from phase6c.statistics.bootstrap import Estimate, estimates
from phase6c.statistics.calibrators import KINDS, Calibrator, CalibratorKind
from phase6c.statistics.days import Days
from phase6c.statistics.health import UNDERCONFIDENT_SLOPE, diagnose
from phase6c.statistics.logits import log_losses, sigmoid
from phase6c.statistics.metrics import measure
from phase6c.statistics.scores import mean_score, stacked

DRAWS = 1000
# With fewer rows of either class in a half, its figures hardly tell calibrators apart.
MIN_EVENTS = 25


class Audit(Record):
    """The state of probabilities, and ways to calibrate them.

    Attributes:
        verdict, evidence: Diagnosis as in `Health`, of all rows but those set aside.
        repair: Sentences about a way to mend them; calibrators are named only where they lower the
            log loss of the later half.
        metrics: Metrics of all rows, as they stand; `skill` is against the base rate in training,
            or else of the earlier half.
        calibration: Figures by kind, fitted on the earlier half and judged on the later; None
            where the earlier half does not determine the calibrator.
        n_fitted, n_judged: Numbers of rows in the halves; a day is never cut.
        n_set_aside: Number of rows with a probability of exactly 0 or 1, where they are few.
        notes: Sentences on how the rows were read, and what they cannot tell.
    """

    verdict: Verdict
    evidence: tuple[str, ...]
    repair: str
    metrics: Metrics
    calibration: dict[CalibratorKind, Judged | None]
    n_fitted: int
    n_judged: int
    n_set_aside: int
    notes: tuple[str, ...]


def audit(predictions: LabelledPredictions, train_base_rate: float | None = None) -> Audit:
    """Diagnoses the probabilities and compares calibrators on them.

    Args:
        predictions: In order of time.
        train_base_rate: The share of rises that the model was trained on, if it is known.
    """
    certain = certain_rows(predictions)
    others = without(predictions, certain)
    health = diagnose(others.logits, others.y, train_base_rate)
    cut = _middle(others)
    calibration = compare(others, cut)
    metrics = _metrics(predictions, train_base_rate)
    rarest = _rarest(others.y, cut)
    tells = min(rarest.values()) >= MIN_EVENTS
    repair = _reversed(metrics) or advice(health.verdict, calibration, tells=tells)
    if wrong_rows(predictions, certain).any():
        rest = "" if repair == NOTHING else f" {repair}"
        repair = f"Keep probabilities off 0 and 1: these rows do not bear it out.{rest}"
    said = (evidence(predictions, certain),) if certain.any() else ()
    return Audit(
        verdict=health.verdict,
        evidence=(*said, *health.evidence),
        repair=repair,
        metrics=metrics,
        calibration=calibration,
        n_fitted=cut,
        n_judged=len(others.y) - cut,
        n_set_aside=len(predictions.y) - len(others.y),
        notes=(*predictions.notes, *_doubts(others.logits, rarest, health.verdict)),
    )


def _metrics(predictions: LabelledPredictions, train_base_rate: float | None) -> Metrics:
    """Metrics of all rows, as they stand."""
    y, down = predictions.y, predictions.down
    rate = train_base_rate if train_base_rate is not None else y[: _middle(predictions)].mean()
    falls = down if down is not None else np.zeros(len(y), dtype=bool)
    return measure(predictions.logits, y, falls, _inside(rate, len(y)))


def compare(predictions: LabelledPredictions, cut: int) -> dict[CalibratorKind, Judged | None]:
    """Every kind of calibrator, fitted on the rows before `cut` and judged on the others."""
    y, logits = predictions.y, predictions.logits
    # Fitted on the past and judged on what follows, as a calibrator is used.
    fitted: dict[CalibratorKind, np.ndarray] = {"none": logits[cut:]}
    if len(np.unique(y[:cut])) == 2:
        for kind in KINDS:
            fitted[kind] = Calibrator.fit(kind, logits[:cut], y[:cut]).apply(logits[cut:])
    days = np.arange(len(y)) if predictions.days is None else predictions.days
    saved = _saved(fitted, y[cut:], days[cut:])
    judged: dict[CalibratorKind, Judged | None] = dict.fromkeys(KINDS)
    for kind, calibrated in fitted.items():
        figures = measure(calibrated, y[cut:], np.zeros(len(y) - cut, dtype=bool), 0.5)
        assert figures.log_loss is not None
        assert figures.brier is not None
        assert figures.ece is not None
        judged[kind] = Judged(
            log_loss=figures.log_loss,
            brier=figures.brier,
            ece=figures.ece,
            saved=saved.get(kind),
        )
    return judged


def _saved(
    fitted: dict[CalibratorKind, np.ndarray], y: np.ndarray, days: np.ndarray
) -> dict[CalibratorKind, Estimate | None]:
    """Log loss without calibration minus that with it, on the same draws of days."""
    plain = log_losses(fitted["none"], y)
    gains = {
        kind: plain - log_losses(calibrated, y)
        for kind, calibrated in fitted.items()
        if kind != "none"
    }
    if not gains:
        return {}

    drawn_days = Days.of(days)
    scores = stacked([mean_score(gain, drawn_days) for gain in gains.values()])
    found = estimates(scores, drawn_days, horizon_days=1, draws=DRAWS, seed=0)
    return dict(zip(gains, found, strict=True))


def _middle(predictions: LabelledPredictions) -> int:
    """How many rows the earlier half has: whole days, and at least a row on either side."""
    n, days = len(predictions.y), predictions.days
    if days is None or days[0] == days[-1]:
        return n // 2
    starts = np.flatnonzero(days[1:] != days[:-1]) + 1
    # A day that was cut would stand on both sides, with tickers that move together.
    return int(starts[np.abs(starts - n / 2).argmin()])


def _inside(rate: float, n: int) -> float:
    """The base rate, half a row away from 0 and 1."""
    return float(np.clip(rate, 0.5 / n, 1 - 0.5 / n))


def _reversed(metrics: Metrics) -> str | None:
    """Advice for scores that rank the wrong way round: their slope lies below zero."""
    slope = metrics.calibration_slope
    if slope is None or slope > -1 / UNDERCONFIDENT_SLOPE or metrics.auc is None:
        return None
    return (
        f"The scores rank the wrong way round: AUC {metrics.auc:.3f}. Look for exchanged "
        "classes or a sign; no calibrator here reverses a ranking, they only give it up."
    )


def _rarest(y: np.ndarray, cut: int) -> dict[str, int]:
    """How many rows of its rarer class each half has."""
    halves = {"earlier": y[:cut], "later": y[cut:]}
    return {name: int(min(half.sum(), len(half) - half.sum())) for name, half in halves.items()}


def _doubts(logits: np.ndarray, rarest: dict[str, int], verdict: Verdict) -> list[str]:
    """Sentences about figures for which the rows are too few."""
    if verdict == "one_class":
        return []
    doubts = [
        f"The {name} half has {count} rows of its rarer class: too few to tell calibrators apart."
        for name, count in rarest.items()
        if count < MIN_EVENTS
    ]
    margin = 1.96 * _slope_error(logits)
    if verdict == "healthy" and margin > UNDERCONFIDENT_SLOPE - 1:
        doubts.append(
            f"These rows tell the slope on the logit to +-{margin:.2f} only (95%): over- or"
            " underconfidence would hardly show."
        )
    return doubts


def _slope_error(logits: np.ndarray) -> float:
    """Standard error of the slope on the logit if the probabilities are calibrated (Fisher)."""
    p = sigmoid(logits)
    weights = p * (1 - p)
    centred = logits - np.average(logits, weights=weights)
    information = weights @ centred**2
    return float(1 / np.sqrt(information)) if information > 0 else float("inf")
