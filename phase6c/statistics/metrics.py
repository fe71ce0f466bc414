"""How good probabilities are: every figure of `records.Metrics`, computed once from the logits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Real

from phase6c.records import Metrics
from phase6c.statistics.cross_section import CrossSection
from phase6c.statistics.logits import cross_fitted, fit_logistic, log_losses, sigmoid
from phase6c.statistics.roc import Descending, PrecisionRecall

__all__ = ["measure", "sigmoid"]

ECE_BINS = 15
# The precision of fewer predicted rises than this is an anecdote.
MIN_PREDICTED = 10


def measure(
    logits: Float[np.ndarray, " window"],
    y: Real[np.ndarray, " window"],
    down: Bool[np.ndarray, " window"],
    train_base_rate: float,
    loss_train: float | None = None,
    cross_section: CrossSection | None = None,
) -> Metrics:
    """Every metric of a set of predictions; null where a figure is undefined.

    Args:
        logits: Finite, ordered by date.
        y: Rises, 0 or 1.
        down: Mirrored falls.
        train_base_rate: The constant prediction that `skill` compares with, inside (0, 1).
        loss_train: The epoch's training loss, passed through.
        cross_section: Days and tickers of the rows; None for a single ticker.

    Raises:
        ValueError: There is no window, a logit is not finite, or the base rate is 0 or 1.
    """
    logits = np.asarray(logits, dtype=np.float64)
    y, down = np.asarray(y, dtype=np.int8), np.asarray(down, dtype=bool)
    if not len(logits) or not np.isfinite(logits).all():
        raise ValueError("logits must be finite, and at least one")
    if not 0 < train_base_rate < 1:
        raise ValueError(f"train_base_rate must lie inside (0, 1), found {train_base_rate}")
    p = sigmoid(logits)
    loss = float(log_losses(logits, y).mean())
    ranking = Descending(logits)
    figures = {
        "auc": ranking.auc(y),
        "log_loss": loss,
        "brier": float(np.mean((p - y) ** 2)),
        "refinement": _refinement(logits, y),
        "skill": _skill(loss, y, train_base_rate),
        "ece": _calibration_error(p, y),
        "base_rate": float(y.mean()),
        "auc_down": ranking.auc(down),
        "auc_direction": ranking.auc(y, (y == 1) != down),
        "loss_train": loss_train if loss_train is not None and np.isfinite(loss_train) else None,
    }
    if cross_section is not None:
        figures |= cross_section.figures(logits, y)
    return Metrics(**figures, **_range(p), **_regression(logits, y), **_thresholds(p, y))


def _refinement(logits: np.ndarray, y: np.ndarray) -> float | None:
    """Log loss after recalibration cross-fitted in halves (arXiv 2501.19195, affine)."""
    recalibrated = cross_fitted(logits, y)
    return None if recalibrated is None else float(log_losses(recalibrated, y).mean())


def _skill(loss: float, y: np.ndarray, train_base_rate: float) -> float:
    """1 - log loss / log loss of the train base rate, predicted every day."""
    constant = np.log(train_base_rate / (1 - train_base_rate))
    return 1 - loss / float(log_losses(np.full(len(y), constant), y).mean())


def _calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """Expected calibration error in 15 bins of equal mass; equal predictions share a bin."""
    # Bins of equal mass: of equal width, nearly all predictions of rare rises would share a bin.
    edges = np.quantile(p, np.linspace(0, 1, ECE_BINS + 1)[1:-1])
    bins = np.searchsorted(edges, p, side="left")
    gaps = np.bincount(bins, weights=p - y, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(p))


def _range(p: np.ndarray) -> dict[str, float]:
    p01, p50, p99 = np.quantile(p, [0.01, 0.5, 0.99])
    return {
        "pred_min": float(p.min()),
        "pred_max": float(p.max()),
        "pred_range": float(np.ptp(p)),
        "pred_p01": float(p01),
        "pred_p50": float(p50),
        "pred_p99": float(p99),
    }


def _regression(logits: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Intercept and slope of y on the logit: 0 and 1 where the probabilities are calibrated."""
    if len(np.unique(y)) < 2:
        return {}
    intercept, slope = fit_logistic(logits, y)
    if slope == 0:
        return {}
    return {"calibration_intercept": intercept, "calibration_slope": slope}


def _thresholds(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Precision, recall and F1 at 0.5, and the best over every predicted probability."""
    predicted = p >= 0.5
    n_true, n_predicted, n_hit = int(y.sum()), int(predicted.sum()), int(y[predicted].sum())
    figures: dict[str, float] = {}
    if n_predicted:
        figures["precision"] = n_hit / n_predicted
    if not n_true:
        return figures
    figures["recall"] = n_hit / n_true
    figures["f1"] = 2 * n_hit / (n_true + n_predicted)
    curve = Descending(p).precision_recall(y)
    figures["average_precision"] = curve.average
    best, sharpest = _points_of(curve)
    figures["best_f1"] = best.f1
    figures["best_f1_threshold"] = best.threshold
    if sharpest is not None:
        figures["max_precision"] = sharpest.precision
    return figures


class OperatingPoint(NamedTuple):
    """The figures of calling a rise from a threshold on."""

    threshold: float
    precision: float
    recall: float
    f1: float


def best_points(
    p: Float[np.ndarray, " window"], y: Real[np.ndarray, " window"]
) -> tuple[OperatingPoint, OperatingPoint | None]:
    """The points of the best F1 and of the highest precision, over every predicted probability.

    Args:
        p: Probabilities.
        y: Rises, 0 or 1, a rise at least.

    Returns:
        The latter over thresholds that predict at least 10 rises; None where none does.
    """
    return _points_of(Descending(p).precision_recall(y))


def _points_of(curve: PrecisionRecall) -> tuple[OperatingPoint, OperatingPoint | None]:
    thresholds, precision, recall, n_predicted = curve
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)

    def at(position: int) -> OperatingPoint:
        return OperatingPoint(
            *(float(figure[position]) for figure in (thresholds, precision, recall, f1))
        )

    enough = np.flatnonzero(n_predicted >= MIN_PREDICTED)
    sharpest = at(int(enough[precision[enough].argmax()])) if len(enough) else None
    return at(int(f1.argmax())), sharpest
