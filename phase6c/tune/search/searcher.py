"""The searcher that Ray Tune asks: unfinished trials, references, warm starts, proposals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from phase6c.config import TrialConfig, Values
from phase6c.records import Source, Trial
from phase6c.space.space import Reference
from phase6c.study.ledger import Ledger
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.trial_searcher import TrialSearcher

# Turns flat values and a trial's number into its full configuration and parameter count.
BuildTrial = Callable[[Values, int], tuple[TrialConfig, int]]


class StudySearcher(TrialSearcher):
    """Hands out the trials of a search: unfinished trials, references, warm starts, proposals.

    Args:
        ledger, payload, halt: See `TrialSearcher`.
        proposals: Warm starts and new configurations.
        build: Function that completes flat values to a trial's configuration.
        references: Configurations that run first, outside the budget.
        n_trials: Number of configurations that are sampled or warm-started in all.
        in_budget: Function that tells whether a parameter count lies in the budget.
    """

    def __init__(
        self,
        ledger: Ledger,
        proposals: Proposals,
        build: BuildTrial,
        references: Iterable[Reference],
        n_trials: int,
        in_budget: Callable[[int], bool],
        payload: Values,
        halt: Halt,
    ) -> None:
        searched = [trial for trial in ledger.trials.values() if trial.searched]
        waiting = sorted(trial.number for trial in searched if not trial.finished)
        super().__init__(ledger, waiting, payload, halt)
        self._proposals = proposals
        self._build = build
        self._n_left = n_trials - sum(trial.chosen for trial in searched)
        self._in_budget = in_budget
        known = {trial.name for trial in searched}
        self._references = deque(
            reference for reference in references if reference.name not in known
        )

    def _choose(self) -> int | None:
        if self._references:
            reference = self._references.popleft()
            return self._try(reference.values, "reference", reference.name)
        if self._n_left <= 0 or self.exhausted:
            return None
        # A start that is not due yet waits for the trials before it; meanwhile others are sampled.
        values = self._proposals.next_start()
        if values is not None:
            return self._try(values, "warm_start", None)
        values = self._proposals.next(self._next_number)
        if values is None:
            self.exhausted = True
            return None
        return self._try(values, "sampled", None)

    def on_trial_result(self, trial_id: str, result: Values) -> None:
        """Shows the proposals what a trial has reached, which the scheduler has told the ledger."""
        number = self._live.get(trial_id)
        if number is not None:
            self._proposals.learn(self._ledger.trials[number])

    def _learn(self, trial: Trial) -> None:
        self._proposals.learn(trial)

    def _try(self, values: Values, source: Source, name: str | None) -> int:
        config, n_params = self._build(values, self._next_number)
        # A reference too, so that the search does not propose it again.
        self._proposals.reserve(config)
        self._n_left -= source != "reference"
        number = self._record(
            config,
            source=source,
            name=name,
            params=dict(values),
            n_params=n_params,
            in_budget=source != "reference" and self._in_budget(n_params),
        )
        self._proposals.learn(self._ledger.trials[number])
        return number
