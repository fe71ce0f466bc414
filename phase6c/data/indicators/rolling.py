"""Statistics over each day's last days: exact, without running sums that drift."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

# Beside the mean of the values, a smaller deviation is a rounding error of equal values.
ROUNDING = 1e-9


def windows(values: np.ndarray, days: int) -> np.ndarray:
    """A view [day, days] of each day's last `days` values, NaN before the first value."""
    # Each window is summed anew: a running sum carries the rounding errors of a large value, and of
    # the NaN before the first value, into all later days.
    return sliding_window_view(np.concatenate([np.full(days - 1, np.nan), values]), days)


def lagged(values: np.ndarray, days: int) -> np.ndarray:
    """The value of `days` ago, NaN where there is none."""
    return np.concatenate([np.full(days, np.nan), values])[: len(values)]


def log_return(close: np.ndarray) -> np.ndarray:
    """The log of each close over the close before; NaN on the first day."""
    return np.diff(np.log(close), prepend=np.nan)


def total(values: np.ndarray, days: int) -> np.ndarray:
    """The sum of the last `days` values."""
    return windows(values, days).sum(axis=1)


def mean(values: np.ndarray, days: int) -> np.ndarray:
    """The mean of the last `days` values."""
    return windows(values, days).mean(axis=1)


def deviation(values: np.ndarray, days: int, ddof: int = 0) -> np.ndarray:
    """The standard deviation of the last `days` values."""
    return windows(values, days).std(axis=1, ddof=ddof)


def return_deviation(returns: np.ndarray, days: int) -> np.ndarray:
    """The sample deviation of the last log returns; zero where it is a rounding error."""
    spread = deviation(returns, days, ddof=1)
    return np.where(spread < ROUNDING, 0.0, spread)


def highest(values: np.ndarray, days: int) -> np.ndarray:
    """The largest of the last `days` values."""
    return windows(values, days).max(axis=1)


def lowest(values: np.ndarray, days: int) -> np.ndarray:
    """The smallest of the last `days` values."""
    return windows(values, days).min(axis=1)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient; NaN, not infinite, where the denominator is zero."""
    return numerator / np.where(denominator == 0, np.nan, denominator)


def weighted_mean(values: np.ndarray, weights: np.ndarray, days: int) -> np.ndarray:
    """The mean of the last `days` values by their weights; NaN where these are all zero."""
    return ratio(total(values * weights, days), total(weights, days))


def over_spread(values: np.ndarray, spread: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Values in units of a spread; NaN where that is a rounding error beside the level."""
    return values / np.where(spread > ROUNDING * np.abs(level), spread, np.nan)


def z_score(values: np.ndarray, days: int) -> np.ndarray:
    """Each value in standard deviations from the mean of the last `days`; NaN if all are equal."""
    centre = mean(values, days)
    return over_spread(values - centre, deviation(values, days), centre)


def slope(values: np.ndarray, days: int) -> np.ndarray:
    """The slope, per day, of the least-squares line through the last `days` values."""
    # Centred days are orthogonal to a constant, so that the mean of the values need not be known.
    day = np.arange(days) - (days - 1) / 2
    return windows(values, days) @ (day / (day @ day))


def since_highest(values: np.ndarray, days: int) -> np.ndarray:
    """How many days ago the highest of the last `days` values was; the latest of equals counts."""
    window = windows(values, days)
    return np.where(np.isnan(window.max(axis=1)), np.nan, window[:, ::-1].argmax(axis=1))


def _distances(
    values: np.ndarray, days: int, where: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The last `days` values less their mean [day, days], the mean and the number of values.

    Days `where` is false do not count: their values may be NaN, their distance is zero.
    """
    counted = windows(where.astype(np.float64), days)
    window = windows(np.where(where, values, 0.0), days)
    n_counted = counted.sum(axis=1)
    centre = window.sum(axis=1) / n_counted
    return (window - centre[:, None]) * counted, centre, n_counted


def _row_products(first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The inner product of each row, without the matrix of products in memory."""
    return np.einsum("ij,ij->i", first, other)


def z_score_where(values: np.ndarray, days: int, where: np.ndarray) -> np.ndarray:
    """The z-score of each value among those of the last `days` for which `where` is true."""
    distances, centre, n_counted = _distances(values, days, where)
    spread = np.sqrt(_row_products(distances, distances) / n_counted)
    return over_spread(values - centre, spread, centre)


def correlation(first: np.ndarray, second: np.ndarray, days: int, where: np.ndarray) -> np.ndarray:
    """Pearson's correlation within the last `days`, over the days where `where` is true.

    NaN if either is constant on these days.
    """
    centred, level, _ = _distances(first, days, where)
    other, other_level, _ = _distances(second, days, where)
    scaled = over_spread(
        _row_products(centred, other), np.sqrt(_row_products(centred, centred)), level
    )
    return over_spread(scaled, np.sqrt(_row_products(other, other)), other_level)


def rank(values: np.ndarray, days: int) -> np.ndarray:
    """The rank of each value among the last `days`, 1 / days to 1; equals share their mean rank."""
    return pd.Series(values).rolling(days).rank(pct=True).to_numpy()


def standard_scores(returns: np.ndarray, days: int) -> np.ndarray:
    """The last `days` log returns [day, days] in standard deviations from their mean.

    NaN if all are equal: log returns have a scale of their own, beside which a deviation below
    `ROUNDING` is a rounding error.
    """
    window = windows(returns, days)
    spread = window.std(axis=1, keepdims=True)
    centre = window.mean(axis=1, keepdims=True)
    return (window - centre) / np.where(spread > ROUNDING, spread, np.nan)


def net_over_path(values: np.ndarray, days: int) -> np.ndarray:
    """The change over `days` over the sum of the absolute daily changes; NaN if there was none."""
    path = total(np.abs(np.diff(values, prepend=np.nan)), days)
    return over_spread(values - lagged(values, days), path, values)
