"""A bounded window on the results of a long search, so that a proposal costs no more with each."""

from __future__ import annotations

import copy
import heapq
from bisect import insort
from collections import deque
from collections.abc import Container, Sequence

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from phase6c.config import Values

# Results that a sampler sees: the best of all, and the newest. TPE calls at most 25 results good,
# which are among the best, so that the window only bounds what it calls bad.
N_BEST = 60
N_NEWEST = 400
# More suggestions than these are never withdrawn for a trial.
_N_FAILED = 16


def in_window(told: Sequence[tuple[Values, float]]) -> list[tuple[Values, float]]:
    """The results in the window, points with their scores, in the order that they were told in."""
    first_new = max(0, len(told) - N_NEWEST)
    best = heapq.nlargest(N_BEST, range(len(told)), key=lambda place: (told[place][1], -place))
    return [told[place] for place in sorted({*best, *range(first_new, len(told))})]


class WindowStorage(InMemoryStorage):
    """Optuna's storage in memory, which shows the running trials and a window of the results.

    Up to N_NEWEST results all are shown. Beyond them the best N_BEST of all and the newest are,
    in the order of their numbers. Of the failed trials, which are suggestions that were taken back,
    the newest are shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: set[int] = set()
        self._failed: deque[int] = deque(maxlen=_N_FAILED)
        self._newest: deque[int] = deque(maxlen=N_NEWEST)
        # Ascending values, each with the negative of its trial: the earlier of equals is better.
        self._best: list[tuple[float, int]] = []

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Adds a trial, and puts it in its window."""
        trial_id = super().create_new_trial(study_id, template_trial)
        self._place(trial_id)
        return trial_id

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Changes a trial's state, and puts it in its window."""
        done = super().set_trial_state_values(trial_id, state, values)
        self._place(trial_id)
        return done

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The trials in the windows, in the order of their numbers."""
        best = {-place for _, place in self._best}
        shown = sorted({*self._running, *self._failed, *self._newest, *best})
        trials = [self.get_trial(trial_id) for trial_id in shown]
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def _place(self, trial_id: int) -> None:
        trial = self.get_trial(trial_id)
        self._running.discard(trial_id)
        if trial.state == TrialState.RUNNING:
            self._running.add(trial_id)
        elif trial.state == TrialState.FAIL:
            self._failed.append(trial_id)
        elif trial.value is not None:
            self._newest.append(trial_id)
            insort(self._best, (trial.value, -trial_id))
            del self._best[:-N_BEST]
