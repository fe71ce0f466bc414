"""What samplers see of a long search: its lessons, of many the best and the newest."""

from __future__ import annotations

import copy
import heapq
from collections import deque
from collections.abc import Container, Mapping, Sequence

from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from phase6c.config import Values
from phase6c.tune.proposals.lessons import Lessons

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


class LessonStorage(InMemoryStorage):
    """Optuna's storage in memory, which shows the lessons of a search in place of its own results.

    Optuna itself knows a single value of a trial; lessons move from rung to rung. What it asked
    and took back is shown as it is.

    Args:
        space: Distributions of every trial.
    """

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        super().__init__()
        self._space = dict(space)
        self._failed: deque[int] = deque(maxlen=_N_FAILED)
        self._asked: int | None = None
        self._lessons: list[FrozenTrial] = []

    def show(self, lessons: Lessons) -> None:
        """Sets the lessons that are shown from now on."""
        told = [(raw, TrialState.COMPLETE, score) for raw, score in in_window(lessons.told)]
        shown = [*told, *((raw, TrialState.RUNNING, None) for raw in lessons.running)]
        # Below the numbers of whatever Optuna asks itself, and in their order.
        numbers = range(-len(shown), 0)
        self._lessons = [
            self._shown(number, *what) for number, what in zip(numbers, shown, strict=True)
        ]

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Adds a trial that is asked for."""
        self._asked = super().create_new_trial(study_id, template_trial)
        return self._asked

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Changes a trial's state; one that was taken back is shown so."""
        if state == TrialState.FAIL:
            self._failed.append(trial_id)
        return super().set_trial_state_values(trial_id, state, values)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """The lessons, what was taken back of late, and the trial that was asked for last."""
        own = dict.fromkeys((*self._failed, self._asked))
        trials = [*self._lessons, *(self.get_trial(one) for one in own if one is not None)]
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def _shown(
        self, number: int, raw: Values, state: TrialState, value: float | None
    ) -> FrozenTrial:
        # Optuna's create_trial would check each value against its distribution, 460 times for each
        # proposal of a long search, which is a third of the proposal's time.
        return FrozenTrial(
            number=number,
            trial_id=number,
            state=state,
            value=value,
            params={name: raw[name] for name in self._space},
            distributions=self._space,
            datetime_start=None,
            datetime_complete=None,
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )
