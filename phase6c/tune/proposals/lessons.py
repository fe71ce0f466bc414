"""What the trials of a search teach a sampler: their scores at equal age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from phase6c.config import Objective, Values
from phase6c.records import Trial, best_measurement, score


class Lessons(NamedTuple):
    """What a sampler knows when it is asked for a point.

    Attributes:
        told: Raw values of trials and their scores, larger is better, in the order of their
            numbers.
        running: Raw values of the trials that run and are not among them.
        n_ended: Number of trials that have ended, at whatever age.
    """

    told: list[tuple[Values, float]]
    running: list[Values]
    n_ended: int = 0


class RungLessons:
    """The best scores of trials by the time they came to a rung, from the highest that suffices.

    Trials of unequal age do not compare: whatever was stopped early would pass for bad. Those at
    the same rung do, and the higher it is, the better it tells the end (BOHB: Falkner, Klein &
    Hutter, 2018, section 3). A trial that diverges or runs out of memory has the worst score of
    whatever rung is taught.

    Args:
        rungs: Epochs at which trials compare, ascending, the last of all epochs included.
        objective: Metric that is optimised.
        n_enough: Number of trials with which a rung suffices.
    """

    def __init__(self, rungs: Sequence[int], objective: Objective, n_enough: int) -> None:
        self._objective = objective
        self._n_enough = n_enough
        # [rung][number], the best score of each trial that has come so far.
        self._scores: dict[int, dict[int, float]] = {rung: {} for rung in rungs}
        self._raw: dict[int, Values] = {}
        self._n_epochs: dict[int, int] = {}
        self._running: set[int] = set()
        self._failed: set[int] = set()

    def observe(self, trial: Trial, raw: Values) -> None:
        """Takes in a trial of the search as it is now, however often it was taken in before."""
        number = trial.number
        self._raw[number] = raw
        if trial.finished:
            self._running.discard(number)
        else:
            self._running.add(number)
        if trial.state == "FAILED":
            # A lost worker or a bug says nothing of the configuration.
            if trial.error is not None and trial.error.kind in ("diverged", "oom"):
                self._failed.add(number)
            return
        known = self._n_epochs.get(number, 0)
        for rung, scores in self._scores.items():
            # One that lost patience before counts no further than it came: by their patience bad
            # trials come to the end without having passed a rung, and would crowd the last ones.
            if known < rung <= trial.epochs:
                scores[number] = self._best(trial, rung)
        self._n_epochs[number] = trial.epochs

    def current(self) -> Lessons:
        """The lessons of the highest rung that suffices; else those of the lowest."""
        sufficing = [one for one in self._scores.values() if len(one) >= self._n_enough]
        scores = sufficing[-1] if sufficing else next(iter(self._scores.values()))
        if scores:
            scores = dict.fromkeys(self._failed, min(scores.values())) | scores
        # By number: a resumed search comes to know its trials in another order.
        told = [(self._raw[number], scores[number]) for number in sorted(scores)]
        running = [self._raw[number] for number in sorted(self._running - scores.keys())]
        return Lessons(told, running, len(self._raw) - len(self._running))

    def _best(self, trial: Trial, epoch: int) -> float:
        best = best_measurement(trial.measurements[:epoch], self._objective)
        return score(best.value if best else None, self._objective)
