"""How many epochs trials still take, from how those so far have ended."""

from __future__ import annotations

from typing import NamedTuple

# The plan's weight beside the trials that came as far as an epoch.
PLANNED_TRIALS = 3


class Expected(NamedTuple):
    """A number of epochs that is not known yet.

    Attributes:
        mean: Its mean.
        square: The mean of its square.
    """

    mean: float
    square: float


class TrialLengths:
    """The epochs that are still to be expected of trials.

    Each epoch's chance to be a trial's last is that of the trials that came so far, by the
    estimator of Kaplan and Meier (1958): a running trial counts as one that has lasted so long and
    may last longer. So the short lives of trials that were stopped first do not stand for all. As
    long as few have come to an epoch, what the plan foresees counts. Trials of long ago count less,
    since rungs pass fewer as their bar rises.

    Args:
        max_epochs: Number of epochs of a trial that is never stopped.
        planned_epochs: Mean number of epochs of a trial that the plan foresees.
        memory: Number of trials after which an earlier trial has faded to 1/e.
    """

    def __init__(self, max_epochs: int, planned_epochs: float, memory: float) -> None:
        self._planned_end = _chance_to_end(planned_epochs, max_epochs)
        self._kept = 1 - 1 / memory
        # By epoch; the first is that of trials that have had none.
        self._came, self._ended = [0.0] * (max_epochs + 1), [0.0] * (max_epochs + 1)

    def had(self, epoch: int) -> None:
        """Takes in that a trial has had this epoch."""
        place = self._place(epoch)
        self._came[place] = self._came[place] * self._kept + 1
        self._ended[place] *= self._kept

    def ended(self, epoch: int) -> None:
        """Takes in that this epoch was a trial's last; it has been told to `had` before."""
        self._ended[self._place(epoch)] += 1

    def to_come(self) -> list[Expected]:
        """The epochs that a trial still takes which has had none, one, and so on to all."""
        expected = [Expected(0.0, 0.0)]
        for came, ended in zip(self._came[:0:-1], self._ended[:0:-1], strict=True):
            mean, square = expected[-1]
            chance = (ended + PLANNED_TRIALS * self._planned_end) / (came + PLANNED_TRIALS)
            # Of two lengths, one is an epoch longer than the other.
            lasting = 0.0 if len(expected) == 1 else max(1 - chance, 0.0)
            expected.append(Expected(1 + lasting * mean, 1 + lasting * (2 * mean + square)))
        return expected[::-1]

    def _place(self, epoch: int) -> int:
        # The contenders of an evaluation may have epochs of their own.
        return min(epoch, len(self._came) - 1)


def _chance_to_end(mean_epochs: float, max_epochs: int) -> float:
    """The chance of each epoch to be the last with which trials have so many epochs on the mean."""
    low, high = 0.0, 1.0
    for _ in range(30):
        chance = (low + high) / 2
        mean = sum((1 - chance) ** epoch for epoch in range(max_epochs))
        low, high = (chance, high) if mean > mean_epochs else (low, chance)
    return low
