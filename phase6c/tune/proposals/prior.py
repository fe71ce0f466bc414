"""The ranks that an earlier search suggests for a new search, and how far they are believed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.stats import rankdata

from phase6c.space.axes import Axis
from phase6c.study.study_config import PriorPoint
from phase6c.tune.proposals.ridge import Ridge, features

# Fewer results say nothing about a correlation.
_MIN_RESULTS = 5
# Number of suggestions that a fully trusted prior chooses from.
_MAX_CANDIDATES = 4
# The trust follows from so many results, the newest, since it is asked for at each proposal.
_N_TOLD = 1000


class Prior:
    """Ranks configurations as an earlier search would, and keeps account of how that holds here.

    The earlier scores enter as ranks, so that only their order matters. How far it is trusted
    follows from this search's own results alone: Spearman's correlation between the prior's ranks
    and the scores that came, drawn towards zero by a standard error of Fisher's z (Bonett &
    Wright, 2000). Without evidence the trust is zero and the search goes on as if there were no
    prior; where the results turn its order round, it is trusted the other way round.

    Args:
        axes: Axes of this search.
        points: Trials of the earlier search, in values that these axes can take.
    """

    def __init__(self, axes: Mapping[str, Axis], points: Iterable[PriorPoint]) -> None:
        points = list(points)
        ranks = rankdata([point.score for point in points]) / (len(points) + 1) - 0.5
        self._ridge = Ridge(axes, [features(axes, point.values) for point in points], ranks)
        self._told: deque[tuple[float, float]] = deque(maxlen=_N_TOLD)

    def rank(self, values: Mapping[str, Any]) -> float:
        """The rank in the earlier search, from about -0.5 for the worst to 0.5 for the best."""
        return self._ridge.predict(values)

    def expected(self, values: Mapping[str, Any]) -> float:
        """The rank times the trust; larger is better."""
        return self.trust * self.rank(values)

    def learn(self, values: Mapping[str, Any], score: float) -> None:
        """Notes the score that a configuration of this search reached."""
        self._told.append((self.rank(values), score))

    @property
    def trust(self) -> float:
        """Agreement of this search's results with the earlier ranks so far, from -1 to 1."""
        n_told = len(self._told)
        if n_told < _MIN_RESULTS:
            return 0.0
        ranks, came = (rankdata(column) for column in zip(*self._told, strict=True))
        # Ranks that are all alike have no correlation.
        if np.ptp(ranks) == 0 or np.ptp(came) == 0:
            return 0.0
        correlation = float(np.corrcoef(ranks, came)[0, 1])
        error = math.sqrt((1 + correlation**2 / 2) / (n_told - 3))
        # Fisher's z is infinite at a perfect correlation, which a few results reach by chance.
        certain = math.tanh(math.atanh(min(abs(correlation), 1 - 1e-9)) - error)
        return math.copysign(max(0.0, certain), correlation)

    def n_candidates(self, draw: float) -> int:
        """Number of suggestions to choose from, for a uniform draw from [0, 1)."""
        # The draw rounds up or down at random, so that a small trust counts now and then.
        return 1 + int(abs(self.trust) * (_MAX_CANDIDATES - 1) + draw)
