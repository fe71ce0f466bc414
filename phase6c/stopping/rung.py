"""A rung: the trials that came to an epoch, as they were then, at the same cost for any number."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, insort

import numpy as np

# Forecasts of the trials at a rung change with each result, so that each comparison makes them
# anew: of more trials than these it makes them of an even sample.
MAX_FORECAST = 1000
# Multiples of the golden ratio, taken modulo 1, lie evenly however many there are (Knuth, 1973):
# the trials with the smallest are spread evenly over all numbers, whatever order they come in.
_GOLDEN_RATIO = (5**0.5 - 1) / 2


class Rung:
    """Trials at equal age, in an order that is not that of their coming.

    Args:
        epoch: Number of epochs that they had.
    """

    def __init__(self, epoch: int) -> None:
        self._best: dict[int, float] = {}
        self._ascending: list[float] = []
        # Ascending numbers and their curves, and the same numbers with the next to go first.
        self._sampled: list[int] = []
        self._curves = np.empty((0, epoch))
        self._next_to_go: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._best)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all its trials, ascending."""
        return tuple(sorted(self._best))

    def enter(self, number: int, curve: np.ndarray) -> None:
        """Takes in a trial with its scores so far, float[epoch]; a second time changes nothing."""
        if number in self._best:
            return
        self._best[number] = float(curve.max())
        insort(self._ascending, self._best[number])
        place = bisect_left(self._sampled, number)
        self._sampled.insert(place, number)
        self._curves = np.insert(self._curves, place, curve, axis=0)
        heapq.heappush(self._next_to_go, (-(number * _GOLDEN_RATIO % 1), number))
        if len(self._sampled) > MAX_FORECAST:
            _, gone = heapq.heappop(self._next_to_go)
            place = bisect_left(self._sampled, gone)
            del self._sampled[place]
            self._curves = np.delete(self._curves, place, axis=0)

    def best(self, number: int) -> float:
        """The best score that a trial came with."""
        return self._best[number]

    def quantile_of_others(self, number: int, share: float) -> float:
        """The quantile of the best scores of all trials but this, interpolated as numpy does."""
        own = bisect_left(self._ascending, self._best[number])
        last = len(self._ascending) - 2
        place = last * share
        below = math.floor(place)
        low, high = (
            self._ascending[index + (index >= own)] for index in (below, min(below + 1, last))
        )
        # Numpy's own two formulas: each is exact at the end that it starts from.
        weight = place - below
        if weight >= 0.5:
            return high - (high - low) * (1 - weight)
        return low + (high - low) * weight

    def curves_of_others(self, number: int) -> np.ndarray:
        """The scores of the other trials, float[trial, epoch]; a sample of very many."""
        place = bisect_left(self._sampled, number)
        if self._sampled[place : place + 1] == [number]:
            return np.delete(self._curves, place, axis=0)
        return self._curves
