"""Volatility per day: from closes, from daily ranges, and how it compares with its past."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import talib

from phase6c.data.indicators.feature import CANDLE, CLOSE, HIGH_LOW, RANGE, Feature, TickerBars
from phase6c.data.indicators.rolling import (
    deviation,
    lagged,
    mean,
    rank,
    ratio,
    return_deviation,
    windows,
)

# RiskMetrics (1996): at a decay of 0.94 these days hold 99 % of the weight.
_RISK_METRICS_DAYS = 74


def _realised(bars: TickerBars, days: int) -> np.ndarray:
    """Standard deviation of daily log returns."""
    return return_deviation(bars.log_return, days)


def _downside(bars: TickerBars, days: int) -> np.ndarray:
    """Root mean square of the returns below zero, the others counting as zero."""
    return np.sqrt(mean(np.minimum(bars.log_return, 0.0) ** 2, days))


def _exponential(bars: TickerBars, decay: float, days: int) -> np.ndarray:
    """Root of the exponentially weighted mean of squared returns (RiskMetrics, 1996).

    It ends after `days` returns instead of running on from the first return, so that a value does
    not depend on the first day of the bars.
    """
    weights = decay ** np.arange(days)[::-1]
    return np.sqrt(windows(bars.log_return**2, days) @ (weights / weights.sum()))


def _log_range(bars: TickerBars) -> np.ndarray:
    return np.log(bars.high / bars.low)


def _parkinson(bars: TickerBars, days: int) -> np.ndarray:
    """Parkinson (1980): from the range alone."""
    return np.sqrt(mean(_log_range(bars) ** 2, days) / (4 * np.log(2)))


def _garman_klass(bars: TickerBars, days: int) -> np.ndarray:
    """Garman and Klass (1980): from the range and the change from open to close."""
    body = np.log(bars.close / bars.open)
    return np.sqrt(mean(_log_range(bars) ** 2 / 2 - (2 * np.log(2) - 1) * body**2, days))


def _rogers_satchell_variance(bars: TickerBars, days: int) -> np.ndarray:
    """Rogers and Satchell (1991): a drift within the day does not matter."""
    above = np.log(bars.high / bars.close) * np.log(bars.high / bars.open)
    below = np.log(bars.low / bars.close) * np.log(bars.low / bars.open)
    return mean(above + below, days)


def _rogers_satchell(bars: TickerBars, days: int) -> np.ndarray:
    return np.sqrt(_rogers_satchell_variance(bars, days))


def _yang_zhang(bars: TickerBars, days: int) -> np.ndarray:
    """Yang and Zhang (2000): the variance over night and that of the day, free of drift."""
    overnight = deviation(np.log(bars.open / lagged(bars.close, 1)), days, ddof=1) ** 2
    body = deviation(np.log(bars.close / bars.open), days, ddof=1) ** 2
    share = 0.34 / (1.34 + (days + 1) / (days - 1))
    return np.sqrt(overnight + share * body + (1 - share) * _rogers_satchell_variance(bars, days))


def _natr(bars: TickerBars, days: int) -> np.ndarray:
    return talib.NATR(bars.high, bars.low, bars.close, days)


def _bipower_variance(bars: TickerBars, days: int) -> np.ndarray:
    """Barndorff-Nielsen and Shephard (2004): products of neighbours, in which a jump is lost."""
    size = np.abs(bars.log_return)
    return np.pi / 2 * mean(size * lagged(size, 1), days - 1)


def _bipower(bars: TickerBars, days: int) -> np.ndarray:
    return np.sqrt(_bipower_variance(bars, days))


def _jump_ratio(bars: TickerBars, days: int) -> np.ndarray:
    """The share of the squared returns that bipower variation leaves to jumps, at least zero."""
    return np.maximum(1 - ratio(_bipower_variance(bars, days), mean(bars.log_return**2, days)), 0)


def _volatility_ratio(bars: TickerBars, short: int, long: int) -> np.ndarray:
    return ratio(_realised(bars, short), _realised(bars, long))


def _volatility_of_volatility(bars: TickerBars, inner: int, days: int) -> np.ndarray:
    """The coefficient of variation of the volatility of `inner` days."""
    volatility = _realised(bars, inner)
    return ratio(deviation(volatility, days, ddof=1), mean(volatility, days))


def _volatility_rank(bars: TickerBars, inner: int, days: int) -> np.ndarray:
    """The rank of the volatility, rounded so that equals tie in spite of their last digits."""
    return rank(_realised(bars, inner).round(9), days)


def _absolute_return(bars: TickerBars) -> np.ndarray:
    return np.abs(bars.log_return)


_Estimator = tuple[str, tuple[int, ...], int, str, tuple[str, ...], Callable[..., np.ndarray]]

# Name, windows of n days, days read before the window, meaning, columns, formula.
_ESTIMATORS: tuple[_Estimator, ...] = (
    ("rv", (5, 10, 20, 30, 60, 120, 250), 1, "deviation of {} daily log returns", CLOSE, _realised),
    ("downside_dev", (20,), 1, "downside deviation of {} daily log returns", CLOSE, _downside),
    ("parkinson", (5, 10, 20, 60), 0, "Parkinson's volatility of {} days", HIGH_LOW, _parkinson),
    ("gk", (20, 60), 0, "Garman and Klass's volatility of {} days", CANDLE, _garman_klass),
    ("rs", (20, 60), 0, "Rogers and Satchell's volatility of {} days", CANDLE, _rogers_satchell),
    ("yz", (20, 60), 1, "Yang and Zhang's volatility of {} days", CANDLE, _yang_zhang),
    ("natr", (7, 14, 28), 1, "average true range of {} days, percent of the close", RANGE, _natr),
    ("bipower", (20,), 1, "bipower volatility of {} days, free of jumps", CLOSE, _bipower),
    ("jump_ratio", (20,), 1, "share of jumps in the variance of {} days", CLOSE, _jump_ratio),
)

FEATURES: tuple[Feature, ...] = (
    Feature(
        "abs_ret_1", "volatility", 1, "absolute 1-day log return", CLOSE, _absolute_return, log=True
    ),
    Feature("range_1", "volatility", 0, "log of high over low", HIGH_LOW, _log_range, log=True),
    *(
        Feature(
            f"{name}_{n}",
            "volatility",
            n - 1 + before,
            meaning.format(n),
            needs,
            partial(compute, days=n),
            log=name != "jump_ratio",
        )
        for name, days, before, meaning, needs, compute in _ESTIMATORS
        for n in days
    ),
    Feature(
        "ewma_vol_94",
        "volatility",
        _RISK_METRICS_DAYS,
        "exponentially weighted volatility, decay 0.94 a day",
        CLOSE,
        partial(_exponential, decay=0.94, days=_RISK_METRICS_DAYS),
        log=True,
    ),
    *(
        Feature(
            f"vol_ratio_{short}_{long}",
            "volatility",
            long,
            f"deviation of {short} daily log returns over that of {long}",
            CLOSE,
            partial(_volatility_ratio, short=short, long=long),
            neutral=1.0,
            log=True,
        )
        for short, long in ((5, 60), (20, 250))
    ),
    Feature(
        "vol_of_vol_20",
        "volatility",
        24,
        "deviation of the 5-day volatility over 20 days, relative to its mean",
        CLOSE,
        partial(_volatility_of_volatility, inner=5, days=20),
        log=True,
    ),
    Feature(
        "rv_pctrank_250",
        "volatility",
        269,
        "rank of the 20-day volatility among its last 250 values, as a fraction",
        CLOSE,
        partial(_volatility_rank, inner=20, days=250),
    ),
)
