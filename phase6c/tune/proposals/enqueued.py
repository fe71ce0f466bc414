"""The best of an earlier search, tried singly as long as they prove themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from phase6c.config import Values

# Fewer other trials make no median that a start could be judged by.
_MIN_OTHERS = 2


class Enqueued:
    """A queue of warm starts; a source that misleads costs a single trial, not all of them.

    The first start is due at once, each further start when the start before it ended no worse than
    the median of the other trials.

    Args:
        starts: Flat values of each start, the most promising first.
    """

    def __init__(self, starts: Iterable[Values]) -> None:
        self._waiting = deque(starts)
        self._n_tried = 0
        self._ended: list[float | None] = []
        self._others: list[float] = []

    def next(self, is_new: Callable[[Values], bool]) -> Values | None:
        """The next start that was not tried otherwise; None when no start is due."""
        while self._waiting and self._is_due():
            values = self._waiting.popleft()
            if is_new(values):
                self.mark_tried()
                return values
        return None

    def mark_tried(self) -> None:
        """Counts a start that was handed out, in this run or in an earlier run of the study."""
        self._n_tried += 1

    def judge(self, score: float | None) -> None:
        """Notes the score of a start that ended; None if its end tells nothing about it."""
        self._ended.append(score)

    def compare_with(self, score: float) -> None:
        """Notes the score of an ended trial that was no start."""
        self._others.append(score)

    def _is_due(self) -> bool:
        # Three starts at once cost an unrelated source three of fifty trials, so a start that still
        # runs holds the others back.
        if len(self._ended) < self._n_tried:
            return False
        last = self._ended[-1] if self._ended else None
        # Nothing has ended yet, or a lost worker or a bug, which says nothing about the source.
        if last is None:
            return True
        return len(self._others) >= _MIN_OTHERS and last >= float(np.median(self._others))
