"""How long a run still takes, from the epochs of its trials so far."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

from phase6c.records import Trial
from phase6c.study.ledger import Row

# The plan's weight beside the trials that came as far as an epoch.
_PLANNED_TRIALS = 3


class TimeLeft:
    """A listener of the ledger that foresees the end of its run.

    How many epochs a trial takes follows from those of all trials by the estimator of Kaplan and
    Meier (1958): a running trial counts as one that has lasted so long and may last longer. So the
    short lives of trials that were stopped first do not stand for all, and as long as few have
    ended, what the plan foresees counts. Epochs are then turned into time by the seconds that an
    epoch has taken on the workers, loading and waiting included.

    Args:
        max_epochs: Number of epochs of a trial that is never stopped.
        planned_epochs: Mean number of epochs of a trial that the plan foresees.
        side_by_side: Number of trials that run at the same time.
        earlier: Trials of an earlier run of the study, which tell how long trials last.
        clock: Time in seconds, whatever its beginning.
    """

    def __init__(
        self,
        max_epochs: int,
        planned_epochs: float,
        side_by_side: int,
        earlier: Iterable[Trial] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_epochs = max_epochs
        self._planned_end = _chance_to_end(planned_epochs, max_epochs)
        self._side_by_side = side_by_side
        self._clock = clock
        self._ends: Counter[int] = Counter(
            self._at_most(trial.epochs) for trial in earlier if trial.finished
        )
        # Of each running trial, its epochs so far and the seconds that they took.
        self._running: dict[int, tuple[int, float]] = {}
        self._epochs, self._epochs_s = 0, 0.0
        self._began: float | None = None
        self._heard = 0.0

    def __call__(self, row: Row, trial: Trial) -> None:
        """Takes the new row in."""
        self._heard = self._clock()
        epochs, seconds = self._running.get(trial.number, (0, 0.0))
        if row["kind"] == "result":
            last_s = trial.measurements[-1].duration_s
            if self._began is None:
                # Before its first epoch a worker has loaded its libraries, once for all trials.
                self._began = self._heard - last_s
            epochs, seconds = epochs + 1, seconds + last_s
            self._epochs, self._epochs_s = self._epochs + 1, self._epochs_s + last_s
        if trial.finished:
            self._running.pop(trial.number, None)
            self._ends[self._at_most(trial.epochs)] += 1
        else:
            self._running[trial.number] = epochs, seconds

    def seconds(self, n_left: int) -> float | None:
        """The seconds until the end; None before the first epoch has ended.

        Args:
            n_left: Number of trials that are not finished yet, the running ones included.
        """
        if not self._epochs or self._began is None:
            return None
        usual_s, coming = self._epochs_s / self._epochs, self._coming_epochs()
        of_running = [
            coming[self._at_most(epochs)] * (seconds / epochs if epochs else usual_s)
            for epochs, seconds in self._running.values()
        ]
        n_new = max(n_left - len(of_running), 0)
        work_s = sum(of_running) + n_new * coming[0] * usual_s
        # At the end workers have nothing to do while the longest trial runs on.
        busy_s = max(work_s / self._side_by_side, max(of_running, default=0.0))
        since_s = self._clock() - self._heard
        return max(busy_s * self._wall_per_epoch_second() - since_s, 0.0)

    def _coming_epochs(self) -> list[float]:
        """The epochs to be expected of a trial that has had none, one, and so on to all.

        Each epoch's chance to be the last is that of the trials that came so far, to which the plan
        counts as a few others.
        """
        came = Counter(self._at_most(epochs) for epochs, _ in self._running.values()) + self._ends
        came_so_far, expected = 0, [0.0]
        for epoch in range(self._max_epochs, 0, -1):
            came_so_far += came[epoch]
            ended = self._ends[epoch] + _PLANNED_TRIALS * self._planned_end
            lasting = 1 - ended / (came_so_far + _PLANNED_TRIALS)
            expected.append(1 + lasting * expected[-1])
        return expected[::-1]

    def _at_most(self, epochs: int) -> int:
        # The contenders of an evaluation may have epochs of their own.
        return min(epochs, self._max_epochs)

    def _wall_per_epoch_second(self) -> float:
        """Seconds on the clock for each second of training that a worker reports."""
        assert self._began is not None
        workers = min(self._side_by_side, len(self._running) + self._ends.total())
        wall_s = (self._heard - self._began) * max(workers, 1)
        # Of epochs that are under way, half has passed on the average.
        under_way_s = 0.5 * max(workers - 1, 0) * self._epochs_s / self._epochs
        return max(wall_s / (self._epochs_s + under_way_s), 1.0)


def _chance_to_end(mean_epochs: float, max_epochs: int) -> float:
    """The chance of each epoch to be the last with which trials have so many epochs on the mean."""
    low, high = 0.0, 1.0
    for _ in range(30):
        chance = (low + high) / 2
        mean = sum((1 - chance) ** epoch for epoch in range(max_epochs))
        low, high = (chance, high) if mean > mean_epochs else (low, chance)
    return low
