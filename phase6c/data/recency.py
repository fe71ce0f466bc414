"""Weights of windows that fade with their age."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Shaped

from phase6c.config import HalfLife


def recency_weights(
    dates: Shaped[np.ndarray, " window"], half_life_days: HalfLife
) -> Float32[np.ndarray, " window"]:
    """The weights of windows in a loss, whose mean is 1.

    A weight halves with every half-life of calendar days before the last of the dates.

    Args:
        dates: Last day of each train window, datetime64[D].
        half_life_days: Calendar days; none for equal weights.
    """
    if half_life_days == "none" or not len(dates):
        return np.ones(len(dates), dtype=np.float32)
    age_days = (dates.max() - dates).astype("timedelta64[D]").astype(np.float64)
    weights: np.ndarray = 0.5 ** (age_days / half_life_days)
    weights /= weights.mean()
    return weights.astype(np.float32)
