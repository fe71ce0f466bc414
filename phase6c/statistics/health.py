"""The health of probabilities, and the likely cause where they look ill.

A fault that only the labels can tell must be both large and significant: by likelihood-ratio tests
of an intercept and a slope on the logit (Cox, 1958; Miller et al., 1991). The tests take the rows
for independent. Labels of overlapping horizons, or of many tickers on a day, are not, and raise a
false alarm more often than `ALARM_RATE`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real
from scipy.special import chdtri

from phase6c.records import Health, Verdict
from phase6c.statistics.logits import (
    base_rate_logit,
    fit_affine,
    fit_intercept,
    log_losses,
    logit,
    sigmoid,
)

CONSTANT_SPREAD = 1e-4  # standard deviation of the logits; rounding in float32 stays below
SIGMOID_OF_SIGMOID = (0.5, 0.7311)  # of 0 and of 1
AGAINST_UNDOING = 2.0  # log-likelihood, in nats of all rows
SATURATED_LOGIT = 10.0  # a probability within 5e-5 of 0 or 1
SATURATED_SHARE = 0.25  # of the rows
UNDERTRAINED_SPREAD = 0.05  # standard deviation of the logits
SHIFTED_LOGIT = 0.35  # odds that are wrong by a factor of 1.4
MISCALIBRATED_NATS = 0.01  # log loss that an affine map of the logit would save
# The slope on the logit, 1 where the logits are as wide as the labels bear out.
SATURATED_SLOPE, OVERCONFIDENT_SLOPE = 0.3, 2 / 3
UNDERCONFIDENT_SLOPE, UNDERTRAINED_SLOPE = 3 / 2, 8
# How often each test calls healthy probabilities ill, if size did not matter.
ALARM_RATE = 0.02
CRITICAL = float(chdtri(1, ALARM_RATE))
STANDARD_ERRORS = 3.0
# Of a model that has learned no more than a base rate: its mean logit lies so close to the rate's,
# and its ranking is no better than what luck gives so rarely.
NEAR_LOGIT = 0.15
LUCK_RATE = 1e-4
LUCK = float(chdtri(1, LUCK_RATE))


def diagnose(
    logits: Float[np.ndarray, " window"],
    y: Real[np.ndarray, " window"],
    train_base_rate: float | None = None,
) -> Health:
    """The first verdict whose evidence holds, from the plainest fault to the subtlest.

    Args:
        logits: Finite.
        y: Rises, 0 or 1.
        train_base_rate: The share of rises that the model was trained on, if it is known.
    """
    logits, y = np.asarray(logits, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if y.min() == y.max():
        return _health("one_class", f"All {len(y)} labels are {y[0]:.0f}.")
    if logits.std() < CONSTANT_SPREAD:
        p = float(sigmoid(logits.mean(keepdims=True))[0])
        return _health("constant", f"Every probability is {p:.4f}.")
    # The order matters: a second sigmoid also gives a wrong slope and a shifted mean, and a wrong
    # slope also costs log loss. The most specific cause is named.
    maps = _Maps.fitted(logits, y)
    return (
        _double_sigmoid(logits, y, maps, train_base_rate)
        or _wrong_slope(logits, maps)
        or _undertrained(logits)
        or _prior_shift(logits, y, maps, train_base_rate)
        or _miscalibrated(maps)
        or Health(verdict="healthy")
    )


@dataclass(frozen=True)
class _Maps:
    """The best shift and the best affine map of the logits for the labels, and their losses.

    Attributes:
        shift: Shift in sigmoid(shift + logit).
        intercept, slope: Affine map in sigmoid(intercept + slope x logit).
        unchanged, shifted, mapped: Log loss of all rows in nats, as it is and after each map.
        constant: Log loss of the base rate as the only probability.
        n_rows: Number of rows.
    """

    shift: float
    intercept: float
    slope: float
    unchanged: float
    shifted: float
    mapped: float
    constant: float
    n_rows: int

    @classmethod
    def fitted(cls, logits: np.ndarray, y: np.ndarray) -> _Maps:
        """Both maps by maximum likelihood."""
        shift = fit_intercept(logits, y)
        intercept, slope = fit_affine(logits, y)
        return cls(
            shift,
            intercept,
            slope,
            unchanged=float(log_losses(logits, y).sum()),
            shifted=float(log_losses(shift + logits, y).sum()),
            mapped=float(log_losses(intercept + slope * logits, y).sum()),
            constant=float(log_losses(np.full(len(y), base_rate_logit(y)), y).sum()),
            n_rows=len(y),
        )

    @property
    def saved(self) -> float:
        """Log loss per row that the affine map saves."""
        return (self.unchanged - self.mapped) / self.n_rows

    def __str__(self) -> str:
        sign = "-" if self.slope < 0 else "+"
        text = f"The map {self.intercept:.2f} {sign} {abs(self.slope):.2f} x logit"
        return f"{text} would save {self.saved:.3f} of log loss on these very rows."


def _double_sigmoid(
    logits: np.ndarray, y: np.ndarray, maps: _Maps, train_base_rate: float | None
) -> Health | None:
    """All probabilities in the band, although rises are rare or a sigmoid less fits as well.

    Where rises are common, an honest model may stay in the band, and where they were in training,
    so does a model that has learned nothing. Then the logits themselves, read as probabilities,
    must have about the likelihood of the probabilities or more. Near a base rate, or where that of
    training is not known, the ranking must be better than luck too.
    """
    p = sigmoid(logits)
    low, high = SIGMOID_OF_SIGMOID
    if p.min() < low or p.max() > high:
        return None
    rate = float(y.mean())
    is_near = _near_a_base_rate(logits, y, train_base_rate)
    if (is_near or train_base_rate is None) and 2 * (maps.constant - maps.mapped) <= LUCK:
        return None
    if is_near and maps.slope >= UNDERTRAINED_SLOPE:
        return None
    if is_near or rate + STANDARD_ERRORS * np.sqrt(rate * (1 - rate) / len(y)) >= low:
        undone = float(log_losses(logit(logits), y).sum())
        if undone > maps.unchanged + AGAINST_UNDOING:
            return None
    return _health(
        "double_sigmoid",
        f"All probabilities lie in [{p.min():.3f}, {p.max():.3f}], inside [0.5, 0.7311], where"
        " a sigmoid of a sigmoid puts them.",
        f"The base rate is {rate:.3f}.",
    )


def _near_a_base_rate(logits: np.ndarray, y: np.ndarray, train_base_rate: float | None) -> bool:
    """Whether the probabilities lie around the base rate that the model may have learned."""
    mean = float(logits.mean())
    if train_base_rate is None:
        # That of training may differ from that of these rows as far as is no fault.
        return abs(mean - base_rate_logit(y)) <= SHIFTED_LOGIT
    return abs(mean - float(logit(np.array([train_base_rate]))[0])) <= NEAR_LOGIT


def _wrong_slope(logits: np.ndarray, maps: _Maps) -> Health | None:
    """Logits far wider or narrower than the labels bear out, whatever their mean."""
    # A slope is judged after the best shift: a wrong mean alone must not pass for a wrong slope.
    in_order = OVERCONFIDENT_SLOPE < maps.slope < UNDERCONFIDENT_SLOPE
    if in_order or not _significant(maps.shifted - maps.mapped):
        return None
    beyond = float(np.mean(np.abs(logits) > SATURATED_LOGIT))
    if maps.slope < SATURATED_SLOPE and beyond > SATURATED_SHARE:
        share = f"{beyond:.0%} of the logits lie beyond +-{SATURATED_LOGIT:g}."
        return _health("saturated", share, str(maps))
    if maps.slope > UNDERTRAINED_SLOPE:
        ratio = f"The labels bear out {maps.slope:.0f} times as much."
        return _health("undertrained", _spread(logits), ratio)
    return _health("miscalibrated", str(maps))


def _undertrained(logits: np.ndarray) -> Health | None:
    if logits.std() >= UNDERTRAINED_SPREAD:
        return None
    return _health("undertrained", _spread(logits))


def _prior_shift(
    logits: np.ndarray, y: np.ndarray, maps: _Maps, train_base_rate: float | None
) -> Health | None:
    if abs(maps.shift) <= SHIFTED_LOGIT or not _significant(maps.unchanged - maps.shifted):
        return None
    mean = float(sigmoid(logits).mean())
    evidence = [f"The mean probability is {mean:.3f}, the base rate {y.mean():.3f}."]
    if train_base_rate is not None:
        evidence.append(f"The base rate in training was {train_base_rate:.3f}.")
    return _health(
        "prior_shift", *evidence, f"Adding {maps.shift:+.2f} to each logit makes them equal."
    )


def _miscalibrated(maps: _Maps) -> Health | None:
    if maps.saved <= MISCALIBRATED_NATS or not _significant(maps.unchanged - maps.mapped):
        return None
    return _health("miscalibrated", str(maps))


def _significant(saved: float) -> bool:
    """Whether a parameter that saves so many nats over all rows is more than chance (Wilks)."""
    return 2 * saved > CRITICAL


def _spread(logits: np.ndarray) -> str:
    return f"The logits spread by {logits.std():.4f} only."


def _health(verdict: Verdict, *evidence: str) -> Health:
    return Health(verdict=verdict, evidence=evidence)
