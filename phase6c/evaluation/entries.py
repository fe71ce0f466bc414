"""The lines of a card: models and baselines with their predictions, before and in the test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, Real

from phase6c.config import Record
from phase6c.evaluation.baselines.base_rates import BASE_RATES
from phase6c.evaluation.choice import choose
from phase6c.evaluation.outcomes import CandidatePredictions, Draws, Truth, calibrated_forward
from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.calibrators import CalibrationKind, Calibrator, CalibratorKind
from phase6c.statistics.cross_section import CrossSection, group_aucs
from phase6c.statistics.logits import log_losses, sigmoid
from phase6c.statistics.metrics import best_points, measure
from phase6c.statistics.scores import auc_score, mean_score


@dataclass(frozen=True)
class Entry:
    """A model or a baseline.

    Attributes:
        name: Name in tables.
        past: Logits on walk forward and cal, out of fold.
        truth: Labels of these rows.
        kind: Kind of its calibrator.
        test: Logits on the test block; None for an entry that is not judged there.
        n_params, n_tried, n_seeds: Exact number of parameters, configurations tried before it,
            trainings of each step; None for a baseline.
        seconds: Seconds of all its trainings.
        without_a_seed: The same without one of its seeds, for each seed of an ensemble; empty where
            there are no two seeds, or no ensemble.
    """

    name: str
    past: Float64[np.ndarray, " past_row"]
    truth: Truth
    kind: CalibratorKind
    test: Float64[np.ndarray, " test_row"] | None = None
    n_params: int | None = None
    n_tried: int | None = None
    n_seeds: int | None = None
    seconds: float | None = None
    without_a_seed: tuple[Entry, ...] = ()

    @cached_property
    def forward(self) -> Float64[np.ndarray, " past_row"]:
        """The past logits calibrated forward in time."""
        return calibrated_forward(self.kind, self.past, self.truth)

    @cached_property
    def calibrator(self) -> Calibrator:
        """The calibrator that is fitted on all of the past, for the rows that follow it."""
        return Calibrator.fit(self.kind, self.past, self.truth.y)

    @property
    def calibrated_test(self) -> Float64[np.ndarray, " test_row"]:
        """The test logits by the calibrator of the past."""
        assert self.test is not None
        return self.calibrator.apply(self.test)

    @cached_property
    def threshold(self) -> float:
        """The probability with the best F1 on the past, from which a rise is called."""
        best, _ = best_points(sigmoid(self.calibrator.apply(self.past)), self.truth.y)
        return best.threshold

    def with_test(
        self,
        logits: Float64[np.ndarray, " test_row"],
        without_a_seed: Iterable[Float64[np.ndarray, " test_row"]] = (),
    ) -> Entry:
        """The entry with logits on the test block, to be judged there too."""
        rest = zip(self.without_a_seed, without_a_seed, strict=True)
        return replace(
            self, test=logits, without_a_seed=tuple(one.with_test(own) for one, own in rest)
        )


def baseline_entry(
    name: str,
    past: Float64[np.ndarray, " row"],
    truth: Truth,
    calibration: CalibrationKind,
    seconds: float | None,
) -> Entry:
    """A baseline, which is given the calibrator that suits it best, as the model is.

    Base rates stay as they are: calibrated, they would be other rates.
    """
    kind: CalibratorKind = "none"
    if name not in BASE_RATES:
        kind = choose([CandidatePredictions(name, past[None])], truth, calibration).kind
    return Entry(name, past, truth, kind, seconds=seconds)


class Figures(Record):
    """A line of a table; null where a figure is undefined.

    Attributes:
        log_loss_raw: Log loss before calibration.
        log_loss: Log loss after it; all further figures are after it too.
        skill: 1 - log loss / log loss of the base rate of the training.
        lift: Average precision over the base rate.
        precision, recall: Figures at the threshold that was chosen before.
        base_rate: Share of rises in these rows.
        fold_auc: Least and largest AUC over the steps.
        auc_within_day, auc_per_ticker, rank_ic, rank_ic_t: See `Metrics`; null for one ticker.
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
    auc_within_day: float | None
    auc_per_ticker: float | None
    rank_ic: float | None
    rank_ic_t: float | None


def figures(
    raw: Float64[np.ndarray, " row"],
    calibrated: Float64[np.ndarray, " row"],
    base: Float64[np.ndarray, " row"],
    threshold: float | None,
    truth: Truth,
    draws: Draws,
) -> Figures:
    """The figures of predictions on some rows.

    Args:
        raw, calibrated: Logits before and after calibration.
        base: Logit of the base rate that each row's training had.
        threshold: Probability from which a rise is called; None where it was not chosen before.
        truth: Labels of the same rows.
        draws: Resampling of the intervals.
    """
    rate = float(truth.y.mean())
    cross_section = CrossSection.of(truth.dates, truth.tickers, truth.outcomes, draws.horizon_days)
    rate_of_training = float(sigmoid(base).mean())
    metrics = measure(
        calibrated, truth.y, truth.down, rate_of_training, cross_section=cross_section
    )
    losses = log_losses(calibrated, truth.y)
    loss, base_loss = float(losses.mean()), float(log_losses(base, truth.y).mean())
    (loss_interval,) = draws.estimates(mean_score(losses, truth.days), truth.days)
    assert loss_interval is not None
    # Without a threshold nothing is called: no probability reaches 2.
    called = sigmoid(calibrated) >= (2.0 if threshold is None else threshold)
    hits, precise = int(truth.y[called].sum()), metrics.average_precision
    return Figures(
        log_loss_raw=float(log_losses(raw, truth.y).mean()),
        log_loss=loss_interval,
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
        auc_within_day=metrics.auc_within_day,
        auc_per_ticker=metrics.auc_per_ticker,
        rank_ic=metrics.rank_ic,
        rank_ic_t=metrics.rank_ic_t,
    )


def _auc(logits: np.ndarray, truth: Truth, draws: Draws) -> Estimate | None:
    if len(np.unique(truth.y)) < 2:
        return None
    (found,) = draws.estimates(auc_score(logits, truth.y, truth.days), truth.days)
    return found


def plain_auc(logits: Float64[np.ndarray, " row"], y: Real[np.ndarray, " row"]) -> float | None:
    """The AUC without an interval; None for a single class."""
    if len(np.unique(y)) < 2:
        return None
    one_day = np.zeros(len(y), dtype=np.int64)
    return float(group_aucs(logits, y, one_day, 1)[0])


def _fold_auc(logits: np.ndarray, truth: Truth) -> tuple[float, float] | None:
    """The least and the largest AUC over the steps of both classes, if there are several."""
    each = (plain_auc(logits[own], truth.y[own]) for own in step_masks(truth))
    defined = [auc for auc in each if auc is not None]
    return (min(defined), max(defined)) if len(defined) > 1 else None


def step_masks(truth: Truth) -> Sequence[Bool[np.ndarray, " row"]]:
    """The rows of each step, in order of time."""
    return [truth.steps == step for step in truth.step_names]
