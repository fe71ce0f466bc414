"""Logistic regressions on volatility, on the last day's features and on whole windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from phase6c.data.windows import SearchData
from phase6c.statistics.logits import log_losses
from phase6c.statistics.simple_models import LinearModel, SimpleModel, windows_of

VOLATILITY = "rv_20"
# Inverse strengths of the ridge penalty, stronger for the many columns of a window.
TIER_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
WINDOW_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)
# Values in all windows together, to bound the memory; of more rows, every n-th is fitted.
MAX_WINDOW_VALUES = 40_000_000


def fit_volatility(data: SearchData) -> LinearModel:
    """The volatility of the last 20 days alone."""
    column = [data.feature_names.index(VOLATILITY)]
    fitted = LogisticRegression(C=1e3, max_iter=1000)
    fitted.fit(data.features[data.train.end_rows][:, column], data.train.y)
    coefficients = np.zeros(len(data.feature_names))
    coefficients[column] = fitted.coef_[0]
    return _linear(fitted, coefficients, 1)


def fit_ridge(
    inner: SearchData, data: SearchData, strengths: Sequence[float], contexts: Sequence[int]
) -> LinearModel:
    """The model of the strength and the days of a window that are best on the latest past.

    Args:
        inner: Training of `data`, cut in two.
        data: Rows to be fitted.
        strengths: Inverse strengths of the penalty to choose from.
        contexts: Days of a window to choose from.
    """
    losses: dict[tuple[float, int], float] = {}
    for days in contexts:
        tried = _fit_ridges(inner, strengths, days)
        for strength, model in zip(strengths, tried, strict=True):
            losses[strength, days] = loss_on_latest(model, inner)
    strength, days = min(losses, key=losses.__getitem__)
    return _fit_ridges(data, [strength], days)[0]


def loss_on_latest(model: SimpleModel, inner: SearchData) -> float:
    """The log loss in nats on the latest part of the training, by which penalties are chosen."""
    logits = model.logits(inner.features, inner.val.end_rows)
    return float(log_losses(logits, inner.val.y).mean())


def _fit_ridges(
    data: SearchData, strengths: Sequence[float], context_days: int
) -> list[LinearModel]:
    """The models of several strengths on the same windows."""
    n_values = len(data.train) * context_days * len(data.feature_names)
    # Neighbouring windows share all but a day: every n-th tells nearly as much as all of them.
    every = -(-n_values // MAX_WINDOW_VALUES)
    windows = windows_of(data.features, data.train.end_rows[::every], context_days)
    y = data.train.y[::every]
    fitted = [LogisticRegression(C=one, max_iter=500).fit(windows, y) for one in strengths]
    return [_linear(model, model.coef_[0], context_days) for model in fitted]


def _linear(fitted: LogisticRegression, coefficients: np.ndarray, context_days: int) -> LinearModel:
    return LinearModel(
        context_days=context_days,
        n_values=len(coefficients),
        intercept=fitted.intercept_.item(),
        coefficients=tuple(coefficients.tolist()),
    )
