"""How returns depend on the returns before them."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from functools import partial

import numpy as np

from phase6c.data.indicators.feature import CLOSE, Feature, TickerBars
from phase6c.data.indicators.rolling import ROUNDING, lagged, mean, ratio, standard_scores, windows

_HURST_LAGS = np.array([1, 2, 4, 8, 16])

# The orders of three values: of the eight outcomes of their comparisons, two contradict themselves.
_ORDERS = (0, 1, 2, 5, 6, 7)


def _neighbours(returns: np.ndarray, days: int) -> np.ndarray:
    """The autocorrelation at a lag of one day, within the last `days` returns."""
    scores = standard_scores(returns, days)
    return np.einsum("ij,ij->i", scores[:, 1:], scores[:, :-1]) / days


def _autocorrelation(bars: TickerBars, days: int) -> np.ndarray:
    return _neighbours(bars.log_return, days)


def _autocorrelation_of_size(bars: TickerBars, days: int) -> np.ndarray:
    return _neighbours(np.abs(bars.log_return), days)


def _variance(bars: TickerBars, lag: int, days: int) -> np.ndarray:
    """The variance per day that the overlapping returns over `lag` days show within `days`.

    Lo and MacKinlay (1988): unbiased for a random walk, with the drift of the `days` taken out.
    Zero where it is a rounding error.
    """
    log_price = np.log(bars.close)
    drift = (log_price - lagged(log_price, days)) / days
    n_moves = days - lag + 1
    moves = windows(log_price - lagged(log_price, lag), n_moves) - lag * drift[:, None]
    variance = np.einsum("ij,ij->i", moves, moves) / (lag * n_moves * (1 - lag / days))
    return np.where(variance < ROUNDING**2, 0.0, variance)


def _variance_ratio(bars: TickerBars, lag: int, days: int) -> np.ndarray:
    """Lo and MacKinlay (1988): 1 for a random walk, more if returns continue, less if they turn."""
    return ratio(_variance(bars, lag, days), _variance(bars, 1, days))


def _hurst(bars: TickerBars, days: int) -> np.ndarray:
    """The exponent with which the deviation of moves grows with their lag: 1/2 for a random walk.

    The least-squares slope of the log deviation on the log lag. The variance per day grows with
    the exponent 2 H - 1.
    """
    log_lag = np.log(_HURST_LAGS)
    distance = log_lag - log_lag.mean()
    variances = np.stack([_variance(bars, int(lag), days) for lag in _HURST_LAGS], axis=1)
    return 0.5 + np.log(variances) @ (distance / (distance @ distance)) / 2


def _permutation_entropy(bars: TickerBars, days: int) -> np.ndarray:
    """Bandt and Pompe (2002): how evenly the orders of three neighbouring returns occur, 0 to 1.

    Returns are rounded, so that equal returns tie in spite of their last digits.
    """
    now = bars.log_return.round(9)
    before, earlier = lagged(now, 1), lagged(now, 2)
    order = (now > before) + 2 * (before > earlier) + 4 * (now > earlier)
    known = ~np.isnan(earlier)
    shares = np.stack(
        [mean(np.where(known, order == pattern, np.nan), days - 2) for pattern in _ORDERS], axis=1
    )
    surprise = -np.log(np.where(shares == 0, 1.0, shares))
    return (shares * surprise).sum(axis=1) / np.log(len(_ORDERS))


FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"acf1_{n}",
            "dependence",
            n,
            f"autocorrelation of {n} daily log returns at a lag of one day",
            CLOSE,
            partial(_autocorrelation, days=n),
        )
        for n in (20, 60)
    ),
    Feature(
        "acf1_abs_60",
        "dependence",
        60,
        "autocorrelation of 60 absolute daily log returns at a lag of one day",
        CLOSE,
        partial(_autocorrelation_of_size, days=60),
    ),
    Feature(
        "hurst_120",
        "dependence",
        120,
        "Hurst exponent of 120 days, from the deviation of moves over 1 to 16 days",
        CLOSE,
        partial(_hurst, days=120),
        neutral=0.5,
    ),
    Feature(
        "variance_ratio_5_60",
        "dependence",
        60,
        "variance of 5-day over that of 1-day log returns, per day, within 60 days",
        CLOSE,
        partial(_variance_ratio, lag=5, days=60),
        neutral=1.0,
    ),
    Feature(
        "entropy_60",
        "dependence",
        60,
        "permutation entropy of 60 daily log returns, 0 if ordered, 1 if random",
        CLOSE,
        partial(_permutation_entropy, days=60),
    ),
)
