"""Volume: how much is traded beside the usual, and in which direction prices move with it.

Sums that run on from the first bar (on-balance volume, price-volume trend, negative volume
index) come in as changes or slopes within a window, so that their start does not matter.
"""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import talib

from phase6c.data.indicators.feature import (
    CLOSE_VOLUME,
    RANGE_VOLUME,
    VOLUME,
    Feature,
    TickerBars,
    of_columns,
)
from phase6c.data.indicators.rolling import (
    ROUNDING,
    correlation,
    deviation,
    lagged,
    mean,
    net_over_path,
    over_spread,
    rank,
    ratio,
    total,
    weighted_mean,
    windows,
    z_score_where,
)


def _log_volume(bars: TickerBars, days: int) -> np.ndarray:
    return z_score_where(bars.log_volume, days, bars.volume > 0)


def _log_dollar_volume(bars: TickerBars, days: int) -> np.ndarray:
    return z_score_where(np.log(bars.close) + bars.log_volume, days, bars.volume > 0)


def _illiquidity(bars: TickerBars, days: int, inner: int) -> np.ndarray:
    """Amihud (2002): the mean of absolute return over money traded, here against its own past."""
    traded = bars.volume > 0
    impact = np.where(traded, ratio(np.abs(bars.log_return), bars.close * bars.volume), 0.0)
    summed = total(impact, inner)
    return z_score_where(
        np.log(summed / total(traded.astype(np.float64), inner)), days, where=summed != 0
    )


def _short_over_long(bars: TickerBars, days: int, short: int) -> np.ndarray:
    return ratio(mean(bars.volume, short), mean(bars.volume, days))


def _change(bars: TickerBars) -> np.ndarray:
    return bars.close / lagged(bars.close, 1) - 1


def _direction(bars: TickerBars) -> np.ndarray:
    return np.sign(np.diff(bars.close, prepend=np.nan))


def _weighted_volatility(bars: TickerBars, days: int) -> np.ndarray:
    """Qlib's WVMA: the variation coefficient of absolute return times volume."""
    move = np.abs(_change(bars)) * bars.volume
    return ratio(deviation(move, days, ddof=1), mean(move, days))


def _return_correlation(bars: TickerBars, days: int) -> np.ndarray:
    return correlation(bars.log_return, bars.log_volume, days, where=bars.volume > 0)


def _money_flow(bars: TickerBars, days: int) -> np.ndarray:
    """Money flow index: the share of flow on days whose typical price rose, in percent.

    TA-Lib's MFI is not used: it takes a flow below a unit of money for none, so that it depends on
    the currency and on the scale of the volumes.
    """
    change = np.diff(bars.typical, prepend=np.nan)
    change = np.where(np.abs(change) <= ROUNDING * bars.typical, 0.0, change)
    flow = np.sign(change) * bars.typical * bars.volume
    return 50 * (1 + ratio(total(flow, days), total(np.abs(flow), days)))


def _slope_of_sum(changes: np.ndarray, days: int) -> np.ndarray:
    """The least-squares slope over `days` days of the running sum of daily changes.

    Each change moves all later points, which makes the slope a weighted mean of the changes:
    wherever the sum began, and without its rounding errors.
    """
    before = np.arange(1, days)
    weights = before * (days - before)
    return windows(changes, days - 1) @ (weights / weights.sum())


def _balance_slope(bars: TickerBars, days: int) -> np.ndarray:
    return ratio(_slope_of_sum(_direction(bars) * bars.volume, days), mean(bars.volume, days))


def _price_volume_slope(bars: TickerBars, days: int) -> np.ndarray:
    return ratio(_slope_of_sum(_change(bars) * bars.volume, days), mean(bars.volume, days))


def _quiet_return(bars: TickerBars, days: int) -> np.ndarray:
    """The log change of the negative volume index, which moves on days of falling volume."""
    return total(bars.log_return * (np.diff(bars.volume, prepend=np.nan) < 0), days)


def _rising_share(bars: TickerBars, days: int) -> np.ndarray:
    return weighted_mean(np.maximum(_direction(bars), 0.0), bars.volume, days)


def _average_price_distance(bars: TickerBars, days: int) -> np.ndarray:
    return bars.close / weighted_mean(bars.typical, bars.volume, days) - 1


def _chaikin_flow(bars: TickerBars, days: int) -> np.ndarray:
    """Chaikin's money flow.

    TA-Lib's CMF is not used: its running sums leave a rounding error where nothing was traded.
    """
    from_middle = 2 * bars.close - bars.high - bars.low
    place = over_spread(from_middle, bars.high - bars.low, bars.close)
    return weighted_mean(np.nan_to_num(place), bars.volume, days)


def _accumulation(bars: TickerBars, days: int) -> np.ndarray:
    oscillator = talib.ADOSC(bars.high, bars.low, bars.close, bars.volume, 3, 10)
    return ratio(oscillator, mean(bars.volume, days))


def _force(bars: TickerBars, days: int) -> np.ndarray:
    return ratio(talib.EFI(bars.close, bars.volume, days), mean(bars.close * bars.volume, days))


def _feature(
    name: str,
    days: int,
    meaning: str,
    needs: tuple[str, ...],
    compute: Callable[..., np.ndarray],
    neutral: float = 0.0,
    before: int = 0,
    log: bool = False,
    **others: int,
) -> Feature:
    """A feature of a window of `days` which also reads the `before` days before it."""
    function = partial(compute, days=days, **others)
    return Feature(name, "volume", days - 1 + before, meaning, needs, function, neutral, log)


_of_columns = partial(of_columns, "volume")

FEATURES: tuple[Feature, ...] = (
    *(
        _feature(
            f"logvol_z_{n}",
            n,
            f"z-score of log volume among the days with trade in {n}",
            VOLUME,
            _log_volume,
        )
        for n in (20, 60)
    ),
    *(
        _feature(
            f"mfi_{n}",
            n,
            f"money flow index of {n} days",
            RANGE_VOLUME,
            _money_flow,
            50.0,
            before=1,
        )
        for n in (14, 28)
    ),
    _feature(
        "dollar_vol_z_20",
        20,
        "z-score of log close times volume among the days with trade in 20",
        CLOSE_VOLUME,
        _log_dollar_volume,
    ),
    _feature(
        "amihud_20",
        250,
        "z-score in 250 days of Amihud's log illiquidity of 20 days",
        CLOSE_VOLUME,
        _illiquidity,
        inner=20,
        before=20,
    ),
    _feature(
        "volume_ratio_5_20",
        20,
        "mean volume of 5 days over that of 20",
        VOLUME,
        _short_over_long,
        1.0,
        log=True,
        short=5,
    ),
    _of_columns(
        "volume_pctrank_250", 249, "rank of the volume among its last 250", VOLUME, rank, 250
    ),
    _of_columns(
        "pvo_12_26",
        25,
        "exponential mean volume of 12 days above that of 26, in percent",
        VOLUME,
        talib.PVO,
        12,
        26,
    ),
    # Qlib's VSUMD: rises less falls are the change from the first volume to the last.
    _of_columns(
        "vsumd_20", 20, "change of volume over its path in 20 days", VOLUME, net_over_path, 20
    ),
    _feature(
        "wvma_20",
        20,
        "variation of absolute return times volume within 20 days",
        CLOSE_VOLUME,
        _weighted_volatility,
        before=1,
        log=True,
    ),
    _feature(
        "corr_ret_volume_20",
        20,
        "correlation of log return and log volume over the days with trade in 20",
        CLOSE_VOLUME,
        _return_correlation,
        before=1,
    ),
    _feature(
        "cmf_20",
        20,
        "Chaikin's money flow: volume weighted by the close's place in the range, 20 days",
        RANGE_VOLUME,
        _chaikin_flow,
    ),
    _feature(
        "adosc_norm",
        20,
        "Chaikin's accumulation oscillator 3-10 over the mean volume of 20 days",
        RANGE_VOLUME,
        _accumulation,
    ),
    _feature(
        "obv_slope_20",
        20,
        "slope of on-balance volume within 20 days over their mean volume",
        CLOSE_VOLUME,
        _balance_slope,
    ),
    _feature(
        "pvt_slope_20",
        20,
        "slope of the price-volume trend within 20 days over their mean volume",
        CLOSE_VOLUME,
        _price_volume_slope,
    ),
    _feature(
        "nvi_slope_60",
        60,
        "log change of the negative volume index over 60 days",
        CLOSE_VOLUME,
        _quiet_return,
        before=1,
    ),
    _feature(
        "up_volume_share_20",
        20,
        "share of the volume of 20 days on days of rising closes",
        CLOSE_VOLUME,
        _rising_share,
        0.5,
        before=1,
    ),
    _feature(
        "vwap_dist_20",
        20,
        "close over the volume-weighted typical price of 20 days, minus 1",
        RANGE_VOLUME,
        _average_price_distance,
    ),
    _feature(
        "efi_norm_13",
        13,
        "Elder's force index of 13 days over the mean money traded in them",
        CLOSE_VOLUME,
        _force,
        before=1,
    ),
)
