"""An additive model of scores with interactions, for configurations that a search chose itself.

A Gaussian process over configurations. Its kernel has a term for each axis, whose functions have
mean zero over the axis, and a term for all their products together (additive Gaussian processes,
Duvenaud, Nickisch & Rasmussen, 2011; orthogonal, Lu, Boukouvalas & Hensman, 2022). What is known
of an axis depends on which configurations were tried, not on why they were: a likelihood needs no
correction for the sampler. The products keep a crowd of like configurations from counting as so
many independent configurations.

The intervals cover their axis's values on average (Nychka, 1988), since the variances are
integrated over: sampled around their mode, with importance weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phase6c.analysis.levels import Levels

N_SAMPLES = 2000
# Settings of the variances that are proposed, and those that the samples are drawn under.
_N_PROPOSED = 128
_N_SETTINGS = 40
# The proposals are wider than the normal approximation, so that the weights stay even.
_WIDENING = 1.2
# Deviation of the logarithms of variances: two deviations either way are a factor of 50.
_LOG_DEVIATION = 2.0
_REACH = 4 * _LOG_DEVIATION
# The variances are learned from a part of many trials, to bound the time.
_MAX_LEARNED = 300
_INTERCEPT_VARIANCE = 100.0
# Weight of a product of axes, against the products of an axis fewer.
_HIGHER_ORDER = 0.3
# Shares of an ordered axis's variance: smooth, a random walk, each value's own.
_ORDERED_PARTS = (0.6, 0.3, 0.1)
_SMOOTH_LENGTH = 0.4


@dataclass(frozen=True)
class Priors:
    """Medians of the deviations, in units of that of the scores."""

    main: float = 0.25
    interaction: float = 0.5
    noise: float = 0.5
    slope: float = 0.5


@dataclass(frozen=True)
class Variances:
    """Variances of the scores, in squared units.

    Attributes:
        mains: float[axis], then a value for each pair of axes with a variance of its own.
        interaction: Variance of all products of axes together.
        noise: Variance between equal configurations.
    """

    mains: np.ndarray
    interaction: float
    noise: float

    @property
    def interaction_share(self) -> float:
        """The share of the products in the variance between configurations."""
        return self.interaction / (self.interaction + float(self.mains.sum()))


@dataclass(frozen=True)
class Posterior:
    """The effects that the trials leave possible, as equally likely samples.

    Attributes:
        effects: float[sample, level], of all axes side by side.
        slopes: float[sample, covariate].
        interaction: float[sample], the share of the products of axes in the variance between
            configurations.
    """

    effects: np.ndarray
    slopes: np.ndarray
    interaction: np.ndarray


class EffectModel:
    """The model of a set of trials.

    Args:
        levels: Levels of each axis.
        weights: float[trial, level] of each axis.
        scores: float[trial].
        unit: Deviation that the priors are in units of.
        covariates: float[trial, covariate] that the scores depend on linearly, in their unit.
        priors: Medians of the deviations.
        pairs: Positions of two axes each, whose product has a variance of its own.
    """

    def __init__(
        self,
        levels: Mapping[str, Levels],
        weights: Mapping[str, np.ndarray],
        scores: np.ndarray,
        unit: float,
        covariates: np.ndarray | None = None,
        priors: Priors = Priors(),
        pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._unit = unit
        self.y = (scores - scores.mean()) / unit
        self._priors = priors
        given = np.zeros((len(scores), 0)) if covariates is None else covariates / unit
        self._covariates = given - given.mean(axis=0)
        self._covariances = [prior_covariance(axis_levels) for axis_levels in levels.values()]
        both = list(zip(weights.values(), self._covariances, strict=True))
        self._cross = [own @ covariance for own, covariance in both]
        grams = np.array([own @ covariance @ own.T for own, covariance in both])
        self._products = products(grams)
        self.grams = np.array([*grams, *(grams[first] * grams[other] for first, other in pairs)])
        # Intercept and slopes have known prior variances: they need no entry among the variances
        # that are learned.
        self._fixed = _INTERCEPT_VARIANCE + priors.slope**2 * self._covariates @ self._covariates.T
        medians = [priors.main] * len(self.grams) + [priors.interaction, priors.noise]
        self._centre = 2 * np.log(medians)

    def sample(self, rng: np.random.Generator) -> Posterior:
        """Samples effects and slopes."""
        settings = [_variances(logs) for logs in self._settings(rng)]
        n = N_SAMPLES // len(settings)
        both = np.concatenate([self._coefficients(setting, rng, n) for setting in settings])
        n_levels = sum(len(matrix) for matrix in self._covariances)
        return Posterior(
            effects=both[:, :n_levels] * self._unit,
            slopes=both[:, n_levels:],
            interaction=np.repeat([setting.interaction_share for setting in settings], n),
        )

    def likeliest(self, rng: np.random.Generator) -> Variances:
        """The mode of the variances; of many trials a part is drawn to learn them from."""
        return _variances(_Likelihood(self, rng).mode()[0])

    def _settings(self, rng: np.random.Generator) -> np.ndarray:
        """float[setting, variance], equally likely logarithms of the variances."""
        learned = _Likelihood(self, rng)
        mode, factor = learned.mode()
        steps = rng.standard_normal((_N_PROPOSED, len(mode)))
        proposed = mode + _WIDENING * steps @ factor.T
        weights = (
            np.array([-learned.loss(setting)[0] for setting in proposed])
            + (steps**2).sum(axis=1) / 2
        )
        shares = np.exp(weights - weights.max())
        # Systematic resampling: settings in proportion to their weights, with the least chance in
        # it.
        places = (np.arange(_N_SETTINGS) + rng.random()) / _N_SETTINGS * shares.sum()
        chosen = np.searchsorted(np.cumsum(shares), places)
        settings: np.ndarray = proposed[np.minimum(chosen, _N_PROPOSED - 1)]
        return settings

    def _coefficients(self, variances: Variances, rng: np.random.Generator, n: int) -> np.ndarray:
        """float[sample, coefficient]: the effects of all axes, then the slopes."""
        from scipy.linalg import block_diag, cho_factor, cho_solve

        slope = self._priors.slope**2
        alone = variances.mains[: len(self._cross)]
        mains = [variance * own for variance, own in zip(alone, self._cross, strict=True)]
        cross = np.hstack([*mains, slope * self._covariates])
        own = [variance * k for variance, k in zip(alone, self._covariances, strict=True)]
        prior = block_diag(*own, slope * np.eye(self._covariates.shape[1]))
        factor = cho_factor(self.covariance(variances), lower=True, overwrite_a=True)
        solved = cho_solve(factor, np.column_stack([self.y, cross]))
        mean = cross.T @ solved[:, 0]
        # Rounding may leave tiny negative eigenvalues, with which a Cholesky factor does not exist.
        values, vectors = np.linalg.eigh(prior - cross.T @ solved[:, 1:])
        root = vectors * np.sqrt(np.maximum(values, 0))
        return np.asarray(mean + rng.standard_normal((n, len(mean))) @ root.T)

    def covariance(self, variances: Variances) -> np.ndarray:
        """float[trial, trial], covariance of the scores in squared units."""
        total: np.ndarray = self._fixed + variances.interaction * self._products
        for variance, gram in zip(variances.mains, self.grams, strict=True):
            total += variance * gram
        total[np.diag_indices_from(total)] += variances.noise
        return total


class _Likelihood:
    """The likelihood of the logarithms of the variances, from all trials or a part of many."""

    def __init__(self, model: EffectModel, rng: np.random.Generator) -> None:
        n = len(model.y)
        rows = np.arange(n)
        if n > _MAX_LEARNED:
            rows = np.sort(rng.choice(n, _MAX_LEARNED, replace=False))
        part = np.ix_(rows, rows)
        grams = [gram[part] for gram in (*model.grams, model._products)]
        self._terms = np.array([*grams, np.eye(len(rows))])
        self.y, self._fixed, self._centre = model.y[rows], model._fixed[part], model._centre

    def loss(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log posterior density but for a constant, and its slopes."""
        own = np.exp(logs)
        total = self._fixed + np.tensordot(own, self._terms, 1)
        inverse = np.linalg.inv(total)
        alpha = inverse @ self.y
        away = (logs - self._centre) / _LOG_DEVIATION
        half = np.log(np.diag(np.linalg.cholesky(total))).sum()
        value = (self.y @ alpha + away @ away) / 2 + half
        both = inverse - np.outer(alpha, alpha)
        slopes = own * (self._terms.reshape(len(own), -1) @ both.ravel()) / 2
        return float(value), slopes + away / _LOG_DEVIATION

    def mode(self) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest logarithms, and a factor of their covariance (expected information)."""
        from scipy.optimize import minimize

        bounds = [(centre - _REACH, centre + _REACH) for centre in self._centre]
        mode = minimize(self.loss, self._centre, jac=True, method="L-BFGS-B", bounds=bounds).x
        own = np.exp(mode)
        inverse = np.linalg.inv(self._fixed + np.tensordot(own, self._terms, 1))
        scaled = (inverse @ self._terms) * own[:, None, None]
        flat, turned = (
            terms.reshape(len(own), -1) for terms in (scaled, scaled.transpose(0, 2, 1))
        )
        information = flat @ turned.T / 2 + np.eye(len(own)) / _LOG_DEVIATION**2
        return np.asarray(mode), np.linalg.cholesky(np.linalg.inv(information))


def prior_covariance(levels: Levels) -> np.ndarray:
    """float[level, level], covariance of an axis's effects, of mean 0 and variance 1 over it."""
    n = len(levels.rows)
    if not levels.ordered or n == 2:
        return _centred(np.eye(n), levels.shares)
    at = np.linspace(0, 1, n)
    smooth = np.exp(-(((at[:, None] - at) / _SMOOTH_LENGTH) ** 2) / 2)
    kernels = (smooth, np.minimum(at[:, None], at), np.eye(n))
    total = np.zeros((n, n))
    for part, kernel in zip(_ORDERED_PARTS, kernels, strict=True):
        total += part * _centred(kernel, levels.shares)
    return total


def products(grams: np.ndarray) -> np.ndarray:
    """float[trial, trial], covariance of all products of two axes and more, of variance 1.

    Args:
        grams: float[axis, trial, trial], of each axis alone.
    """
    n = len(grams)
    together = np.prod(1 + _HIGHER_ORDER * grams, axis=0) - 1 - _HIGHER_ORDER * grams.sum(axis=0)
    scale = (1 + _HIGHER_ORDER) ** n - 1 - _HIGHER_ORDER * n
    return np.asarray(together / scale if n > 1 else together)


def _variances(logs: np.ndarray) -> Variances:
    own = np.exp(logs)
    return Variances(own[:-2], float(own[-2]), float(own[-1]))


def _centred(kernel: np.ndarray, shares: np.ndarray) -> np.ndarray:
    centre = np.eye(len(shares)) - shares
    centred = centre @ kernel @ centre.T
    return np.asarray(centred / (shares @ np.diag(centred)))
