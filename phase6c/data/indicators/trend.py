"""Trend: the close over lines that follow it, and how strong and how straight a trend is."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import talib

from phase6c.data.indicators.feature import (
    CLOSE,
    CLOSE_VOLUME,
    HIGH_LOW,
    OPEN_CLOSE,
    RANGE,
    Feature,
    TickerBars,
    of_columns,
    on_columns,
)
from phase6c.data.indicators.rolling import (
    ROUNDING,
    highest,
    lowest,
    net_over_path,
    over_spread,
    ratio,
    total,
    weighted_mean,
)


def _supertrend(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    return talib.SUPERTREND(high, low, close, 10, 3)[0]


def _leading_span(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Ichimoku's leading span A, not shifted ahead: the mean of tenkan and kijun."""
    # The chart shifts this line 26 days ahead; shifted, a day's value would be drawn from the past
    # alone, but its distance to the close would compare different days.
    return (talib.MIDPRICE(high, low, 9) + talib.MIDPRICE(high, low, 26)) / 2


def _movements(high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int) -> list[np.ndarray]:
    """Wilder's smoothed directional movements (1978), upward and downward.

    A day moves in the direction of its larger step outside the range of the day before. TA-Lib
    compares the steps exactly, so that equal steps are told apart by their rounding errors.
    """
    rise, fall = np.diff(high, prepend=np.nan), -np.diff(low, prepend=np.nan)
    margin = ROUNDING * close
    upward = np.maximum(rise, 0.0) * (rise > fall + margin)
    downward = np.maximum(fall, 0.0) * (fall > rise + margin)
    return [talib.RMA(upward, days), talib.RMA(downward, days)]


def _direction(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int, side: int
) -> np.ndarray:
    """The movement of a side, 0 for upward or 1 for downward, in percent of the true range."""
    true_range = talib.RMA(talib.TRANGE(high, low, close), days)
    return 100 * ratio(_movements(high, low, close, days)[side], true_range)


def _direction_strength(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int
) -> np.ndarray:
    """The average directional index; days without any movement count as without direction."""
    upward, downward = _movements(high, low, close, days)
    moved = upward + downward
    strength = np.where(moved == 0, 0.0, ratio(np.abs(upward - downward), moved))
    return 100 * talib.RMA(strength, days)


def _slope(close: np.ndarray, days: int) -> np.ndarray:
    return talib.LINEARREG_SLOPE(close, days) / close


def _vortex_difference(
    high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int
) -> np.ndarray:
    rising, falling = talib.VORTEX(high, low, close, days)
    return rising - falling


def _detrended(close: np.ndarray, days: int) -> np.ndarray:
    """The older close over today's mean; the textbook's centred version looks ahead."""
    return talib.DPO(close, days) / close


def _mean_body(open_: np.ndarray, close: np.ndarray, days: int) -> np.ndarray:
    return talib.QSTICK(open_, close, days) / close


def _choppiness(high: np.ndarray, low: np.ndarray, close: np.ndarray, days: int) -> np.ndarray:
    """Dreiss: the log of the path over the range, in percent of that of the number of days."""
    path = total(talib.TRANGE(high, low, close), days)
    span = highest(high, days) - lowest(low, days)
    return 100 * np.log10(over_spread(path, span, close)) / np.log10(days)


def _efficiency(close: np.ndarray, days: int) -> np.ndarray:
    """Kaufman (1995): change over path. TA-Lib's ER takes a flat stretch for a perfect trend."""
    return np.abs(net_over_path(close, days))


def _distance(
    name: str,
    lookback_days: int,
    line_name: str,
    line: Callable[[TickerBars], np.ndarray],
    needs: tuple[str, ...] = CLOSE,
) -> Feature:
    """How far the close is above a line drawn through the bars."""
    return Feature(
        name,
        "trend",
        lookback_days,
        f"close over {line_name}, minus 1",
        needs,
        lambda bars: bars.close / line(bars) - 1,
    )


def _of_close(function: Callable[..., np.ndarray], days: int) -> Callable[[TickerBars], np.ndarray]:
    return on_columns(function, CLOSE, days)


def _middle_of_range(days: int) -> Callable[[TickerBars], np.ndarray]:
    return on_columns(talib.MIDPRICE, HIGH_LOW, days)


_indicator = partial(of_columns, "trend")

FEATURES: tuple[Feature, ...] = (
    *(
        _distance(f"sma_ratio_{n}", n - 1, f"its mean of {n} days", _of_close(talib.SMA, n))
        for n in (10, 20, 50, 200)
    ),
    _distance("ema_ratio_12", 11, "its exponential mean of 12 days", _of_close(talib.EMA, 12)),
    _distance("kama_ratio_10", 10, "Kaufman's adaptive mean, 10 days", _of_close(talib.KAMA, 10)),
    _distance("hma_ratio_20", 22, "Hull's moving average of 20 days", _of_close(talib.HMA, 20)),
    _distance("t3_ratio_5", 24, "Tillson's T3 average of 5 days", _of_close(talib.T3, 5)),
    _distance("tema_ratio_20", 57, "triple exponential mean, 20 days", _of_close(talib.TEMA, 20)),
    _distance(
        "vwma_ratio_20",
        19,
        "the volume-weighted mean close of 20 days",
        # Not TA-Lib's, whose running sums leave a rounding error where nothing was traded.
        on_columns(weighted_mean, CLOSE_VOLUME, 20),
        CLOSE_VOLUME,
    ),
    _distance(
        "supertrend_dist_10_3",
        10,
        "the supertrend line, 3 average ranges of 10 days wide",
        on_columns(_supertrend, RANGE),
        RANGE,
    ),
    _distance(
        "psar_dist",
        1,
        "Wilder's parabolic stop-and-reverse line",
        on_columns(talib.SAR, HIGH_LOW, 0.02, 0.2),
        RANGE,
    ),
    _distance("tenkan_dist_9", 8, "the middle of the range of 9 days", _middle_of_range(9), RANGE),
    _distance(
        "kijun_dist_26", 25, "the middle of the range of 26 days", _middle_of_range(26), RANGE
    ),
    _distance(
        "senkou_a_dist",
        25,
        "Ichimoku's leading span A, unshifted",
        on_columns(_leading_span, HIGH_LOW),
        RANGE,
    ),
    *(
        _indicator(
            f"adx_{n}",
            2 * n - 1,
            f"average directional index of {n} days",
            RANGE,
            _direction_strength,
            n,
        )
        for n in (14, 28)
    ),
    _indicator("plus_di_14", 14, "upward directional indicator, 14 days", RANGE, _direction, 14, 0),
    _indicator(
        "minus_di_14", 14, "downward directional indicator, 14 days", RANGE, _direction, 14, 1
    ),
    *(
        _indicator(
            f"aroonosc_{n}",
            n,
            f"Aroon oscillator: percent of {n} days by which the low is older than the high",
            HIGH_LOW,
            talib.AROONOSC,
            n,
        )
        for n in (14, 25)
    ),
    _indicator(
        "linreg_slope_14", 13, "slope of the closes of 14 days over the close", CLOSE, _slope, 14
    ),
    _indicator(
        "vortex_diff_14",
        14,
        "vortex indicator of 14 days, rising less falling",
        RANGE,
        _vortex_difference,
        14,
    ),
    _indicator(
        "dpo_norm_20",
        19,
        "close of 11 days ago less the mean of 20 days, over the close",
        CLOSE,
        _detrended,
        20,
    ),
    _indicator(
        "qstick_norm_14",
        13,
        "mean of close less open over 14 days, over the close",
        OPEN_CLOSE,
        _mean_body,
        14,
    ),
    _indicator(
        "massi_25",
        40,
        "mass index: a widening range lifts it above 25",
        HIGH_LOW,
        talib.MASSI,
        9,
        25,
    ),
    _indicator(
        "choppiness_14",
        14,
        "choppiness of 14 days: 0 in a straight trend, 100 going sideways",
        RANGE,
        _choppiness,
        14,
        neutral=50.0,
    ),
    _indicator(
        "er_10",
        10,
        "Kaufman's efficiency ratio of 10 days: change over path",
        CLOSE,
        _efficiency,
        10,
    ),
    _indicator(
        "vhf_28", 28, "vertical horizontal filter of 28 days: range over path", CLOSE, talib.VHF, 28
    ),
)
