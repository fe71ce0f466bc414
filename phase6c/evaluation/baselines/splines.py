"""Logistic regression on a curve of each of the last day's features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from sklearn.linear_model import LogisticRegression

from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines.linear import loss_on_latest
from phase6c.statistics.simple_models import SPLINE_DEGREE, SplineModel, spline_basis

N_KNOTS = 5
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
# Values of all curves together, to bound the memory; of more rows, every n-th is fitted.
MAX_BASIS_VALUES = 20_000_000

Knots = tuple[tuple[float, ...], ...]


def fit_splines(inner: SearchData, data: SearchData) -> SplineModel:
    """Cubic splines with knots at quantiles of the training rows, under a ridge penalty.

    Args:
        inner: Training of `data`, cut in two; the strength is chosen on its latest part.
        data: Rows to be fitted.
    """
    losses = [loss_on_latest(model, inner) for model in _fit_strengths(inner, STRENGTHS)]
    (chosen,) = _fit_strengths(data, [STRENGTHS[int(np.argmin(losses))]])
    return chosen


def _fit_strengths(data: SearchData, strengths: Sequence[float]) -> list[SplineModel]:
    """The models of several inverse strengths on the same rows."""
    n_values = len(data.train) * len(data.feature_names) * (N_KNOTS + SPLINE_DEGREE - 1)
    every = -(-n_values // MAX_BASIS_VALUES)
    rows = data.features[data.train.end_rows[::every]]
    knots = _knots_of(rows)
    columns = [spline_basis(rows[:, value], own) for value, own in enumerate(knots)]
    sizes = [column.shape[1] for column in columns]
    basis, y = np.hstack(columns), data.train.y[::every]
    return [
        _as_model(LogisticRegression(C=one, max_iter=1000).fit(basis, y), knots, sizes)
        for one in strengths
    ]


def _knots_of(rows: Float32[np.ndarray, "row feature"]) -> Knots:
    """Each feature's quantiles, the ends repeated as cubic splines need; none of a constant."""
    quantiles = np.quantile(rows.astype(np.float64), np.linspace(0, 1, N_KNOTS), axis=0)
    inside = [np.unique(own) for own in quantiles.T]
    return tuple(
        tuple(np.pad(own, SPLINE_DEGREE, mode="edge").tolist()) if len(own) > 1 else ()
        for own in inside
    )


def _as_model(fitted: LogisticRegression, knots: Knots, sizes: Sequence[int]) -> SplineModel:
    curves = np.split(fitted.coef_[0], np.cumsum(sizes)[:-1])
    return SplineModel(
        context_days=1,
        n_values=len(knots),
        intercept=fitted.intercept_.item(),
        knots=knots,
        coefficients=tuple(tuple(curve.tolist()) for curve in curves),
    )
