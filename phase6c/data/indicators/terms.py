"""The rolling terms of Qlib's Alpha158 (Yang et al. 2020, `qlib/contrib/data/loader.py`).

They differ from Qlib's where those would depend on the scale of volumes or grow without bound:
`corr` leaves out the days without trade instead of adding 1 to the volume, `vma` is the day's
volume over its mean instead of the reverse. `imax` and `imin` count the days back to the
extreme, where Qlib counts from the window's first day; of equal extremes the latest counts.
"""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pandas as pd

from phase6c.data.indicators.feature import (
    CLOSE,
    CLOSE_VOLUME,
    HIGH_LOW,
    VOLUME,
    Feature,
    TickerBars,
)
from phase6c.data.indicators.rolling import (
    correlation,
    deviation,
    highest,
    lowest,
    mean,
    net_over_path,
    over_spread,
    rank,
    ratio,
    since_highest,
    slope,
)


def _beta(bars: TickerBars, days: int) -> np.ndarray:
    return slope(bars.close, days) / bars.close


def _r_squared(bars: TickerBars, days: int) -> np.ndarray:
    """The variance of the fitted line over that of the closes."""
    variance_of_time = (days**2 - 1) / 12
    of_line = over_spread(slope(bars.close, days), deviation(bars.close, days), bars.close)
    return variance_of_time * of_line**2


def _residual(bars: TickerBars, days: int) -> np.ndarray:
    fitted = mean(bars.close, days) + slope(bars.close, days) * (days - 1) / 2
    return 1 - fitted / bars.close


def _rank(bars: TickerBars, days: int) -> np.ndarray:
    return rank(bars.close, days)


def _up_days(bars: TickerBars, days: int) -> np.ndarray:
    return mean(np.sign(np.diff(bars.close, prepend=np.nan)), days)


def _net_change(bars: TickerBars, days: int) -> np.ndarray:
    """Rises less falls are the change from the first close to the last."""
    return net_over_path(bars.close, days)


def _quantile(bars: TickerBars, days: int, share: float) -> np.ndarray:
    return pd.Series(bars.close).rolling(days).quantile(share).to_numpy() / bars.close


def _highest(bars: TickerBars, days: int) -> np.ndarray:
    return highest(bars.high, days) / bars.close


def _lowest(bars: TickerBars, days: int) -> np.ndarray:
    return lowest(bars.low, days) / bars.close


def _since_high(bars: TickerBars, days: int) -> np.ndarray:
    return since_highest(bars.high, days) / days


def _since_low(bars: TickerBars, days: int) -> np.ndarray:
    return since_highest(-bars.low, days) / days


def _from_high_to_low(bars: TickerBars, days: int) -> np.ndarray:
    return _since_high(bars, days) - _since_low(bars, days)


def _close_and_volume(bars: TickerBars, days: int) -> np.ndarray:
    return correlation(bars.close, bars.log_volume, days, where=bars.volume > 0)


def _volume(bars: TickerBars, days: int) -> np.ndarray:
    """Zero on a day without trade, where the mean over the volume would be infinite."""
    return ratio(bars.volume, mean(bars.volume, days))


def _each(
    name: str,
    meaning: str,
    compute: Callable[..., np.ndarray],
    needs: tuple[str, ...] = CLOSE,
    *,
    windows: Iterable[int] = (5, 10, 20, 60),
    changes: bool = False,
    neutral: float = 0.0,
    log: bool = False,
) -> Iterable[Feature]:
    """A feature for each window of days; changes need a close more than levels."""
    for days in windows:
        lookback = days if changes else days - 1
        yield Feature(
            f"{name}_{days}",
            "terms",
            lookback,
            meaning.format(days),
            needs,
            partial(compute, days=days),
            neutral,
            log,
        )


FEATURES = (
    *_each("beta", "slope of {} closes on time, over the close", _beta),
    *_each("rsqr", "R squared of {} closes on time", _r_squared),
    *_each("resi", "last residual of {} closes on time, over the close", _residual),
    *_each("rank", "percentile rank of the close among the last {}, 0 to 1", _rank),
    *_each("cntd", "share of up days less share of down days in {} days", _up_days, changes=True),
    *_each("sumd", "sum of {} changes over the sum of their sizes", _net_change, changes=True),
    *_each("qtlu", "80 % quantile of {} closes over the close", partial(_quantile, share=0.8)),
    *_each("qtld", "20 % quantile of {} closes over the close", partial(_quantile, share=0.2)),
    *_each("max", "highest high of {} days over the close", _highest, ("high", "close")),
    *_each("min", "lowest low of {} days over the close", _lowest, ("low", "close")),
    *_each("imax", "days since the highest high of {0} days, over {0}", _since_high, ("high",)),
    *_each("imin", "days since the lowest low of {0} days, over {0}", _since_low, ("low",)),
    *_each(
        "imxd",
        "days from the highest high to the lowest low of {0} days, over {0}",
        _from_high_to_low,
        HIGH_LOW,
        windows=(20, 60),
    ),
    *_each(
        "corr",
        "correlation of close and log volume over the days with trade in {}",
        _close_and_volume,
        CLOSE_VOLUME,
    ),
    *_each("vma", "volume over its mean of {} days", _volume, VOLUME, neutral=1.0, log=True),
)
