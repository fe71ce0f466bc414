"""The lines of a card: models and baselines with what they predicted, before and in the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from phase6c.config import CalibrationKind, CalibratorKind, Record
from phase6c.evaluation.baselines import BASE_RATES
from phase6c.evaluation.choice import choose
from phase6c.evaluation.outcomes import CandidatePredictions, Draws, Truth, calibrated_forward
from phase6c.statistics.bootstrap import Estimate, auc_score, estimate_or_point, mean_score
from phase6c.statistics.calibrators import Calibrator
from phase6c.statistics.logits import log_losses, sigmoid
from phase6c.statistics.metrics import best_points, measure


@dataclass(frozen=True)
class Entry:
    """A model or a baseline.

    Attributes:
        name: What tables call it.
        past: float64[row], its logits on walk forward and cal, out of fold.
        truth: The rows of these.
        kind: Of its calibrator.
        test: float64[row], its logits on the test block; None for what is not judged there.
        n_params, n_tried, n_seeds: Exact parameters, configurations tried before it, trainings of
            each step; None for a baseline.
        seconds: Of all its trainings.
    """

    name: str
    past: np.ndarray
    truth: Truth
    kind: CalibratorKind
    test: np.ndarray | None = None
    n_params: int | None = None
    n_tried: int | None = None
    n_seeds: int | None = None
    seconds: float | None = None

    @cached_property
    def forward(self) -> np.ndarray:
        """float64[row], the past logits calibrated forward in time."""
        return calibrated_forward(self.kind, self.past, self.truth)

    @cached_property
    def calibrator(self) -> Calibrator:
        """Fitted on all of the past, for what follows it."""
        return Calibrator.fit(self.kind, self.past, self.truth.y)

    @property
    def calibrated_test(self) -> np.ndarray:
        """float64[row], the test logits by the calibrator of the past."""
        assert self.test is not None
        return self.calibrator.apply(self.test)

    @cached_property
    def threshold(self) -> float:
        """The probability with the best F1 on the past, from which a rise is called."""
        best, _ = best_points(sigmoid(self.calibrator.apply(self.past)), self.truth.y)
        return best.threshold

    def with_test(self, logits: np.ndarray) -> Entry:
        """The same, judged on the test block too."""
        return replace(self, test=logits)


def baseline_entry(
    name: str, past: np.ndarray, truth: Truth, calibration: CalibrationKind, seconds: float | None
) -> Entry:
    """A baseline, which is given the calibrator that suits it best, as the model is.

    Base rates are what they are.
    """
    kind: CalibratorKind = "none"
    if name not in BASE_RATES:
        kind = choose([CandidatePredictions(name, past[None])], truth, calibration).kind
    return Entry(name, past, truth, kind, seconds=seconds)


class Figures(Record):
    """One line of a table; null where a figure is undefined.

    Attributes:
        log_loss_raw: Before calibration.
        log_loss: After it, as everything that follows.
        skill: 1 - log loss / log loss of the base rate of the training.
        lift: Average precision over the base rate.
        precision, recall: At the threshold that was chosen before.
        base_rate: Of these rows.
        fold_auc: Least and largest over the steps.
    """

    log_loss_raw: float
    log_loss: Estimate
    skill: float
    brier: float | None
    auc: Estimate | None
    auc_down: float | None
    auc_direction: float | None
    average_precision: float | None
    lift: float | None
    calibration_intercept: float | None
    calibration_slope: float | None
    ece: float | None
    threshold: float | None
    precision: float | None
    recall: float | None
    base_rate: float
    fold_auc: tuple[float, float] | None


def figures(
    raw: np.ndarray,
    calibrated: np.ndarray,
    base: np.ndarray,
    threshold: float | None,
    truth: Truth,
    draws: Draws,
) -> Figures:
    """How good the predictions of some rows are.

    Args:
        raw, calibrated: float64[row], the logits before and after calibration.
        base: float64[row], the logit of the base rate that each row's training had.
        threshold: The probability from which a rise is called; None where none was chosen before.
        truth: The same rows.
        draws: Of the intervals.
    """
    rate = float(truth.y.mean())
    metrics = measure(calibrated, truth.y, truth.down, float(sigmoid(base).mean()))
    losses = log_losses(calibrated, truth.y)
    loss, base_loss = float(losses.mean()), float(log_losses(base, truth.y).mean())
    called = sigmoid(calibrated) >= (2.0 if threshold is None else threshold)
    hits, precise = int(truth.y[called].sum()), metrics.average_precision
    return Figures(
        log_loss_raw=float(log_losses(raw, truth.y).mean()),
        log_loss=estimate_or_point(loss, draws.of(mean_score(losses), truth.dates)),
        skill=1 - loss / base_loss,
        brier=metrics.brier,
        auc=_auc(calibrated, truth, draws),
        auc_down=metrics.auc_down,
        auc_direction=metrics.auc_direction,
        average_precision=precise,
        lift=None if precise is None or not rate else precise / rate,
        calibration_intercept=metrics.calibration_intercept,
        calibration_slope=metrics.calibration_slope,
        ece=metrics.ece,
        threshold=threshold,
        precision=hits / int(called.sum()) if called.any() else None,
        recall=hits / int(truth.y.sum()) if threshold is not None and truth.y.any() else None,
        base_rate=rate,
        fold_auc=_fold_auc(raw, truth),
    )


def _auc(logits: np.ndarray, truth: Truth, draws: Draws) -> Estimate | None:
    value = plain_auc(logits, truth.y)
    return (
        None
        if value is None
        else estimate_or_point(value, draws.of(auc_score(logits, truth.y), truth.dates))
    )


def plain_auc(logits: np.ndarray, y: np.ndarray) -> float | None:
    """Without an interval; None where there is one class only."""
    if len(np.unique(y)) < 2:
        return None
    return float(auc_score(logits, y)(np.ones((len(y), 1)))[0])


def _fold_auc(logits: np.ndarray, truth: Truth) -> tuple[float, float] | None:
    """Over steps of both classes, if there are several."""
    each = (plain_auc(logits[own], truth.y[own]) for own in step_masks(truth))
    found = [one for one in each if one is not None]
    return (min(found), max(found)) if len(found) > 1 else None


def step_masks(truth: Truth) -> Sequence[np.ndarray]:
    """bool[row] of each step, in order of time."""
    return [truth.steps == step for step in dict.fromkeys(truth.steps)]
