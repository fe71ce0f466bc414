"""Forecasts of unfinished trials: learning curves of a search, modelled together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_N_SHAPES = 16
# In shares of all epochs: from a curve that rises at once to a curve that never flattens.
_TIME_CONSTANTS = (0.026, 1.5)
_ITERATIONS = 8
# A curve's second difference has six times the variance of its noise.
_SECOND_DIFFERENCE = 6.0
# Least noise, as a share of the variance between trials: no curve follows its shape exactly.
_MIN_NOISE = 1e-3
_TINY = 1e-12


@dataclass(frozen=True)
class Forecast:
    """The best values that trials are expected to have reached by the last epoch.

    Attributes:
        best: [trial], the best value so far.
        mean: [trial], the expected level of the running best at the last epoch.
        deviation: [trial], the standard deviation of that level.
    """

    best: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @property
    def expected(self) -> np.ndarray:
        """[trial], the value that each is expected to reach, at least its best so far."""
        expected: np.ndarray = np.maximum(self.best, self.mean)
        return expected

    @property
    def reliability(self) -> float:
        """The correlation to expect between forecasts and final values, 0 to 1."""
        explained = float(np.var(self.expected))
        return float(np.sqrt(explained / (explained + np.mean(self.deviation**2) + _TINY)))


class CurveModel:
    """Running-best curves as mixtures of saturating shapes, the prior learned from all of them.

    A curve rises from a start to a final level along one of a few exponential shapes,
    `y[t] = start * u[t] + final * (1 - u[t]) + noise`, with `u` falling from 1 at epoch 0 to 0 at
    the last. Start and final are jointly normal over the trials, the shapes have shares; both are
    estimated by expectation maximisation (Dempster, Laird & Rubin, 1977), so that each forecast
    borrows from the trials that went further. That trials were stopped does it no harm: the reason
    of the stop is in the curves (Rubin, 1976, missing at random).

    The running best is modelled because it is the value of a trial; the noise is that of the
    curves themselves, from their second differences.

    Args:
        curves: float[epoch] of each trial, larger is better, an epoch each at least, finite.
        n_epochs: Number of epochs of a whole training.
    """

    def __init__(self, curves: Sequence[np.ndarray], n_epochs: int) -> None:
        self._shapes = _Shapes(n_epochs)
        bests = _running_bests(curves)
        tops, firsts = bests.last, bests.values[:, 0]
        spread = max(float(np.var(np.concatenate([firsts, tops]))), _TINY)
        self._noise = max(_noise_variance(curves, spread), _MIN_NOISE * spread)
        self._mean = np.array([np.median(firsts), np.median(tops)])
        # Wide and without correlation to begin with: the trials are to say how start and end hang
        # together.
        self._covariance = 2 * spread * np.eye(2)
        self._log_shares = np.zeros(_N_SHAPES)
        sums = self._shapes.sums(bests)
        for _ in range(_ITERATIONS):
            self._improve(sums, spread)

    def forecast(self, curves: Sequence[np.ndarray] | np.ndarray) -> Forecast:
        """The levels that these curves will reach; of the same length, they may be a table."""
        bests = _running_bests(curves)
        posterior = self._posterior(self._shapes.sums(bests))
        mean = (posterior.shares * posterior.final).sum(axis=1)
        spread = posterior.final_variance + (posterior.final - mean[:, None]) ** 2
        deviation = np.sqrt((posterior.shares * spread).sum(axis=1))
        return Forecast(bests.last, mean, deviation)

    def _improve(self, sums: _Sums, spread: float) -> None:
        """A step of expectation maximisation; a prior of the weight of one trial keeps it wide."""
        posterior = self._posterior(sums)
        n, shares = len(posterior.shares), posterior.shares
        self._mean = np.array(
            [(shares * parameter).sum() / n for parameter in (posterior.start, posterior.final)]
        )
        start, final = posterior.start - self._mean[0], posterior.final - self._mean[1]
        both = (shares * (posterior.covariance + start * final)).sum()
        self._covariance = np.array(
            [
                [spread + (shares * (posterior.start_variance + start**2)).sum(), both],
                [both, spread + (shares * (posterior.final_variance + final**2)).sum()],
            ]
        ) / (n + 1)
        self._log_shares = np.log((shares.sum(axis=0) + 1 / _N_SHAPES) / (n + 1))

    def _posterior(self, sums: _Sums) -> _Posterior:
        """Shares of the shapes, and start and final level under each: a 2 x 2 system, solved."""
        prior = np.linalg.inv(self._covariance)
        pull_start, pull_final = prior @ self._mean
        start_precision = sums.start_start / self._noise + prior[0, 0]
        final_precision = sums.final_final / self._noise + prior[1, 1]
        both_precision = sums.start_final / self._noise + prior[0, 1]
        pull_start = sums.start_value / self._noise + pull_start
        pull_final = sums.final_value / self._noise + pull_final
        determinant = start_precision * final_precision - both_precision**2
        start_variance = final_precision / determinant
        final_variance = start_precision / determinant
        covariance = -both_precision / determinant
        start = start_variance * pull_start + covariance * pull_final
        final = covariance * pull_start + final_variance * pull_final
        # Terms that all shapes of a trial share cancel.
        evidence = (start * pull_start + final * pull_final - np.log(determinant)) / 2
        evidence += self._log_shares
        shares = np.exp(evidence - evidence.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return _Posterior(shares, start, final, start_variance, final_variance, covariance)


class _Posterior(NamedTuple):
    """[trial, shape] each: how likely the shape is, and start and final level under it."""

    shares: np.ndarray
    start: np.ndarray
    final: np.ndarray
    start_variance: np.ndarray
    final_variance: np.ndarray
    covariance: np.ndarray


class _Sums(NamedTuple):
    """[trial, shape] each: sums over a curve of products of its regressors and its values."""

    start_start: np.ndarray
    final_final: np.ndarray
    start_final: np.ndarray
    start_value: np.ndarray
    final_value: np.ndarray


class _Shapes:
    """The shapes' regressors, `u` for the start and `1 - u` for the final level."""

    def __init__(self, n_epochs: int) -> None:
        constants = n_epochs * np.geomspace(*_TIME_CONSTANTS, _N_SHAPES)
        decay = np.exp(-np.arange(n_epochs + 1)[:, None] / constants)
        u = ((decay - decay[-1]) / (1 - decay[-1]))[1:]
        self._start, self._final = u, 1 - u
        self._products = [
            (basis * other).cumsum(axis=0) for basis, other in ((u, u), (1 - u, 1 - u), (u, 1 - u))
        ]

    def sums(self, bests: _RunningBests) -> _Sums:
        rows, n = bests.lengths - 1, bests.values.shape[1]
        start_start, final_final, start_final = (product[rows] for product in self._products)
        start_value, final_value = bests.values @ self._start[:n], bests.values @ self._final[:n]
        return _Sums(start_start, final_final, start_final, start_value, final_value)


class _RunningBests(NamedTuple):
    """[trial, epoch], the best of each curve up to an epoch, 0 where it has ended; its lengths."""

    values: np.ndarray
    lengths: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """[trial], the best of the whole curve."""
        last: np.ndarray = self.values[np.arange(len(self.lengths)), self.lengths - 1]
        return last


def _running_bests(curves: Sequence[np.ndarray] | np.ndarray) -> _RunningBests:
    values, lengths = _table(curves)
    known = np.arange(values.shape[1]) < lengths[:, None]
    return _RunningBests(np.where(known, np.maximum.accumulate(values, axis=1), 0), lengths)


def _table(curves: Sequence[np.ndarray] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[trial, epoch], the curves with zeros behind them, and [trial], their lengths."""
    lengths = np.array([len(curve) for curve in curves])
    if isinstance(curves, np.ndarray):
        return curves, lengths
    values = np.zeros((len(curves), lengths.max()))
    for row, curve in zip(values, curves, strict=True):
        row[: len(curve)] = curve
    return values, lengths


def _noise_variance(curves: Sequence[np.ndarray], otherwise: float) -> float:
    """The variance of values around their curve; a quarter of the spread without long curves."""
    values, lengths = _table(curves)
    # A smooth curve nearly vanishes in its second differences, and what is left is noise.
    differences = np.diff(values, 2, axis=1) if values.shape[1] > 2 else np.empty((len(values), 0))
    known = np.arange(differences.shape[1]) < lengths[:, None] - 2
    if not known.any():
        return otherwise / 4
    return float(np.mean(differences[known] ** 2)) / _SECOND_DIFFERENCE
