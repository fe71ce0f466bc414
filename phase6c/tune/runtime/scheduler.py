"""Rungs that compare trials at equal age, remember their decisions and survive a resume."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import ray
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from phase6c.config import Values
from phase6c.errors import ResourceError, StudyFailedError
from phase6c.records import Measurement, Trial
from phase6c.stopping.decisions import Decisions
from phase6c.study.ledger import Ledger
from phase6c.study.study_config import StudyConfig
from phase6c.tune.runtime.faults import Fault, fault_of, hung, misplaced
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.hang import FACTOR, HangWatch
from phase6c.tune.runtime.ray_private import save_before_stop, survive_any_error, workers
from phase6c.wording import counted, duration_text

logger = logging.getLogger(__name__)

# Within an epoch; an epoch that ends forgives, so that preemptible nodes never wear a trial out.
MAX_RETRIES = 3
MAX_LOST_IN_A_ROW = 10
# Before any epoch is known, a hang cannot be told from a long epoch: then a silence is only said.
SILENCE_S = 600.0
SAME_BUG_LIMIT = 3


class RungScheduler(FIFOScheduler):
    """ASHA over trial numbers; it writes each result with its decision to the ledger.

    Ray's own ASHA keys its rungs by Ray's trial ids, which are new after a resume, and loses them
    on a restore. Here a number that is handed out again goes on in its rungs.

    Args:
        ledger: Ledger of the study; the trials that it holds already refill the rungs.
        config: Configuration with the rungs, epochs and objective.
        halt: Request of the end; once made, each trial ends with its epoch and stays unfinished.
        silent_epochs: Number of epochs whose time a healthy worker may need for a single report.

    Attributes:
        before_placing: Called with each of Ray's trials before it is given a place.
        may_be_misplaced: Tells of each of Ray's trials that failed whether its machine may be at
            fault.
    """

    def __init__(
        self, ledger: Ledger, config: StudyConfig, halt: Halt, silent_epochs: int = 1
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._ledger = ledger
        self._halt = halt
        # Number of workers lost since the trial's last epoch, and since the last of any trial's.
        self._retries: Counter[int] = Counter()
        self._n_lost = 0
        self._bugs: Counter[tuple[str, ...]] = Counter()
        self._decisions = Decisions(config, ledger.trials.values())
        self._hung: dict[int, Fault] = {}
        # Trials that go on from a checkpoint before their last known epoch.
        self._repeating: set[int] = set()
        self._watch = HangWatch(factor=FACTOR * silent_epochs)
        for trial in ledger.trials.values():
            for measurement in trial.measurements:
                self._watch.learn(measurement.duration_s, trial.n_params)
        self._survives = False
        self._heard_at = time.monotonic()
        self.before_placing: Callable[[RayTrial], None] = lambda _: None
        self.may_be_misplaced: Callable[[RayTrial], bool] = lambda _: False

    def __getstate__(self) -> Values:
        """Ray pickles the scheduler for a restore that is never done."""
        return {}

    def on_trial_add(self, tune_controller: Any, trial: RayTrial) -> None:
        """Lets the trial's place be chosen."""
        self.before_placing(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> RayTrial | None:
        """Looks after the workers, since Ray asks in each turn of its loop; the choice is Ray's."""
        # In the first turn of the loop, before any worker can have failed.
        if not self._survives:
            survive_any_error(tune_controller)
            self._survives = True
        self._end_hung(tune_controller)
        return super().choose_trial_to_run(tune_controller)

    def on_trial_result(self, tune_controller: Any, trial: RayTrial, result: Values) -> str:
        """Decides, writes result and decision in a single row, and tells Ray."""
        number = trial.config["number"]
        known = self._ledger.trials[number]
        measurement = Measurement.model_validate_json(result["measurement"])
        if result["final"]:
            told = measurement.model_dump(mode="json")
            known = self._ledger.append("final", number, measurement=told)
            self._retries.pop(number, None)
            self._n_lost, self._heard_at = 0, time.monotonic()
        # A worker that goes on from an older checkpoint measures epochs again that are known.
        elif measurement.epoch > known.epochs:
            _remark_on_memory(known, measurement)
            decision, stopped = self._decisions.decide(known, measurement)
            # Result and decision stand in a single row: killed between two rows, a trial would pass
            # its rung on resume. Ray tells callbacks later, so that none could write such a row.
            known = self._ledger.append(
                "result",
                number,
                measurement=measurement.model_dump(mode="json"),
                decision=decision,
                stopped=stopped.model_dump() if stopped else None,
            )
            self._retries.pop(number, None)
            self._repeating.discard(number)
            self._n_lost, self._heard_at = 0, time.monotonic()
        else:
            self._remark_on_repeats(known, measurement.epoch)
        # A trial that still has to be measured on all rows leaves its worker too, and is handed out
        # once more: whoever takes it up, now or after a crash, is told so from the start.
        is_last = known.ending is not None and measurement.epoch >= known.epochs
        if known.finished or is_last or self._halt.requested:
            self._watch.ended(number)
            is_kept = known.finished or result["kept_epoch"] >= measurement.epoch
            # A trial that goes on later leaves its state, if that is written within the grace.
            if self._halt.requested and not is_kept:
                save_before_stop(tune_controller, trial)
            return str(TrialScheduler.STOP)
        self._watch.reported(number, time.monotonic())
        return str(TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: RayTrial) -> None:
        """Finds the cause; a lost worker's trial is handed out again, others have failed.

        Ray tells the scheduler first and the searcher after it, without the error, so the ledger
        has to say by then whether the trial is finished.
        """
        number = trial.config["number"]
        self._watch.ended(number)
        # A worker may die while Ray stops it, after the last result.
        if self._ledger.trials[number].finished:
            return
        fault = self._hung.pop(number, None) or fault_of(trial)
        if fault.kind == "bug" and self.may_be_misplaced(trial):
            fault = misplaced(fault)
        if fault.ours is not None:
            # A full disk or an unshared folder is not this trial's fault: it goes on later.
            self._ledger.append("retry", number, message=fault.message)
            self._halt.request(error=fault.ours)
        elif fault.lost:
            self._lose(number, fault)
        else:
            self._fail(number, fault)

    def rungs(self) -> dict[int, tuple[int, ...]]:
        """The numbers of the trials that entered each rung, by the rung's epoch."""
        return self._decisions.rungs()

    def _lose(self, number: int, fault: Fault) -> None:
        """Hands the trial out again, unless it has lost too many workers within an epoch."""
        self._n_lost += 1
        if self._n_lost >= MAX_LOST_IN_A_ROW:
            # Not the trials are at fault but their machines: the trials go on later.
            self._ledger.append("retry", number, message=fault.message)
            rule = "Trials must have workers that stay alive"
            lost = f"{self._n_lost} lost with no epoch between them, the last: {fault.message}"
            remedy = "Look at memory and disk where they run, then go on."
            self._halt.request(error=ResourceError(rule, lost, remedy))
        elif self._retries[number] < MAX_RETRIES:
            self._retry(number, fault)
        else:
            self._fail(number, fault)

    def _retry(self, number: int, fault: Fault) -> None:
        self._retries[number] += 1
        self._ledger.append("retry", number, message=fault.message)
        logger.warning(
            "trial %d: its worker was lost, retry %d of %d: %s",
            number,
            self._retries[number],
            MAX_RETRIES,
            fault.message.splitlines()[0],
        )

    def _remark_on_repeats(self, known: Trial, epoch: int) -> None:
        """Says once what a trial trains again that goes on from before its last known epoch."""
        if known.number in self._repeating:
            return
        self._repeating.add(known.number)
        again = known.measurements[epoch - 1 :]
        logger.warning(
            "trial %d goes on after epoch %d, its checkpoint: %s trained again, about %s",
            *(known.number, epoch - 1, counted(len(again), "epoch")),
            duration_text(sum(one.duration_s for one in again)),
        )

    def _fail(self, number: int, fault: Fault) -> None:
        error = {"kind": fault.kind, "message": fault.message}
        self._ledger.append("failed", number, state="FAILED", error=error)
        logger.error("trial %d failed (%s): %s", number, fault.kind, fault.message)
        if fault.kind == "bug":
            self._count_bug(fault)

    def _count_bug(self, fault: Fault) -> None:
        """Ends the run if the same bug comes again and again, which would only burn the budget."""
        self._bugs[fault.place] += 1
        if self._bugs[fault.place] >= SAME_BUG_LIMIT:
            self._halt.request(
                error=StudyFailedError(
                    f"At most {SAME_BUG_LIMIT - 1} trials may fail with the same error",
                    fault.message,
                    "Correct the cause, then go on.",
                )
            )

    def _end_hung(self, tune_controller: Any) -> None:
        """Kills the workers of hung trials; Ray then tells of them as of any lost worker.

        Ray has no time limit for a step: a worker that hangs in a driver or a file system would
        keep its share of the machine for ever.
        """
        now, held = time.monotonic(), workers(tune_controller)
        self._heard_at = min(now, self._heard_at + self._watch.forgive_gap(now))
        for number in held:
            self._watch.started(number, self._ledger.trials[number].n_params, now)
        if now - self._heard_at > SILENCE_S and not (held and self._watch.knows_pace):
            without = "" if held else "; Ray has no worker for them"
            silent_min = (now - self._heard_at) / 60
            logger.warning("No trial has ended an epoch for %.0f minutes%s.", silent_min, without)
            self._heard_at = now
        overdue = self._watch.overdue(now)
        # A trial without a worker waits for Ray to place it; that is no hang.
        for number in overdue.keys() & held.keys():
            self._hung[number] = hung(overdue[number])
            logger.warning("trial %d: %s; its worker is ended", number, self._hung[number].message)
            ray.kill(held[number])


def _remark_on_memory(known: Trial, measurement: Measurement) -> None:
    """Warns once for each change that a trial's batch did not fit."""
    before = known.measurements[-1].micro_batch_size if known.measurements else None
    if measurement.micro_batch_size not in (None, before):
        logger.warning(
            "trial %d: out of memory in epoch %d; it goes on with %d windows at a time, which"
            " changes its dropout draws and nothing else",
            known.number,
            measurement.epoch,
            measurement.micro_batch_size,
        )
