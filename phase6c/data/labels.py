"""Labels: does the price rise (or, mirrored, fall) by the threshold within the horizon?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from phase6c.config import DataConfig
from phase6c.errors import ConfigError


def label_up(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    """1 where the price rises by the threshold within days t+1..t+h, else 0.

    `high`: the highest high of those days reaches close[t] x (1 + threshold).
    `close`: close[t+h] reaches it.

    Args:
        frame: One ticker's bars, one row a day.
        config: Horizon in days, label and threshold.

    Returns:
        float64[day]; NaN on the last h days, whose horizon is not full.

    Raises:
        ConfigError: The label is not available yet.
    """
    highest = _horizon(frame, "high", config).max(axis=1)
    return _labels(frame, highest >= _close(frame, config) * (1 + config.resolved_threshold))


def label_down(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    """1 where the price falls by the threshold within days t+1..t+h: `label_up` mirrored.

    `high`: the lowest low of those days reaches close[t] x (1 - threshold).
    `close`: close[t+h] reaches it.
    """
    lowest = _horizon(frame, "low", config).min(axis=1)
    return _labels(frame, lowest <= _close(frame, config) * (1 - config.resolved_threshold))


def _horizon(frame: pd.DataFrame, extreme: str, config: DataConfig) -> np.ndarray:
    """The prices that decide day t's label, [day with a full horizon, decisive day]."""
    if config.label == "vol":
        raise ConfigError("Label vol is not available yet", None, "Use high or close.")
    days = config.horizon_days
    if len(frame) <= days:
        return np.empty((0, 1))
    price = frame[extreme if config.label == "high" else "close"].to_numpy()
    following = sliding_window_view(price[1:], days)
    return following if config.label == "high" else following[:, -1:]


def _close(frame: pd.DataFrame, config: DataConfig) -> np.ndarray:
    close: np.ndarray = frame["close"].to_numpy()
    return close[: max(len(frame) - config.horizon_days, 0)]


def _labels(frame: pd.DataFrame, reached: np.ndarray) -> np.ndarray:
    labels = np.full(len(frame), np.nan)
    labels[: len(reached)] = reached
    return labels
