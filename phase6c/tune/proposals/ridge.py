"""A ridge regression on configurations, since few trials can tell no more than that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from phase6c.space.axes import Axis, Categories, Continuous, Steps

# Pulls the effect of a value that few points have towards the mean.
_PENALTY = 1.0


class Ridge:
    """Ridge regression on each axis's position and its square, or on 0 and 1 for each choice.

    Args:
        axes: Axes of the configurations.
        points: Features of configurations, at least one; see `features`.
        targets: Number to be predicted for each point.
    """

    def __init__(
        self,
        axes: Mapping[str, Axis],
        points: Sequence[np.ndarray],
        targets: Sequence[float] | np.ndarray,
    ) -> None:
        self._axes = axes
        rows = np.array(points)
        self._centre = rows.mean(axis=0)
        centred = rows - self._centre
        penalty = _PENALTY * np.eye(centred.shape[1])
        self.mean = float(np.mean(targets))
        away = np.asarray(targets) - self.mean
        self._weights = np.linalg.solve(centred.T @ centred + penalty, centred.T @ away)

    def predict(self, values: Mapping[str, Any]) -> float:
        """The number to expect for a configuration."""
        return self.predict_point(features(self._axes, values))

    def predict_point(self, point: np.ndarray) -> float:
        """The number to expect for a configuration of these features."""
        return self.mean + float((point - self._centre) @ self._weights)


def features(axes: Mapping[str, Axis], values: Mapping[str, Any]) -> np.ndarray:
    """The features of a configuration: those of each axis's value, behind each other."""
    return np.array(
        [number for name, axis in axes.items() for number in columns(axis, values[name])]
    )


def columns(axis: Axis, value: Any) -> list[float]:
    """The features of a value: its position from -0.5 to 0.5 and its square; 0 or 1 per choice."""
    match axis.domain:
        case Categories(known):
            return [float(value == category) for category in known]
        case Steps(n):
            low, high, log = 0.0, float(max(n - 1, 1)), False
        case Continuous(low, high, log):
            pass
    raw = float(axis.encode(value))
    if log:
        low, high, raw = math.log(low), math.log(high), math.log(raw)
    # Centred, so that position and square are nearly uncorrelated over an axis.
    position = (raw - low) / (high - low) - 0.5
    return [position, 4 * position**2]
