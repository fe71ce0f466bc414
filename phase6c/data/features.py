"""Every feature, declared once: causal, and free of the scale of prices and volumes."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import talib
from numpy.lib.stride_tricks import sliding_window_view


@dataclass(frozen=True)
class Prices:
    """One ticker's bars as float64[day] arrays; volume is zero where nothing was traded."""

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Prices:
        """Takes the columns of the same names."""
        names = ("open", "high", "low", "close", "volume")
        return cls(*(np.ascontiguousarray(frame[name], dtype=np.float64) for name in names))


@dataclass(frozen=True)
class Feature:
    """One input channel of the model.

    Attributes:
        name: Its name, with its windows in days.
        family: The kind of thing it measures.
        lookback_days: Days of history it needs before the day itself; earlier rows are NaN.
        meaning: One line for the reader of a table.
        compute: The function, prices -> float64[day].
        neutral: Its value on days where the formula is undefined: a range of zero, no trade.
    """

    name: str
    family: str
    lookback_days: int
    meaning: str
    compute: Callable[[Prices], np.ndarray]
    neutral: float = 0.0


def rolling(values: np.ndarray, days: int) -> np.ndarray:
    """A view [day, days] of each day's last `days` values, NaN before the first one."""
    return sliding_window_view(np.concatenate([np.full(days - 1, np.nan), values]), days)


def lagged(values: np.ndarray, days: int) -> np.ndarray:
    """The value of `days` ago, NaN where there is none."""
    return np.concatenate([np.full(days, np.nan), values])[: len(values)]


def _log_return(prices: Prices, days: int) -> np.ndarray:
    return np.log(prices.close / lagged(prices.close, days))


def _realised_volatility(prices: Prices, days: int) -> np.ndarray:
    return rolling(_log_return(prices, 1), days).std(axis=1, ddof=1)


def _log_range(prices: Prices) -> np.ndarray:
    return np.log(prices.high / prices.low)


def _parkinson(prices: Prices, days: int) -> np.ndarray:
    """Parkinson (1980): the root of the mean squared log range over 4 ln 2."""
    mean = (rolling(_log_range(prices), days) ** 2).mean(axis=1)
    return np.sqrt(mean / (4 * np.log(2)))


def _average_true_range(prices: Prices, days: int) -> np.ndarray:
    return talib.NATR(prices.high, prices.low, prices.close, days)


def _drawdown(prices: Prices, days: int) -> np.ndarray:
    return prices.close / rolling(prices.close, days).max(axis=1) - 1


def _range_position(prices: Prices, days: int) -> np.ndarray:
    lowest = rolling(prices.low, days).min(axis=1)
    return (prices.close - lowest) / (rolling(prices.high, days).max(axis=1) - lowest)


def _average_ratio(prices: Prices, days: int) -> np.ndarray:
    return prices.close / rolling(prices.close, days).mean(axis=1) - 1


def _relative_strength(prices: Prices, days: int) -> np.ndarray:
    return talib.RSI(prices.close, days)


def _macd_histogram(prices: Prices) -> np.ndarray:
    return talib.MACD(prices.close, 12, 26, 9)[2] / prices.close


def _bollinger_position(prices: Prices, days: int) -> np.ndarray:
    """%b of bands two standard deviations wide: 0 at the lower, 1 at the upper band."""
    window = rolling(prices.close, days)
    return 0.5 + _z_score(prices.close, window.mean(axis=1), window.std(axis=1)) / 4


def _log_volume_z_score(prices: Prices, days: int) -> np.ndarray:
    """Over the days with trade only, and undefined on a day without."""
    log_volume = np.log(np.where(prices.volume > 0, prices.volume, np.nan))
    window = rolling(log_volume, days)
    traded = np.isfinite(window)
    n_traded = traded.sum(axis=1)
    mean = window.sum(axis=1, where=traded) / n_traded
    variance = ((window - mean[:, None]) ** 2).sum(axis=1, where=traded) / n_traded
    return _z_score(log_volume, mean, np.sqrt(variance))


def _money_flow(prices: Prices, days: int) -> np.ndarray:
    """Money flow index: the share of flow on days whose typical price rose, in percent.

    Not TA-Lib's, which takes a flow below one unit of money for none.
    """
    typical = (prices.high + prices.low + prices.close) / 3
    flow = typical * prices.volume
    change = typical - lagged(typical, 1)
    rising = rolling(np.where(change > 0, flow, 0.0), days).sum(axis=1)
    falling = rolling(np.where(change < 0, flow, 0.0), days).sum(axis=1)
    return 100 * rising / (rising + falling)


def _z_score(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Undefined where the deviation is a rounding error of equal values."""
    return (values - mean) / np.where(deviation > 1e-9 * np.abs(mean), deviation, np.nan)


RETURNS = tuple(
    Feature(f"ret_{n}", "returns", n, f"log return over {n} days", partial(_log_return, days=n))
    for n in (1, 2, 5, 10, 20, 60)
)

VOLATILITY = (
    *(
        Feature(
            f"rv_{n}",
            "volatility",
            n,
            f"standard deviation of {n} daily log returns",
            partial(_realised_volatility, days=n),
        )
        for n in (5, 20, 60)
    ),
    Feature(
        "parkinson_10",
        "volatility",
        9,
        "Parkinson's volatility from 10 daily ranges",
        partial(_parkinson, days=10),
    ),
    Feature(
        "natr_14",
        "volatility",
        14,
        "average true range of 14 days, percent of the close",
        partial(_average_true_range, days=14),
    ),
    Feature("range_1", "volatility", 0, "log of the day's high over its low", _log_range),
)

POSITION = (
    Feature(
        "dd_252",
        "position",
        251,
        "close below its highest of 252 days, as a fraction",
        partial(_drawdown, days=252),
    ),
    Feature(
        "rsv_20",
        "position",
        19,
        "close within the range of 20 days, 0 at its low, 1 at its high",
        partial(_range_position, days=20),
        neutral=0.5,
    ),
    Feature(
        "sma_ratio_50",
        "position",
        49,
        "close over its mean of 50 days, minus 1",
        partial(_average_ratio, days=50),
    ),
)

OSCILLATORS = (
    Feature(
        "rsi_14",
        "oscillators",
        14,
        "Wilder's relative strength index of 14 days",
        partial(_relative_strength, days=14),
        neutral=50.0,
    ),
    Feature(
        "macd_hist_norm",
        "oscillators",
        33,
        "MACD 12-26-9 histogram over the close",
        _macd_histogram,
    ),
    Feature(
        "bb_pctb_20",
        "oscillators",
        19,
        "close within Bollinger's bands of 20 days, 0 at the lower, 1 at the upper",
        partial(_bollinger_position, days=20),
        neutral=0.5,
    ),
)

VOLUME = (
    Feature(
        "logvol_z_20",
        "volume",
        19,
        "z-score of log volume within 20 days",
        partial(_log_volume_z_score, days=20),
    ),
    Feature(
        "mfi_14",
        "volume",
        14,
        "money flow index of 14 days",
        partial(_money_flow, days=14),
        neutral=50.0,
    ),
)
