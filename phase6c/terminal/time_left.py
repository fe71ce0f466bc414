"""How long a run still takes, and how far that can be told, from its trials so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from phase6c.records import Trial
from phase6c.study.ledger import Row
from phase6c.terminal.trial_lengths import PLANNED_TRIALS, Expected, TrialLengths
from phase6c.wording import duration_range_text, duration_text

# Earlier trials fade over a sixth of all trials, and over no fewer than these.
_LEAST_MEMORY, _SHARE_OF_MEMORY = 7, 1 / 6
# How far the trials to come differ on the mean from the newest ones, in standard deviations of a
# trial's seconds: with it the range held in four of five moments of replayed searches.
_CHANGE = 0.55
# Standard deviations on either side of which a tenth of a normal distribution lies.
_TENTH = 1.2816
# The range of a figure that is within 30 % of what is really left.
_BORNE = 1.3 / 0.7


class Foreseen(NamedTuple):
    """The time until the end.

    Attributes:
        seconds: Seconds that are as likely too few as too many.
        low_s, high_s: Seconds that are too many, and too few, in a case of ten each.
    """

    seconds: float
    low_s: float
    high_s: float

    def text(self) -> str:
        """The time in words: a figure only where the range is as narrow as 30 % around it."""
        if self.high_s <= _BORNE * self.low_s:
            return f"about {duration_text(self.seconds)}"
        if self.low_s < 1:
            return f"up to {duration_text(self.high_s)}"
        return f"about {duration_range_text(self.low_s, self.high_s)}"


class _Cost(NamedTuple):
    """The seconds of training that a trial still takes: their mean and the mean of the square."""

    mean_s: float
    square: float

    @property
    def variance(self) -> float:
        return max(self.square - self.mean_s**2, 0.0)


class _Running(NamedTuple):
    """What a trial has had so far."""

    epochs: int
    duration_s: float
    # Whether no epoch is to come, as while it is measured on all validation rows.
    is_ending: bool


class TimeLeft:
    """A listener of the ledger that foresees the end of its run.

    The epochs that trials still take follow from those so far, turned into seconds by those that
    epochs have taken on the workers, loading and waiting included. The range is that of chance: how
    much trials differ, how few of them are known, and that those to come are others.

    Args:
        max_epochs: Number of epochs of a trial that is never stopped.
        planned_epochs: Mean number of epochs of a trial that the plan foresees.
        side_by_side: Number of trials that run at the same time.
        n_trials: Number of trials of the run.
        earlier: Trials of an earlier run of the study, which tell how long trials last.
        clock: Time in seconds, whatever its beginning.
    """

    def __init__(
        self,
        max_epochs: int,
        planned_epochs: float,
        side_by_side: int,
        n_trials: int,
        earlier: Iterable[Trial] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        memory = max(n_trials * _SHARE_OF_MEMORY, _LEAST_MEMORY)
        self._max_epochs = max_epochs
        self._side_by_side = side_by_side
        self._clock = clock
        self._lengths = TrialLengths(max_epochs, planned_epochs, memory)
        self._epoch_s = _Fading(1 - 1 / (memory * max(planned_epochs, 1.0)))
        self._running: dict[int, _Running] = {}
        self._n_ended, self._epochs, self._epochs_s = 0, 0, 0.0
        self._began: float | None = None
        self._heard = 0.0
        for trial in earlier:
            for epoch in range(1, trial.epochs + 1):
                self._lengths.had(epoch)
            if trial.finished:
                self._lengths.ended(trial.epochs)

    def __call__(self, row: Row, trial: Trial) -> None:
        """Takes the new row in."""
        self._heard = self._clock()
        is_ending = trial.finished or trial.ending is not None
        if row["kind"] == "result":
            self._take(trial.epochs, trial.measurements[-1].duration_s)
        known = self._running.get(trial.number)
        if is_ending and not (known and known.is_ending):
            self._n_ended += 1
            self._lengths.ended(trial.epochs)
        if trial.finished:
            self._running.pop(trial.number, None)
        else:
            self._running[trial.number] = _Running(trial.epochs, trial.duration_s, is_ending)

    def foreseen(self, n_left: int) -> Foreseen | None:
        """The time until the end; None before the first epoch has ended.

        Args:
            n_left: Number of trials that are not finished yet, the running ones included.
        """
        if self._began is None:
            return None
        mean_s, variance = self._busy(n_left)
        if not mean_s:
            return Foreseen(0.0, 0.0, 0.0)
        # Time is skewed as a logarithmic normal distribution is: of this one, mean and variance.
        spread = math.sqrt(math.log1p(variance / mean_s**2))
        wall_s = mean_s * math.exp(-(spread**2) / 2) * self._wall_per_epoch_second()
        factors = (1.0, math.exp(-_TENTH * spread), math.exp(_TENTH * spread))
        # No training comes nearer to its end between trainings, as while baselines are fitted.
        since_s = self._clock() - self._heard if self._running else 0.0
        return Foreseen(*(max(wall_s * factor - since_s, 0.0) for factor in factors))

    def _take(self, epoch: int, duration_s: float) -> None:
        if self._began is None:
            # Before its first epoch a worker has loaded its libraries, once for all trials.
            self._began = self._heard - duration_s
        self._lengths.had(epoch)
        self._epoch_s.take(duration_s)
        self._epochs, self._epochs_s = self._epochs + 1, self._epochs_s + duration_s

    def _busy(self, n_left: int) -> tuple[float, float]:
        """The seconds of training until the last worker is done, and their variance."""
        to_come = self._lengths.to_come()
        new = self._cost(to_come[0])
        # Copied, since a display asks from a thread of its own.
        running = [self._rest(trial, to_come) for trial in list(self._running.values())]
        n_new = max(n_left - len(running), 0)
        if not n_new and not running:
            return 0.0, 0.0
        workers = min(self._side_by_side, len(running) + n_new)
        work_s = sum(cost.mean_s for cost in running) + n_new * new.mean_s
        # At the end workers have nothing to do, one after another, while the longest trial runs on.
        # What is left of the trials then differs as if it were exponential.
        of_running = sum(cost.variance for cost in running)
        differ_s = math.sqrt(new.variance if n_new else of_running / len(running))
        idle_s = differ_s * sum(1 / n for n in range(2, workers + 1))
        longest_s = max((cost.mean_s for cost in running), default=0.0)
        # Each new trial's own chance, and what they share: few are known, and others than those.
        shared = n_new**2 * (1 / (self._n_ended + PLANNED_TRIALS) + _CHANGE**2)
        of_work = of_running + (n_new + shared) * new.variance
        variance = of_work / workers**2 + (differ_s * (1 - 1 / workers)) ** 2
        return max(work_s / workers + idle_s, longest_s), variance

    def _cost(self, epochs: Expected) -> _Cost:
        """The seconds of so many epochs of a trial that has had none."""
        return _Cost(epochs.mean * self._epoch_s.mean, epochs.square * self._epoch_s.square)

    def _rest(self, trial: _Running, to_come: list[Expected]) -> _Cost:
        """The seconds that a running trial still takes, with epochs as long as its own."""
        if trial.is_ending:
            return _Cost(0.0, 0.0)
        expected = to_come[min(trial.epochs, self._max_epochs)]
        if not trial.epochs:
            return self._cost(expected)
        own_s = trial.duration_s / trial.epochs
        return _Cost(expected.mean * own_s, expected.square * own_s**2)

    def _wall_per_epoch_second(self) -> float:
        """Seconds on the clock for each second of training that a worker reports."""
        assert self._began is not None
        workers = min(self._side_by_side, len(self._running) + self._n_ended)
        wall_s = (self._heard - self._began) * max(workers, 1)
        # Of epochs that are under way, half has passed on the average.
        under_way_s = 0.5 * max(workers - 1, 0) * self._epochs_s / self._epochs
        return max(wall_s / (self._epochs_s + under_way_s), 1.0)


class _Fading:
    """Mean and mean square of numbers, of which the newer ones weigh more."""

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self._weight = self._sum = self._squares = 0.0

    def take(self, value: float) -> None:
        self._weight = self._weight * self._kept + 1
        self._sum = self._sum * self._kept + value
        self._squares = self._squares * self._kept + value**2

    @property
    def mean(self) -> float:
        return self._sum / self._weight

    @property
    def square(self) -> float:
        return self._squares / self._weight
