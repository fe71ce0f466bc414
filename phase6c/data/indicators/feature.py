"""The feature, and the bars of a ticker that it is computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from phase6c.data.indicators.rolling import log_return

# The columns that features need, as they are declared.
CLOSE = ("close",)
OPEN_CLOSE = ("open", "close")
HIGH_LOW = ("high", "low")
VOLUME = ("volume",)
RANGE = ("high", "low", "close")
CANDLE = ("open", "high", "low", "close")
CLOSE_VOLUME = ("close", "volume")
RANGE_VOLUME = ("high", "low", "close", "volume")


@dataclass(frozen=True)
class TickerBars:
    """One ticker's bars: float64[day] arrays, and the dates as datetime64[D][day].

    A column that the bars do not have is NaN; volume is zero where nothing was traded.
    """

    date: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame) -> TickerBars:
        """Takes the columns of the same names."""
        missing = np.full(len(frame), np.nan)
        values = (
            np.ascontiguousarray(frame[name], dtype=np.float64) if name in frame else missing
            for name in ("open", "high", "low", "close", "volume")
        )
        return cls(frame["date"].to_numpy().astype("datetime64[D]"), *values)

    @cached_property
    def log_return(self) -> np.ndarray:
        """The log of each close over the close before; NaN on the first day."""
        return log_return(self.close)

    @cached_property
    def log_volume(self) -> np.ndarray:
        """The log of the volume; NaN on a day without trade."""
        return np.log(np.where(self.volume > 0, self.volume, np.nan))

    @cached_property
    def typical(self) -> np.ndarray:
        """The mean of high, low and close."""
        price: np.ndarray = (self.high + self.low + self.close) / 3
        return price


@dataclass(frozen=True)
class Feature:
    """One input channel of the model.

    Attributes:
        name: Name, with the windows in days.
        family: Kind of thing that is measured.
        lookback_days: Days of history that are needed before the day itself; earlier rows are
            NaN.
        meaning: Line for the reader of a table.
        needs: Columns of the bars that are read; none for the calendar.
        compute: Function, bars -> float64[day]; row t reads bars up to t only.
        neutral: Value on days where the formula is undefined: a range of zero, no trade.
        log: Whether it is a size with a long tail above, a volatility or a volume, whose log is
            taken where the data ask for logs.
    """

    name: str
    family: str
    lookback_days: int
    meaning: str
    needs: tuple[str, ...]
    compute: Callable[[TickerBars], np.ndarray]
    neutral: float = 0.0
    log: bool = False


def on_columns(
    function: Callable[..., np.ndarray], columns: tuple[str, ...], *arguments: float
) -> Callable[[TickerBars], np.ndarray]:
    """The function of bars that is `function(*columns, *arguments)`."""
    return lambda bars: function(*(getattr(bars, column) for column in columns), *arguments)


def of_columns(
    family: str,
    name: str,
    lookback_days: int,
    meaning: str,
    columns: tuple[str, ...],
    function: Callable[..., np.ndarray],
    *arguments: float,
    neutral: float = 0.0,
) -> Feature:
    """The feature `function(*columns, *arguments)`, which needs just these columns."""
    compute = on_columns(function, columns, *arguments)
    return Feature(name, family, lookback_days, meaning, columns, compute, neutral)
