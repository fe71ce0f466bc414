"""Labels: does the price rise (or, mirrored, fall) far enough within the horizon?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy.lib.stride_tricks import sliding_window_view

from phase6c.config import DataConfig, Label
from phase6c.data.bars import segments
from phase6c.data.indicators.rolling import log_return, return_deviation

# The days whose log returns make up the volatility of the label `vol`.
VOLATILITY_DAYS = 20

# A price that touches its target may miss it by the rounding of their product.
ROUNDING = 1e-9

# Log range and log absolute return of the coming days, the targets of an auxiliary head.
N_TARGETS = 2
# A smaller range or return is a matter of ticks, whose logs would outweigh all others.
_SMALLEST_MOVE = 1e-3

# What each label reads of the bars.
LABEL_COLUMNS: dict[Label, tuple[str, ...]] = {
    "high": ("high", "low", "close"),
    "close": ("close",),
    "vol": ("close",),
}


def label_up(frame: pd.DataFrame, config: DataConfig) -> Float64[np.ndarray, " day"]:
    """1 where the price rises far enough within days t+1..t+h, else 0.

    `high`: the highest high of those days reaches close[t] x (1 + threshold).
    `close`: close[t+h] reaches it.
    `vol`: close[t+h] / close[t] - 1 reaches the vol-multiple of the volatility, which is the
    standard deviation of the 20 daily log returns up to t, times the root of h.

    Nothing in a label is fitted: `vol` is scaled by each day's own past.

    Args:
        frame: Bars of a ticker, a row for each day.
        config: Horizon in days, label, and threshold or vol-multiple.

    Returns:
        A label for each day; NaN on the last h days, whose horizon is not full, and for `vol`
        where there is no volatility: on the first 20 days, and after 20 days at the same price.
    """
    return _by_segment(frame, config, _label_up)


def label_down(frame: pd.DataFrame, config: DataConfig) -> Float64[np.ndarray, " day"]:
    """1 where the price falls as far within days t+1..t+h: `label_up` mirrored.

    `high`: the lowest low of those days reaches close[t] x (1 - threshold). `close` and `vol`:
    close[t+h] falls as far as it would have to rise.
    """
    return _by_segment(frame, config, _label_down)


def label_outcome(frame: pd.DataFrame, config: DataConfig) -> Float64[np.ndarray, " day"]:
    """The rise that `label_up` is cut from, as a fraction of close[t].

    `high`: that to the highest high of days t+1..t+h. `close` and `vol`: that to close[t+h], for
    `vol` not in volatilities but as a return too.

    Returns:
        A rise for each day; NaN on the last h days, whose horizon is not full.
    """
    return _by_segment(frame, config, _outcome)


def trailing_volatility(frame: pd.DataFrame, config: DataConfig) -> Float64[np.ndarray, " day"]:
    """The standard deviation of the 20 daily log returns up to each day; NaN before."""
    return _by_segment(frame, config, lambda part, _: _daily_volatility(part))


def coming_moves(frame: pd.DataFrame, config: DataConfig) -> Float64[np.ndarray, "day target"]:
    """Log range and log absolute return of days t+1..t+h, whatever the label.

    The range is the log of the highest high over the lowest low of those days, the return that
    from close[t] to close[t+h]; each at least .001 before its own log is taken.

    Returns:
        Two targets for each day; NaN on the last h days, and all ranges without highs and lows.
    """
    return _by_segment(frame, config, _coming_moves)


def _by_segment(
    frame: pd.DataFrame, config: DataConfig, label: Callable[[pd.DataFrame, DataConfig], np.ndarray]
) -> np.ndarray:
    """The labels of each segment on its own: a day before a long gap has no full horizon."""
    return np.concatenate([label(frame.iloc[part], config) for part in segments(frame)])


def _label_up(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    rise = _rise(frame, config)
    highest = _decisive_prices(frame, "high", config).max(axis=1)
    return _labels(highest >= _targets(frame, rise, len(highest)) * (1 - ROUNDING), rise)


def _label_down(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    rise = _rise(frame, config)
    lowest = _decisive_prices(frame, "low", config).min(axis=1)
    return _labels(lowest <= _targets(frame, -rise, len(lowest)) * (1 + ROUNDING), rise)


def _outcome(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    reached = _decisive_prices(frame, "high", config).max(axis=1)
    outcome = np.full(len(frame), np.nan)
    outcome[: len(reached)] = reached / frame["close"].to_numpy()[: len(reached)] - 1
    return outcome


def _daily_volatility(frame: pd.DataFrame) -> np.ndarray:
    return return_deviation(log_return(frame["close"].to_numpy()), VOLATILITY_DAYS)


def _coming_moves(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    days, moves = config.horizon_days, np.full((len(frame), N_TARGETS), np.nan)
    if len(frame) <= days:
        return moves
    log_close = np.log(frame["close"].to_numpy())
    moves[:-days, 1] = np.abs(log_close[days:] - log_close[:-days])
    if "high" in frame and "low" in frame:
        highs, lows = (
            sliding_window_view(np.log(frame[name].to_numpy()[1:]), days)
            for name in ("high", "low")
        )
        moves[:-days, 0] = highs.max(axis=1) - lows.min(axis=1)
    logs: np.ndarray = np.log(np.maximum(moves, _SMALLEST_MOVE))
    return logs


def _decisive_prices(frame: pd.DataFrame, extreme: str, config: DataConfig) -> np.ndarray:
    """The prices that decide day t's label, [day with a full horizon, decisive day]."""
    days = config.horizon_days
    if len(frame) <= days:
        return np.empty((0, 1))
    price = frame[extreme if config.label == "high" else "close"].to_numpy()
    # Day t itself is left out: at its close, when the prediction is made, its high is past.
    following = sliding_window_view(price[1:], days)
    return following if config.label == "high" else following[:, -1:]


def _targets(frame: pd.DataFrame, rise: np.ndarray, n_days: int) -> np.ndarray:
    """The price to reach from each of the first days."""
    targets: np.ndarray = (frame["close"].to_numpy() * (1 + rise))[:n_days]
    return targets


def _rise(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    """The rise to reach from each day, as a fraction of its close."""
    if config.label != "vol":
        return np.full(len(frame), config.rise)
    daily = _daily_volatility(frame)
    volatility = np.where(daily > 0, daily, np.nan) * config.horizon_days**0.5
    rise: np.ndarray = config.rise * volatility
    return rise


def _labels(reached: np.ndarray, rise: np.ndarray) -> np.ndarray:
    labels = np.full(len(rise), np.nan)
    labels[: len(reached)] = reached
    labels[np.isnan(rise)] = np.nan
    return labels
