"""Generated predictions that are ill for a known cause, or healthy.

A healthy predictor is calibrated by construction: the labels are drawn first, its score is normal
with the same spread in both classes (binormal), and its logit is the exact log-odds. A base rate
and an AUC settle it. The causes, each in the range of severities that a user would want named:

- `overconfident`, `underconfident`: logits 2.5 to 4 times too wide or too narrow around the base
  rate's logit, a true slope of 0.25-0.4 or 2.5-4.
- `prior_shift`: log(w) added to every logit, by a class weight w of 2 to 10 or its inverse.
- `double_sigmoid`: the sigmoid of the healthy probability, as a report applies it once too often.
- `trained_double_sigmoid`: what training through two sigmoids leads to, the inner probability
  driven towards 0; only where rises are rarer than one half, as above it that is what is right.
- `undertrained`: logits with 0.5 to 5 % of the spread that their ranking warrants.
- `saturated`: logits blown up until 30 to 95 % of them lie beyond +-10.
- `constant`: one probability, up to the rounding of float32.
- `one_class`: labels of one class.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from phase6c.records import Verdict
from phase6c.statistics.logits import log_losses, sigmoid

Rng = np.random.Generator
Cause = Callable[[np.ndarray, float, Rng], np.ndarray]

N_ROWS = (1000, 5000)
BASE_RATES = (0.05, 0.1, 0.2, 0.4, 0.6)
AUCS = (0.55, 0.65, 0.75, 0.85)


VERDICTS: dict[str, Verdict] = {
    "healthy": "healthy",
    "overconfident": "miscalibrated",
    "underconfident": "miscalibrated",
    "prior_shift": "prior_shift",
    "double_sigmoid": "double_sigmoid",
    "trained_double_sigmoid": "double_sigmoid",
    "undertrained": "undertrained",
    "saturated": "saturated",
    "constant": "constant",
    "one_class": "one_class",
}


def cells(cause: str) -> list[tuple[int, float, float]]:
    """Every (n, base rate, AUC) in which the cause is an illness."""
    rates = [one for one in BASE_RATES if cause != "trained_double_sigmoid" or one < 0.5]
    return list(itertools.product(N_ROWS, rates, AUCS))


def ideal_power(cause: str, n: int, base_rate: float, auc: float) -> float:
    """How often the best of all tests, told the very map that the cause applied, would see it.

    At 5 % false alarms (Neyman & Pearson, 1933). The log-likelihood ratio is nearly normal, its
    mean +-n x KL and its variance twice that; KL is the log loss that the cause costs a row.
    """
    rng = np.random.default_rng(0)
    powers = []
    for _ in range(20):
        true = healthy((rng.random(4000) < base_rate).astype(np.float64), base_rate, auc, rng)
        p, shown = sigmoid(true), CAUSES[cause](true, logit(base_rate), rng)
        cost = float((log_losses(shown, p) - log_losses(true, p)).mean())
        powers.append(ndtr(np.sqrt(2 * n * cost) - ndtri(0.95)))
    return float(np.mean(powers))


def drawn(
    cause: str, n: int, base_rate: float, auc: float, rng: Rng
) -> tuple[np.ndarray, np.ndarray, float]:
    """(logits float64[n], labels float64[n], base rate in training) of one ill predictor."""
    y = (rng.random(n) < base_rate).astype(np.float64)
    if cause == "one_class":
        y[:] = rng.integers(2)
    logits = healthy(y, base_rate, auc, rng)
    return CAUSES[cause](logits, logit(base_rate), rng), y, base_rate


def healthy(y: np.ndarray, base_rate: float, auc: float, rng: Rng) -> np.ndarray:
    """The exact log-odds of the labels, given a binormal score with this AUC."""
    distance = np.sqrt(2) * ndtri(auc)
    score = rng.standard_normal(len(y)) + distance * y
    planted: np.ndarray = logit(base_rate) + distance * score - distance**2 / 2
    return planted


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def around(centre: float, logits: np.ndarray, factor: float) -> np.ndarray:
    return centre + factor * (logits - centre)


def log_uniform(low: float, high: float, rng: Rng) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def unchanged(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    return logits


def overconfident(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    return around(centre, logits, log_uniform(2.5, 3.5, rng))


def underconfident(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    return around(centre, logits, 1 / log_uniform(2.5, 3.5, rng))


def prior_shift(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    planted: np.ndarray = logits + rng.choice([-1, 1]) * np.log(log_uniform(2, 10, rng))
    return planted


def double_sigmoid(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    return sigmoid(logits)


def trained_double_sigmoid(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    return sigmoid(rng.uniform(-4, -0.5) + rng.uniform(0.2, 2) * (logits - centre))


def undertrained(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    return around(centre, logits, log_uniform(0.005, 0.05, rng))


def saturated(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    factor = 10 / np.quantile(np.abs(logits), 1 - rng.uniform(0.3, 0.95))
    planted: np.ndarray = logits * max(10, factor)
    return planted


def constant(logits: np.ndarray, centre: float, rng: Rng) -> np.ndarray:
    return centre + rng.normal() + 1e-7 * rng.standard_normal(len(logits))


CAUSES: dict[str, Cause] = {
    "healthy": unchanged,
    "overconfident": overconfident,
    "underconfident": underconfident,
    "prior_shift": prior_shift,
    "double_sigmoid": double_sigmoid,
    "trained_double_sigmoid": trained_double_sigmoid,
    "undertrained": undertrained,
    "saturated": saturated,
    "constant": constant,
    "one_class": unchanged,
}
