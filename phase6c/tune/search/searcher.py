"""The searcher that Ray Tune asks: unfinished trials, references, warm starts, proposals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ray.tune.search import Searcher

from phase6c.config import TrialConfig, Values
from phase6c.records import Source, Trial
from phase6c.space.space import Reference
from phase6c.study.ledger import Ledger
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.samplers import METRIC
from phase6c.tune.runtime.halt import Halt

# Turns flat values and a trial's number into its full configuration and parameter count.
BuildTrial = Callable[[Values, int], tuple[TrialConfig, int]]


class TrialSearcher(Searcher, ABC):
    """Hands out trials; the same number again where a worker was lost or a run interrupted.

    Args:
        ledger: Where each choice is written before Ray hears of it.
        waiting: Numbers of unfinished trials that are gone on with first.
        payload: What every worker needs beside the trial: the study's folder, id, provenance.
        halt: While it is requested nothing is handed out.

    Attributes:
        exhausted: Whether nothing new is left to try, however many trials were asked for.
    """

    def __init__(self, ledger: Ledger, waiting: Iterable[int], payload: Values, halt: Halt) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._ledger = ledger
        self._waiting = deque(waiting)
        self._payload = payload
        self._halt = halt
        self._max_concurrent = 1
        self._live: dict[str, int] = {}
        self.exhausted = False

    def __getstate__(self) -> Values:
        """Ray pickles the searcher for a restore that is never done."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is what a resume reads."""

    @property
    def n_live(self) -> int:
        """How many trials Ray holds."""
        return len(self._live)

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """Has Ray leave the counting of running trials to this searcher."""
        self._max_concurrent = max_concurrent
        return True

    def suggest(self, trial_id: str) -> Any:
        """The config of the next trial; None for "not now"; FINISHED when all is done."""
        if self._halt.requested or len(self._live) >= self._max_concurrent:
            return None
        number = self._waiting.popleft() if self._waiting else self._choose()
        if number is None:
            return None if self._live else Searcher.FINISHED
        trial = self._ledger.append("started", number)
        self._live[trial_id] = number
        return {
            **self._payload,
            "number": number,
            "trial": trial.config,
            "step": trial.step,
            "reported": trial.epochs,
        }

    def on_trial_result(self, trial_id: str, result: Values) -> None:
        """Nothing: the ledger was told by the scheduler."""

    def on_trial_complete(
        self, trial_id: str, result: Values | None = None, error: bool = False
    ) -> None:
        """Learns from a finished trial; one that is not finished waits to go on."""
        number = self._live.pop(trial_id, None)
        if number is None:
            return
        trial = self._ledger.trials[number]
        if not trial.finished:
            self._waiting.append(number)
        else:
            self._learn(trial)

    @abstractmethod
    def _choose(self) -> int | None:
        """Writes a new trial to the ledger; None when there is nothing new to try."""

    @abstractmethod
    def _learn(self, trial: Trial) -> None:
        """Takes in how a trial ended."""

    def _record(self, config: TrialConfig, **born: Any) -> int:
        """Writes a new trial of this configuration and what else it is born with."""
        number = self._next_number()
        self._ledger.append(
            "trial",
            number,
            **born,
            seed=config.seed,
            config=config.model_dump(mode="json"),
            code_version=self._payload["provenance"]["code_version"],
        )
        return number

    def _next_number(self) -> int:
        return max(self._ledger.trials, default=-1) + 1


class StudySearcher(TrialSearcher):
    """Hands out what a search tries: its unfinished trials, references, warm starts, proposals.

    Args:
        ledger: Where each choice is written before Ray hears of it.
        proposals: Warm starts and new configurations.
        build: Completes flat values to a trial's configuration.
        references: Run first, outside the budget.
        n_trials: How many configurations are sampled or warm-started in all.
        in_budget: Whether a parameter count lies in the budget.
        payload: What every worker needs beside the trial: the study's folder, id, provenance.
        halt: While it is requested nothing is handed out.
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
        self._n_trials = n_trials
        self._in_budget = in_budget
        known = {trial.name for trial in searched}
        self._references = deque(one for one in references if one.name not in known)

    def _choose(self) -> int | None:
        if self._references:
            reference = self._references.popleft()
            return self._try(reference.values, "reference", reference.name)
        chosen = sum(one.chosen for one in self._ledger.trials.values())
        if chosen >= self._n_trials or self.exhausted:
            return None
        values = self._proposals.next_start()
        if values is not None:
            return self._try(values, "warm_start", None)
        values = self._proposals.next(self._next_number())
        if values is None:
            self.exhausted = True
            return None
        return self._try(values, "sampled", None)

    def _learn(self, trial: Trial) -> None:
        self._proposals.learn(trial)

    def _try(self, values: Values, source: Source, name: str | None) -> int:
        config, n_params = self._build(values, self._next_number())
        self._proposals.reserve(config)
        return self._record(
            config,
            source=source,
            name=name,
            params=dict(values),
            n_params=n_params,
            in_budget=source != "reference" and self._in_budget(n_params),
        )
