"""The shape of a day's bar: its gap, its body, its shadows and its range."""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

import numpy as np
import talib

from phase6c.data.indicators.feature import CANDLE, OPEN_CLOSE, RANGE, Feature, TickerBars
from phase6c.data.indicators.rolling import lagged, over_spread

FAMILY = "candles"


def _gap(bars: TickerBars) -> np.ndarray:
    return np.log(bars.open / lagged(bars.close, 1))


def _body(bars: TickerBars) -> np.ndarray:
    return np.log(bars.close / bars.open)


def _of_range(part: np.ndarray, bars: TickerBars) -> np.ndarray:
    """A part of the day's range as a fraction of it, as in KUP2, KLOW2 and KSFT2 of Alpha158."""
    return over_spread(part, bars.high - bars.low, bars.close)


def _upper_shadow(bars: TickerBars) -> np.ndarray:
    return _of_range(bars.high - np.maximum(bars.open, bars.close), bars)


def _lower_shadow(bars: TickerBars) -> np.ndarray:
    return _of_range(np.minimum(bars.open, bars.close) - bars.low, bars)


def _shift(bars: TickerBars) -> np.ndarray:
    return _of_range(2 * bars.close - bars.high - bars.low, bars)


def _true_range(bars: TickerBars) -> np.ndarray:
    return talib.TRANGE(bars.high, bars.low, bars.close) / bars.close


FEATURES = (
    Feature("gap_1", FAMILY, 1, "log of the open over the close before", OPEN_CLOSE, _gap),
    Feature("co_ret", FAMILY, 0, "log of the close over the open", OPEN_CLOSE, _body),
    Feature("kup2", FAMILY, 0, "upper shadow over the day's range", CANDLE, _upper_shadow),
    Feature("klow2", FAMILY, 0, "lower shadow over the day's range", CANDLE, _lower_shadow),
    Feature("ksft2", FAMILY, 0, "close within the day's range, -1 to 1", RANGE, _shift),
    Feature("trange_norm", FAMILY, 1, "true range over the close", RANGE, _true_range, log=True),
)
