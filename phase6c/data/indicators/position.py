"""Where the close stands within the range of the last days."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from functools import partial

import numpy as np

from phase6c.data.indicators.feature import CLOSE, RANGE, Feature, TickerBars
from phase6c.data.indicators.rolling import highest, lowest, over_spread, since_highest


def _drawdown(bars: TickerBars, days: int) -> np.ndarray:
    return bars.close / highest(bars.close, days) - 1


def _range_position(bars: TickerBars, days: int) -> np.ndarray:
    bottom = lowest(bars.low, days)
    return over_spread(bars.close - bottom, highest(bars.high, days) - bottom, bars.close)


def _days_since_high(bars: TickerBars, days: int) -> np.ndarray:
    """Days since the highest close, as drawdown reads closes; the terms `imax` read highs."""
    return since_highest(bars.close, days) / days


FEATURES = (
    *(
        Feature(
            f"dd_{n}",
            "position",
            n - 1,
            f"close below its highest of {n} days, as a fraction",
            CLOSE,
            partial(_drawdown, days=n),
        )
        for n in (60, 252)
    ),
    *(
        Feature(
            name,
            "position",
            n - 1,
            f"close within the range of {n} days, 0 at its low, 1 at its high",
            RANGE,
            partial(_range_position, days=n),
            neutral=0.5,
        )
        for name, n in (("rsv_20", 20), ("donchian_pos_55", 55))
    ),
    Feature(
        "days_since_high_60",
        "position",
        59,
        "days since the highest close of 60 days, over 60",
        CLOSE,
        partial(_days_since_high, days=60),
    ),
)
