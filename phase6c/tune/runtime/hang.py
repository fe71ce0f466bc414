"""When a trial that says nothing has to be taken for hung."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

# Who was stopped for as long, such as by Ctrl-Z, has not waited meanwhile.
_LONGEST_GAP_S = 60.0
# A silence is too long beyond this many times the median epoch.
FACTOR = 10.0


class HangWatch:
    """Which trials have been silent for far longer than an epoch takes.

    An epoch's time is taken to grow with the trial's parameters, so that a reference of another
    size is judged by its own. Before any epoch is known nothing is overdue. All times are
    monotonic seconds that the caller gives; time in which nobody asks `overdue` does not count.

    Args:
        factor: A silence is too long beyond this many times the median epoch of all trials,
        at_least_s: and beyond these seconds.
    """

    def __init__(self, factor: float = FACTOR, at_least_s: float = 600.0) -> None:
        self._factor = factor
        self._at_least_s = at_least_s
        self._paces: list[float] = []
        self._silences: dict[int, _Silence] = {}
        self._asked: float | None = None

    @property
    def knows_pace(self) -> bool:
        """Whether any epoch's time is known."""
        return bool(self._paces)

    def learn(self, duration_s: float, n_params: int) -> None:
        """Takes in how long an epoch took that it did not watch itself."""
        insort(self._paces, duration_s / n_params)

    def started(self, number: int, n_params: int, now: float) -> None:
        """A trial got a worker; nothing if it is watched already."""
        self._silences.setdefault(number, _Silence(now, n_params))

    def reported(self, number: int, now: float) -> None:
        """A trial ended an epoch and goes on."""
        silence = self._silences.get(number)
        if silence is not None:
            self.learn(now - silence.since, silence.n_params)
            silence.since = now

    def ended(self, number: int) -> None:
        """A trial is no longer to be heard of."""
        self._silences.pop(number, None)

    def overdue(self, now: float) -> dict[int, float]:
        """How long each hung trial has been silent, by number; each is told of once."""
        self._forgive_gap(now)
        silent = {number: now - one.since for number, one in self._silences.items()}
        hung = {number: s for number, s in silent.items() if s > self._limit_s(number)}
        for number in hung:
            self.ended(number)
        return hung

    def _forgive_gap(self, now: float) -> None:
        gap = now - self._asked if self._asked is not None else 0.0
        self._asked = now
        if gap > _LONGEST_GAP_S:
            for silence in self._silences.values():
                silence.since = min(now, silence.since + gap)

    def _limit_s(self, number: int) -> float:
        if not self._paces:
            return float("inf")
        median = self._paces[len(self._paces) // 2]
        return max(self._at_least_s, self._factor * median * self._silences[number].n_params)


@dataclass
class _Silence:
    """Since when nothing was heard of a trial, and its size."""

    since: float
    n_params: int
