"""The baselines of an evaluation, which learn from the training of a step as a model does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float64
from threadpoolctl import threadpool_limits

from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines.base_rates import base_rates
from phase6c.evaluation.baselines.boosting import HALF_LIVES, fit_boosting
from phase6c.evaluation.baselines.linear import (
    TIER_STRENGTHS,
    WINDOW_STRENGTHS,
    fit_ridge,
    fit_volatility,
)
from phase6c.evaluation.baselines.splines import fit_splines
from phase6c.statistics.simple_models import SimpleModel

# The transformer's shortcut and bias alone; their predictions come from the transformer itself.
OWN_SHORTCUT = "own_shortcut"

Fit = TypeVar("Fit")


class SimpleFit(NamedTuple):
    """A baseline that was fitted.

    Attributes:
        model: Fitted model.
        duration_s: Seconds of choosing and fitting.
    """

    model: SimpleModel
    duration_s: float


def fit_simple(
    inner: SearchData, data: SearchData, contexts: Sequence[int], seed: int
) -> dict[str, SimpleFit]:
    """The baselines that learn, fitted on the training of `data`, by name.

    Penalties, the number of trees, the half-life of weights and the days of the window are chosen
    by the log loss on the latest part of the training, `inner.val`, as the transformers' epochs
    are; then all of the training is fitted.

    Args:
        inner: Training of `data`, cut in two.
        data: Rows to be fitted.
        contexts: Numbers of days that the window of the linear model may have.
        seed: Seed of gradient boosting, and of the days that it is chosen on in a large panel.
    """
    fits: dict[str, Callable[[], SimpleModel]] = {
        "volatility_logistic": lambda: fit_volatility(data),
        "ridge_logistic": lambda: fit_ridge(inner, data, TIER_STRENGTHS, [1]),
        "spline_logistic": lambda: fit_splines(inner, data),
        "gradient_boosting": lambda: fit_boosting(inner, data, seed, ("none",)),
        "fading_boosting": lambda: fit_boosting(inner, data, seed, HALF_LIVES),
        "linear_window": lambda: fit_ridge(inner, data, WINDOW_STRENGTHS, contexts),
    }
    with threadpool_limits(limits=1):
        return {name: SimpleFit(*timed(fit)) for name, fit in fits.items()}


def simple_logits(
    fits: Mapping[str, SimpleFit], data: SearchData
) -> dict[str, Float64[np.ndarray, " row"]]:
    """The predictions of the base rates and of fitted baselines for the rows of `data.val`.

    Args:
        fits: Baselines that were fitted on the training of `data`.
        data: Rows to be judged on.
    """
    rates = {name: rate() for name, rate in base_rates(data).items()}
    return rates | {
        name: fit.model.logits(data.features, data.val.end_rows) for name, fit in fits.items()
    }


def timed(fit: Callable[[], Fit]) -> tuple[Fit, float]:
    """What a fit gives, and the seconds that it took."""
    begun = time.perf_counter()
    return fit(), time.perf_counter() - begun
