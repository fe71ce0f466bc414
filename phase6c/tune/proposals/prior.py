"""What an earlier search suggests about this one's scores, and how far it is to be believed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.stats import rankdata

from phase6c.space.axes import Axis
from phase6c.study.study_config import PriorPoint
from phase6c.tune.proposals.ridge import Ridge

# Fewer say nothing about a correlation.
_MIN_RESULTS = 5
# Of so many suggestions a prior that is fully trusted chooses one.
_MAX_CANDIDATES = 4


class Prior:
    """Ranks configurations as an earlier search would, and keeps account of how that holds here.

    The earlier scores enter as ranks, so that only their order matters. How far it is trusted
    follows from this search's own results alone: Spearman's correlation between its ranks and
    what came, drawn towards zero by one standard error of Fisher's z (Bonett & Wright, 2000).
    Without evidence that is zero and the search goes on as if there were no prior; where the
    results turn its order round, it is trusted the other way round.

    Args:
        axes: Of this search.
        points: Of the earlier one, in values that these axes can take.
    """

    def __init__(self, axes: Mapping[str, Axis], points: Iterable[PriorPoint]) -> None:
        points = list(points)
        ranks = rankdata([point.score for point in points]) / (len(points) + 1) - 0.5
        self._ridge = Ridge(axes, [point.values for point in points], ranks)
        self._told: list[tuple[float, float]] = []

    def rank(self, values: Mapping[str, Any]) -> float:
        """The rank in the earlier search, from about -0.5 for the worst to 0.5 for the best."""
        return self._ridge.predict(values)

    def expected(self, values: Mapping[str, Any]) -> float:
        """What the rank makes expect of this search; larger is better."""
        return self.trust * self.rank(values)

    def learn(self, values: Mapping[str, Any], score: float) -> None:
        """Notes what a configuration of this search reached."""
        self._told.append((self.rank(values), score))

    @property
    def trust(self) -> float:
        """From -1 to 1, by how this search's results agree with the earlier ranks so far."""
        n_told = len(self._told)
        if n_told < _MIN_RESULTS:
            return 0.0
        ranks, came = (rankdata(column) for column in zip(*self._told, strict=True))
        if np.ptp(ranks) == 0 or np.ptp(came) == 0:
            return 0.0
        correlation = float(np.corrcoef(ranks, came)[0, 1])
        error = math.sqrt((1 + correlation**2 / 2) / (n_told - 3))
        certain = math.tanh(math.atanh(min(abs(correlation), 1 - 1e-9)) - error)
        return math.copysign(max(0.0, certain), correlation)

    def n_candidates(self, draw: float) -> int:
        """Among how many suggestions to choose, for a uniform draw from [0, 1)."""
        return 1 + int(abs(self.trust) * (_MAX_CANDIDATES - 1) + draw)
