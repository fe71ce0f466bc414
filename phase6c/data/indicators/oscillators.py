"""Oscillators: how far the close has swung within its recent moves and ranges."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from functools import partial

import numpy as np
import talib

from phase6c.data.indicators.feature import CLOSE, RANGE, Feature, of_columns
from phase6c.data.indicators.rolling import (
    highest,
    lagged,
    lowest,
    mean,
    over_spread,
    ratio,
    total,
    z_score,
)

# TA-Lib's RSI, STOCH, WILLR, ULTOSC and STOCHRSI are zero, an extreme, where nothing moved;
# written out here they are undefined there.


def _relative_strength(close: np.ndarray, days: int) -> np.ndarray:
    """Wilder (1978): the share of rises in the smoothed absolute changes, in percent."""
    change = np.diff(close, prepend=np.nan)
    return 50 * (1 + ratio(talib.RMA(change, days), talib.RMA(np.abs(change), days)))


def _percent_of_range(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return 100 * over_spread(value - low, high - low, high)


def _stochastic(high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int) -> np.ndarray:
    """Lane's %K: the close in percent of the range of the last `days`."""
    return _percent_of_range(close, lowest(low, days), highest(high, days))


def _slow_k(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int, smoothing: int
) -> np.ndarray:
    return mean(_stochastic(high, low, close, days), smoothing)


def _slow_d(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int, smoothing: int
) -> np.ndarray:
    return mean(_slow_k(high, low, close, days, smoothing), smoothing)


def _williams(high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int) -> np.ndarray:
    return _stochastic(high, low, close, days) - 100


def _stochastic_strength(close: np.ndarray, days: int) -> np.ndarray:
    """Chande and Kroll (1994): the strength index in percent of its own range."""
    strength = _relative_strength(close, days)
    return _percent_of_range(strength, lowest(strength, days), highest(strength, days))


def _ultimate(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Williams (1985): the buying pressure's share of the true range in 7, 14 and 28 days."""
    true_range = talib.TRANGE(high, low, close)
    pressure = close - np.minimum(low, lagged(close, 1))
    short, middle, long = (
        over_spread(total(pressure, n), total(true_range, n), close) for n in (7, 14, 28)
    )
    return 100 * (4 * short + 2 * middle + long) / 7


def _convergence(close: np.ndarray) -> np.ndarray:
    return talib.MACD(close, 12, 26, 9)[2] / close


def _band_position(close: np.ndarray, days: int) -> np.ndarray:
    """%b of bands two standard deviations wide: 0 at the lower, 1 at the upper band."""
    return 0.5 + z_score(close, days) / 4


_oscillator = partial(of_columns, "oscillators")

FEATURES: tuple[Feature, ...] = (
    *(
        _oscillator(
            f"rsi_{n}",
            n,
            f"Wilder's relative strength index of {n} days",
            CLOSE,
            _relative_strength,
            n,
            neutral=50.0,
        )
        for n in (2, 7, 14, 28)
    ),
    _oscillator("macd_hist_norm", 33, "MACD 12-26-9 histogram over the close", CLOSE, _convergence),
    _oscillator(
        "bb_pctb_20",
        19,
        "close within Bollinger's bands of 20 days, 0 at the lower, 1 at the upper",
        CLOSE,
        _band_position,
        20,
        neutral=0.5,
    ),
    _oscillator(
        "stoch_d_14_3",
        17,
        "stochastic %D: close within the range of 14 days, smoothed twice over 3",
        RANGE,
        _slow_d,
        14,
        3,
        neutral=50.0,
    ),
    _oscillator(
        "stoch_k_5_3",
        6,
        "stochastic %K: close within the range of 5 days, smoothed over 3",
        RANGE,
        _slow_k,
        5,
        3,
        neutral=50.0,
    ),
    *(
        _oscillator(
            f"willr_{n}",
            n - 1,
            f"Williams' %R: close within the range of {n} days, -100 at its low, 0 at its high",
            RANGE,
            _williams,
            n,
            neutral=-50.0,
        )
        for n in (14, 28)
    ),
    _oscillator(
        "ultosc",
        28,
        "Williams' ultimate oscillator of 7, 14 and 28 days",
        RANGE,
        _ultimate,
        neutral=50.0,
    ),
    _oscillator(
        "trix_15", 43, "percent change of the triple exponential mean", CLOSE, talib.TRIX, 15
    ),
    _oscillator(
        "ppo_12_26",
        25,
        "exponential mean of 12 days above that of 26, in percent",
        CLOSE,
        talib.PPO,
        12,
        26,
    ),
    # The unsmoothed form, as Chande gave it; smoothed as Wilder does it is 2 RSI - 100.
    _oscillator(
        "cmo_14",
        14,
        "Chande's momentum: change in percent of the path of 14 days",
        CLOSE,
        talib.CMOU,
        14,
    ),
    _oscillator(
        "tsi_25_13",
        37,
        "true strength: changes smoothed over 25 and 13 days, percent of their size",
        CLOSE,
        talib.TSI,
        25,
        13,
    ),
    _oscillator(
        "stochrsi_14",
        27,
        "strength index of 14 days in percent of its range of 14 days",
        CLOSE,
        _stochastic_strength,
        14,
        neutral=50.0,
    ),
    *(
        _oscillator(f"cci_{n}", n - 1, f"commodity channel index of {n} days", RANGE, talib.CCI, n)
        for n in (10, 20, 40)
    ),
)
