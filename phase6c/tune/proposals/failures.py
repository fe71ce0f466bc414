"""Which configurations are likely to diverge or to run out of memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from phase6c.space.axes import Axis
from phase6c.tune.proposals.ridge import Ridge

# Keeps the share of certainty that is left to divide by away from zero.
_MOST = 0.99


class Failures:
    """What the ended trials say of the risk of a configuration.

    Samplers only rank scores, and the best score often lies beside the edge of what works.

    Args:
        axes: Of the search.
    """

    def __init__(self, axes: Mapping[str, Axis]) -> None:
        self._axes = axes
        self._told: list[tuple[Mapping[str, Any], bool]] = []
        self._fitted: Ridge | None = None

    def learn(self, values: Mapping[str, Any], *, failed: bool) -> None:
        """Notes whether a configuration failed."""
        self._told.append((values, failed))
        self._fitted = None

    def avoids(self, values: Mapping[str, Any], rng: np.random.Generator) -> bool:
        """Whether to pass over a configuration: a draw, the likelier the higher its risk."""
        return bool(rng.random() < self.excess(values))

    def excess(self, values: Mapping[str, Any]) -> float:
        """How much likelier to fail than the trials that did not: 0 as likely, 1 certain to."""
        if len({failed for _, failed in self._told}) < 2:
            return 0.0
        if self._fitted is None:
            points, failed = zip(*self._told, strict=True)
            self._fitted = Ridge(self._axes, points, [float(one) for one in failed])
            survived = [self._fitted.predict(point) for point, bad in self._told if not bad]
            self._usual = min(float(np.mean(survived)), _MOST)
        return max(0.0, (self._fitted.predict(values) - self._usual) / (1 - self._usual))
