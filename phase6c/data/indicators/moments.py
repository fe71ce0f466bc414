"""The shape of the distribution of recent returns."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from phase6c.data.indicators.feature import CLOSE, Feature, TickerBars
from phase6c.data.indicators.rolling import (
    deviation,
    highest,
    lowest,
    mean,
    ratio,
    standard_scores,
    total,
)


def _skewness(bars: TickerBars, days: int) -> np.ndarray:
    """The mean cube of the standard scores."""
    scores = standard_scores(bars.log_return, days)
    return (scores * scores * scores).mean(axis=1)


def _kurtosis(bars: TickerBars, days: int) -> np.ndarray:
    """The mean fourth power of the standard scores, less the normal distribution's 3."""
    squares = standard_scores(bars.log_return, days) ** 2
    return (squares * squares).mean(axis=1) - 3


def _downside_share(bars: TickerBars, days: int) -> np.ndarray:
    squares = bars.log_return**2
    falling = np.minimum(bars.log_return, 0.0) ** 2
    return ratio(total(falling, days), total(squares, days))


def _highest_return(bars: TickerBars, days: int) -> np.ndarray:
    return highest(bars.log_return, days)


def _lowest_return(bars: TickerBars, days: int) -> np.ndarray:
    return lowest(bars.log_return, days)


def _band_width(bars: TickerBars, days: int) -> np.ndarray:
    """The distance of bands two standard deviations either side of the mean, over the mean."""
    return 4 * deviation(bars.close, days) / mean(bars.close, days)


# Name, windows of n days, meaning, formula, neutral value.
_MOMENTS: tuple[tuple[str, tuple[int, ...], str, Callable[..., np.ndarray], float], ...] = (
    ("skew", (20, 60), "skewness of {} daily log returns", _skewness, 0.0),
    ("kurt", (20, 60), "excess kurtosis of {} daily log returns", _kurtosis, 0.0),
    ("semivar_ratio", (20,), "share of falls in {} squared log returns", _downside_share, 0.5),
    ("max_ret", (20,), "highest of {} daily log returns", _highest_return, 0.0),
    ("min_ret", (20,), "lowest of {} daily log returns", _lowest_return, 0.0),
)

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"{name}_{n}",
            "moments",
            n,
            meaning.format(n),
            CLOSE,
            partial(compute, days=n),
            neutral,
        )
        for name, days, meaning, compute, neutral in _MOMENTS
        for n in days
    ),
    Feature(
        "bb_width_20",
        "moments",
        19,
        "width of Bollinger's bands of 20 days over their middle",
        CLOSE,
        partial(_band_width, days=20),
        log=True,
    ),
)
