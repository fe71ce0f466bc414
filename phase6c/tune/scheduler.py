"""Rungs that compare trials at equal age, remember their decisions and survive a resume."""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

from ray.exceptions import RayActorError, RayTaskError
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from phase6c.config import Values
from phase6c.decisions import Decisions
from phase6c.errors import Phase6cError, StudyFailedError
from phase6c.ledger import Ledger
from phase6c.records import ErrorKind, Measurement
from phase6c.study import StudyConfig
from phase6c.tune.halt import Halt
from phase6c.tune.samplers import METRIC

logger = logging.getLogger(__name__)

MAX_RETRIES = 3
SAME_BUG_LIMIT = 3


class RungScheduler(AsyncHyperBandScheduler):
    """ASHA over trial numbers; it writes each result with its decision to the ledger.

    Args:
        ledger: Trials that it holds already refill the rungs.
        config: The study's rungs, epochs and objective.
        halt: Once requested, each trial ends with its epoch and stays unfinished.
    """

    def __init__(self, ledger: Ledger, config: StudyConfig, halt: Halt) -> None:
        super().__init__(
            time_attr="epoch",
            metric=METRIC,
            mode="max",
            max_t=config.train.epochs,
            grace_period=min(config.grace_epochs, config.train.epochs),
            reduction_factor=config.reduction_factor,
        )
        self._ledger = ledger
        self._config = config
        self._halt = halt
        self._retries: Counter[int] = Counter()
        self._bugs: Counter[str] = Counter()
        self._decisions = Decisions(config, ledger.trials.values())

    def __getstate__(self) -> Values:
        """Ray pickles the scheduler for a restore that is never done."""
        return {}

    def on_trial_add(self, tune_controller: Any, trial: RayTrial) -> None:
        """Nothing: there is one bracket, and it is keyed by our numbers."""

    def on_trial_remove(self, tune_controller: Any, trial: RayTrial) -> None:
        """Nothing: a removed trial keeps its place in the rungs."""

    def on_trial_complete(self, tune_controller: Any, trial: RayTrial, result: Values) -> None:
        """Nothing: every end is decided in `on_trial_result`."""

    def on_trial_result(self, tune_controller: Any, trial: RayTrial, result: Values) -> str:
        """Decides, writes result and decision in one row, and tells Ray."""
        number = trial.config["number"]
        known = self._ledger.trials[number]
        measurement = Measurement.model_validate_json(result["measurement"])
        if measurement.epoch > known.epochs:
            decision, stopped = self._decisions.decide(known, measurement)
            known = self._ledger.append(
                "result",
                number,
                measurement=measurement.model_dump(mode="json"),
                decision=decision,
                stopped=stopped.model_dump() if stopped else None,
            )
        ends = known.finished or self._halt.requested
        return str(TrialScheduler.STOP if ends else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: RayTrial) -> None:
        """Finds the cause; a lost worker's trial is handed out again, others have failed."""
        number = trial.config["number"]
        if self._ledger.trials[number].finished:
            return
        kind, error = _cause_of(trial)
        if isinstance(error, Phase6cError):
            # A full disk or an unshared folder is not this trial's fault: it goes on later.
            self._ledger.append("retry", number, message=str(error))
            self._halt.request(error=error)
            return
        if kind == "worker_lost" and self._retries[number] < MAX_RETRIES:
            self._retries[number] += 1
            self._ledger.append("retry", number, message=str(error))
            logger.warning(
                "trial %d: worker lost, retry %d of %d", number, self._retries[number], MAX_RETRIES
            )
            return
        message = f"{type(error).__name__}: {error}"
        self._ledger.append(
            "failed", number, state="FAILED", error={"kind": kind, "message": message[:2000]}
        )
        logger.error("trial %d failed (%s): %s", number, kind, message)
        if kind == "bug":
            self._count_bug(message)

    def rungs(self) -> dict[int, tuple[int, ...]]:
        """The numbers that entered each rung, by its epoch."""
        return self._decisions.rungs()

    def _count_bug(self, message: str) -> None:
        """The same bug again and again would only burn the budget."""
        self._bugs[message] += 1
        if self._bugs[message] >= SAME_BUG_LIMIT:
            self._halt.request(
                error=StudyFailedError(
                    f"At most {SAME_BUG_LIMIT - 1} trials may fail with the same error",
                    message,
                    "Correct the cause, then go on with --resume.",
                )
            )


def _cause_of(trial: RayTrial) -> tuple[ErrorKind, BaseException]:
    """What ended the trial; Ray keeps it in a file on the driver."""
    path = trial.pickled_error_file
    error: BaseException = RuntimeError("the trial ended without a message")
    if path and Path(path).exists():
        error = pickle.loads(Path(path).read_bytes())  # noqa: S301 - written by Ray on this driver
    if isinstance(error, RayTaskError):
        error = getattr(error, "cause", None) or error
    if isinstance(error, RayActorError):
        return "worker_lost", error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "oom", error
    return "bug", error
