"""Hands out trials to Ray Tune, however they are chosen."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ray.tune.search import Searcher

from phase6c.config import TrialConfig, Values
from phase6c.records import Trial
from phase6c.study.ledger import Ledger
from phase6c.tune.runtime.halt import Halt


class TrialSearcher(Searcher, ABC):
    """Hands out trials; the same number again where a worker was lost or a run interrupted.

    The trainable always looks for a checkpoint in the folder of its number, so that handing out a
    number again is all that a resume, a retry and a move to another node need.

    Args:
        ledger: Ledger in which each choice is written before Ray hears of it.
        waiting: Numbers of unfinished trials that are gone on with first.
        payload: Config of every worker beside the trial: the study's folder, id and provenance.
        halt: Request of the end; once made, nothing is handed out.

    Attributes:
        exhausted: Whether nothing new is left to try, however many trials were asked for.
        kept_score: Asked for the score that a trial must reach for its weights to be kept.
        max_concurrent: Asked for the number of trials that may run at a time.
    """

    def __init__(self, ledger: Ledger, waiting: Iterable[int], payload: Values, halt: Halt) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._ledger = ledger
        self._waiting = deque(waiting)
        self._payload = payload
        self._halt = halt
        self.max_concurrent: Callable[[], int] | None = None
        self._most = 1
        self._live: dict[str, int] = {}
        self._next_number = max(ledger.trials, default=-1) + 1
        self.exhausted = False
        self.kept_score: Callable[[], float] = lambda: -math.inf

    def __getstate__(self) -> Values:
        """Ray pickles the searcher for a restore that is never done."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a resume reads the ledger."""

    @property
    def n_live(self) -> int:
        """Number of trials that Ray holds."""
        return len(self._live)

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """Has Ray leave the counting of running trials to this searcher.

        Ray's own limiter then steps aside.
        """
        self._most = max_concurrent
        return True

    def suggest(self, trial_id: str) -> Any:
        """The config of the next trial; None for "not now"; FINISHED when all is done."""
        if self._halt.requested or len(self._live) >= self._limit():
            return None
        number = self._waiting.popleft() if self._waiting else self._choose()
        if number is None:
            # FINISHED is final, and a trial that still runs may have to be handed out again.
            return None if self._live else Searcher.FINISHED
        # On disk before Ray hears of it: whatever dies from here on, the number is not lost.
        trial = self._ledger.append("started", number)
        self._live[trial_id] = number
        return {
            **self._payload,
            "number": number,
            "trial": trial.config,
            "step": trial.step,
            "reported": trial.epochs,
            "ends": trial.ending is not None,
            "kept_score": self.kept_score(),
        }

    def _limit(self) -> int:
        return self._most if self.max_concurrent is None else self.max_concurrent()

    def on_trial_result(self, trial_id: str, result: Values) -> None:
        """Nothing: the scheduler has told the ledger."""

    def on_trial_complete(
        self, trial_id: str, result: Values | None = None, error: bool = False
    ) -> None:
        """Learns from a finished trial; an unfinished trial waits to go on.

        Ray passes the arguments by name, and tells of stopped and of completed trials alike: only
        the ledger knows the difference.
        """
        number = self._live.pop(trial_id, None)
        if number is None:
            return
        trial = self._ledger.trials[number]
        # The worker was lost or the run is ending, which the scheduler has written; or the trial is
        # still to be measured on all validation rows.
        if not trial.finished:
            self._waiting.append(number)
        else:
            self._learn(trial)

    @abstractmethod
    def _choose(self) -> int | None:
        """Writes a new trial to the ledger; None when there is nothing new to try."""

    @abstractmethod
    def _learn(self, trial: Trial) -> None:
        """Takes in a trial that ended."""

    def _record(self, config: TrialConfig, **born: Any) -> int:
        """Writes a new trial of this configuration, with the other fields that it is born with."""
        number = self._next_number
        self._ledger.append(
            "trial",
            number,
            **born,
            seed=config.seed,
            config=config.model_dump(mode="json"),
            code_version=self._payload["provenance"]["code_version"],
        )
        self._next_number += 1
        return number


METRIC = "score"
