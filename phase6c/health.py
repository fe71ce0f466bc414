"""What probabilities look like, and the likely cause where they look ill."""

from __future__ import annotations

import numpy as np

from phase6c.calibration import fit_affine, log_losses, sigmoid
from phase6c.records import Health, Verdict

CONSTANT_RANGE = 1e-6  # of probabilities
SATURATED_LOGIT = 10.0  # a probability within 5e-5 of 0 or 1
SATURATED_SHARE = 0.2  # of the rows
SIGMOID_OF_SIGMOID = (0.5, 0.7311)  # of 0 and of 1
CLEARLY_BELOW_HALF = 0.4  # a base rate
UNDERTRAINED_SPREAD = 0.05  # standard deviation of the logits
PRIOR_SHIFT_LOGIT = 0.5  # mean probability against base rate, both as logits
MISCALIBRATED_NATS = 0.01  # log loss that an affine map of the logit would save


def diagnose(logits: np.ndarray, y: np.ndarray, train_base_rate: float) -> Health:
    """The first verdict whose evidence holds, from the plainest fault to the subtlest.

    Args:
        logits: float[window], finite.
        y: [window] in {0, 1}.
        train_base_rate: The share of rises that the model was trained on.
    """
    logits, y = np.asarray(logits, dtype=np.float64), np.asarray(y, dtype=np.float64)
    p = sigmoid(logits)
    if y.min() == y.max():
        return _health("one_class", f"All {len(y)} labels are {y[0]:.0f}.")
    return (
        _constant(p)
        or _saturated(logits)
        or _double_sigmoid(p, y)
        or _undertrained(logits)
        or _prior_shift(p, y, train_base_rate)
        or _miscalibrated(logits, y)
        or Health(verdict="healthy")
    )


def _constant(p: np.ndarray) -> Health | None:
    if np.ptp(p) >= CONSTANT_RANGE:
        return None
    return _health("constant", f"Every probability is {p[0]:.4f}.")


def _saturated(logits: np.ndarray) -> Health | None:
    share = float(np.mean(np.abs(logits) > SATURATED_LOGIT))
    if share <= SATURATED_SHARE:
        return None
    return _health("saturated", f"{share:.0%} of the logits lie beyond +-{SATURATED_LOGIT:g}.")


def _double_sigmoid(p: np.ndarray, y: np.ndarray) -> Health | None:
    low, high = SIGMOID_OF_SIGMOID
    if p.min() < low or p.max() > high or y.mean() >= CLEARLY_BELOW_HALF:
        return None
    return _health(
        "double_sigmoid",
        f"All probabilities lie in [{p.min():.3f}, {p.max():.3f}], inside [0.5, 0.7311], where"
        " a sigmoid of a sigmoid puts them.",
        f"The base rate is {y.mean():.3f}.",
    )


def _undertrained(logits: np.ndarray) -> Health | None:
    spread = float(logits.std())
    if spread >= UNDERTRAINED_SPREAD:
        return None
    return _health("undertrained", f"The logits spread by {spread:.4f} only.")


def _prior_shift(p: np.ndarray, y: np.ndarray, train_base_rate: float) -> Health | None:
    mean, rate = float(p.mean()), float(y.mean())
    if abs(_logit(mean) - _logit(rate)) <= PRIOR_SHIFT_LOGIT:
        return None
    return _health(
        "prior_shift",
        f"The mean probability is {mean:.3f}, the base rate {rate:.3f}.",
        f"The base rate in training was {train_base_rate:.3f}.",
    )


def _miscalibrated(logits: np.ndarray, y: np.ndarray) -> Health | None:
    a, b = fit_affine(logits, y)
    saved = float((log_losses(logits, y) - log_losses(a + b * logits, y)).mean())
    if saved <= MISCALIBRATED_NATS:
        return None
    return _health(
        "miscalibrated", f"The map {a:+.2f} {b:+.2f} x logit would save {saved:.3f} of log loss."
    )


def _health(verdict: Verdict, *evidence: str) -> Health:
    return Health(verdict=verdict, evidence=evidence)


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))
