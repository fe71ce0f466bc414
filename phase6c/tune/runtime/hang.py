"""The watch over silent trials, which tells when a trial has to be taken for hung."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

# A driver that did not ask for this long was stopped, such as by Ctrl-Z or a sleeping laptop, or
# had work of its own, such as the baselines of an evaluation: the gap is no silence of its workers.
_LONGEST_GAP_S = 60.0
# A silence is too long beyond this many times the median epoch.
FACTOR = 10.0


class HangWatch:
    """Watches for trials that have been silent for far longer than an epoch takes.

    An epoch's time is taken to grow with the trial's parameters, so that a reference of another
    size is judged by its own size. Before any epoch is known nothing is overdue. All times are
    monotonic seconds that the caller gives; time in which nobody asks `overdue` does not count.

    Args:
        factor: Number of median epochs of all trials beyond which a silence is too long.
        at_least_s: Number of seconds beyond which a silence may be too long at all.
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
        """Takes in the time of an epoch, such as of an earlier run."""
        # Kept in order: the median is asked for in each turn of Ray's loop.
        insort(self._paces, duration_s / n_params)

    def started(self, number: int, n_params: int, now: float) -> None:
        """Begins to watch a trial that got a worker, unless it is watched already."""
        self._silences.setdefault(number, _Silence(now, n_params))

    def reported(self, number: int, now: float) -> None:
        """Takes in that a trial ended an epoch and goes on."""
        silence = self._silences.get(number)
        if silence is not None:
            self.learn(now - silence.since, silence.n_params)
            silence.since = now

    def ended(self, number: int) -> None:
        """Ends the watch over a trial."""
        self._silences.pop(number, None)

    def overdue(self, now: float) -> dict[int, float]:
        """Seconds of silence of each hung trial, by number; each trial is told of once."""
        self.forgive_gap(now)
        silent = {number: now - silence.since for number, silence in self._silences.items()}
        hung = {number: s for number, s in silent.items() if s > self._limit_s(number)}
        for number in hung:
            self.ended(number)
        return hung

    def forgive_gap(self, now: float) -> float:
        """Seconds in which nobody asked, if they are so many that they count for no trial; or 0."""
        gap = now - self._asked if self._asked is not None else 0.0
        self._asked = now
        if gap <= _LONGEST_GAP_S:
            return 0.0
        for silence in self._silences.values():
            silence.since = min(now, silence.since + gap)
        return gap

    def _limit_s(self, number: int) -> float:
        if not self._paces:
            return float("inf")
        median = self._paces[len(self._paces) // 2]
        return max(self._at_least_s, self._factor * median * self._silences[number].n_params)


@dataclass
class _Silence:
    """A silence of a trial: its begin, and the size of the trial."""

    since: float
    n_params: int
