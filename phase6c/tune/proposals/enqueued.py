"""The best of an earlier search, tried one by one as long as they prove themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from phase6c.config import Values

# Against so many other trials a start is judged before the next one is tried.
_MIN_OTHERS = 2


class Enqueued:
    """A queue of warm starts; a source that misleads costs one trial, not all of them.

    The first is due at once, each other when the one before ended no worse than the median of the
    other trials.

    Args:
        starts: Flat values, the most promising first.
    """

    def __init__(self, starts: Iterable[Values]) -> None:
        self._waiting = deque(starts)
        self._n_tried = 0
        self._ended: list[float | None] = []
        self._others: list[float] = []

    def next(self, is_new: Callable[[Values], bool]) -> Values | None:
        """The next start that was not tried otherwise; None when none is due."""
        while self._waiting and self._is_due():
            values = self._waiting.popleft()
            if is_new(values):
                self.mark_tried()
                return values
        return None

    def mark_tried(self) -> None:
        """Counts a start that was handed out, here or in the run that is gone on with."""
        self._n_tried += 1

    def judge(self, score: float | None) -> None:
        """How a start ended; None if that tells nothing about it."""
        self._ended.append(score)

    def compare_with(self, score: float) -> None:
        """How a trial ended that was no start."""
        self._others.append(score)

    def _is_due(self) -> bool:
        if len(self._ended) < self._n_tried:
            return False
        last = self._ended[-1] if self._ended else None
        if last is None:
            return True
        return len(self._others) >= _MIN_OTHERS and last >= float(np.median(self._others))
