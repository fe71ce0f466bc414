"""The counts of a study's trials and the best of them, kept with each row of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from phase6c.records import State, Trial
from phase6c.study.ledger import Row
from phase6c.study.ranking import best_trial
from phase6c.study.study_config import StudyConfig


class Tally:
    """A listener of the ledger that knows without a look through all trials how many there are.

    Args:
        config: The study.
        counts: Whether a trial is one of those that are counted.
        trials: Trials of the ledger so far.

    Attributes:
        states: Number of the counted trials in each state.
        n_beside: Number of the other trials.
        running: Trials that have not ended, by number.
        best: The best of all trials that may be called so; None as long as there is none.
    """

    def __init__(
        self, config: StudyConfig, counts: Callable[[Trial], bool], trials: Iterable[Trial]
    ) -> None:
        self._config = config
        self._counts = counts
        self.states: Counter[State] = Counter()
        self.n_beside = 0
        self.running: dict[int, Trial] = {}
        self.best: Trial | None = None
        for trial in trials:
            self._begin(trial)
            self._go_on(trial)

    def __call__(self, row: Row, trial: Trial) -> None:
        """Takes the new row in."""
        if row["kind"] == "trial":
            self._begin(trial)
        self._go_on(trial)

    @property
    def n_finished(self) -> int:
        """The number of the counted trials that have ended."""
        return self.states.total() - self.states["RUNNING"]

    def _begin(self, trial: Trial) -> None:
        if self._counts(trial):
            self.states["RUNNING"] += 1
        else:
            self.n_beside += 1

    def _go_on(self, trial: Trial) -> None:
        if not trial.finished:
            self.running[trial.number] = trial
            return
        # The end of a trial is its last row.
        self.running.pop(trial.number, None)
        if self._counts(trial):
            self.states["RUNNING"] -= 1
            self.states[trial.state] += 1
        rivals = [trial] if self.best is None else [self.best, trial]
        self.best = best_trial(rivals, self._config)
