"""Evaluations on Ray: from the best trials of searches to a single model and its card."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Never

from ray import tune

from phase6c.arguments import check_keywords
from phase6c.config import Values, parse
from phase6c.data.splits import TEST
from phase6c.errors import StorageError
from phase6c.evaluation.card import make_card
from phase6c.evaluation.card_files import read_card, write_card
from phase6c.evaluation.evaluated import Evaluated
from phase6c.evaluation.openings import has_opened
from phase6c.evaluation.outcomes import Draws
from phase6c.nn.model_folder import check_whole
from phase6c.records import Trial
from phase6c.statistics.calibrators import CalibrationKind
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger, Listener, read_trials
from phase6c.study.study_config import StudyConfig, write_study_config
from phase6c.study.trial_folder import FITTED_FILE, OUT_FILE, REFIT_FILE, trial_folder
from phase6c.study.views.json_files import write_views
from phase6c.terminal.progress import Goal, progress_display
from phase6c.tune.evaluation.conclusion import conclude
from phase6c.tune.evaluation.fit_trainable import FitTrainable
from phase6c.tune.evaluation.options import EvaluationOptions
from phase6c.tune.evaluation.plan import EvaluationPlan, Fit, key_of, plan_evaluation
from phase6c.tune.evaluation.stages import Stages
from phase6c.tune.runtime.ending import raise_early_end
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.job import Job, StudyPlan
from phase6c.tune.runtime.session import run_job
from phase6c.tune.runtime.trial_searcher import TrialSearcher

logger = logging.getLogger(__name__)


def run_evaluation(  # noqa: PLR0913 - every keyword is named and typed
    studies: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    top: int = 3,
    seeds: int = 5,
    folds: int = 5,
    calibration: CalibrationKind = "auto",
    name: str = "best",
    out: str | Path = "outputs",
    resume: bool = False,
    gpus: int | None = None,
    gpus_per_trial: float | None = None,
    cpus: int | None = None,
    address: str | None = None,
    wait_for: int | None = None,
    wait_s: float = 600.0,
    mlflow: str | None = None,
    wandb: str | None = None,
    listeners: Sequence[Listener] = (),
    progress: bool = True,
    **unknown: Never,
) -> Evaluated:
    """Trains the best of searches anew, chooses a model, and judges it on the test block.

    Args:
        studies: Studies of the same bars, blocks, label and tier, or their folders; or just one.
        top: Number of the best trials of each study that are compared.
        seeds: Largest number of trainings of each configuration in each step.
        folds: Number of folds of the walk forward.
        calibration: Kind of calibrator, or `auto`.
        name: Name of the model's folder, `{out}/models/{name}`.
        out: Root folder of all outputs.
        resume: Whether an evaluation that is there is gone on with.
        gpus, gpus_per_trial, cpus, address, wait_for, wait_s: Machines, as in `run_study`.
        mlflow, wandb: Trackers, as in `run_study`.
        listeners: Functions that are called with every new row of the ledger and its training.
        progress: Whether the progress is shown on stderr, or in the notebook's cell.
        **unknown: Refused; the message names the nearest keyword.

    Returns:
        The folder of the model, and its card.

    Raises:
        ConfigError: An option cannot be used.
        DataError: The studies cannot be compared, or their bars have changed.
        FolderError: There is no study, or the model's folder may not be used.
        ResourceError: A GPU, a cluster or a tracker's package is not there.
        StorageError: A stored file is damaged or gone, or a file cannot be written.
        StudyFailedError: No configuration could be trained.
        InterruptedStudyError: A signal ended it early.
    """
    # First of all, while the only local names are the keywords as they were given.
    given: Values = locals()
    named = {field: given[field] for field in EvaluationOptions.model_fields}
    check_keywords(run_evaluation, unknown)
    plan = plan_evaluation(studies, parse(EvaluationOptions, named))
    with progress_display(shown=progress) as display:
        return run_job(EvaluationJob(plan), listeners, display)


@dataclass(frozen=True)
class EvaluationJob(Job["EvaluationSearcher", Evaluated]):
    """The trainings of an evaluation on Ray.

    Attributes:
        plan: Plan of the evaluation.
        trainable: Class of Ray's that trains a configuration for a step.
    """

    plan: EvaluationPlan
    trainable: type[tune.Trainable] = FitTrainable

    @property
    def study(self) -> StudyPlan:
        return self.plan.study

    @property
    def resume(self) -> bool:
        return self.plan.resume

    @property
    def silent_epochs(self) -> int:
        """The last epoch of a training has a refit of as many epochs behind it."""
        return self.study.config.train.epochs

    @property
    def shared(self) -> Any:
        return self.plan.walk

    @property
    def goal(self) -> Goal:
        return Goal(self.plan.n_fits_at_most, lambda trial: True)

    def resumed(self, stored: StudyConfig) -> EvaluationJob:
        return replace(self, plan=self.plan.resumed(stored))

    def known_result(self, stored: StudyConfig) -> Evaluated | None:
        card = read_card(self.plan.folder)
        # A model that was damaged since is written again from its trainings.
        if not stored.complete or card is None or not _is_whole(self.plan.folder):
            return None
        logger.info("The evaluation is complete already; nothing is left to do.")
        return Evaluated(self.plan.folder, card)

    def prepare(self, *, is_there: bool) -> None:
        plan = self.plan
        # After the opening nothing is trained again: a choice made anew would know the test block.
        if is_there and has_opened(plan.openings, plan.study.config.study_id):
            _check_outputs(plan.study.folder)
        if plan.resume and not is_there:
            logger.warning("There is no evaluation in %s; a new one begins.", plan.folder)
        opened = plan.opened_before()
        if opened:
            logger.warning("%s; this evaluation will open it again.", opened)
        logger.info("Figures on the way are of the inner past blocks that choose the epochs.")

    def disk_bytes(self, max_concurrent: int) -> int:
        return self.plan.disk_bytes(max_concurrent)

    def make_searcher(
        self, config: StudyConfig, ledger: Ledger, payload: Values, halt: Halt
    ) -> EvaluationSearcher:
        draws = Draws(horizon_days=config.data.horizon_days, seed=config.seed)
        return EvaluationSearcher(self.plan, draws, ledger, payload, halt)

    def conclude(
        self, config: StudyConfig, ledger: Ledger, searcher: EvaluationSearcher, halt: Halt
    ) -> Evaluated:
        """Judges; a signal ends the conclusion as long as the test block is still closed."""
        plan, folder = self.plan, self.study.folder
        write_views(folder, config, ledger.trials)
        raise_early_end(folder, halt, done=searcher.exhausted)
        check = partial(raise_early_end, folder, halt, done=False)
        evidence = conclude(searcher.stages, check)
        # Only with the card is the study complete: killed before, a resume concludes again.
        write_card(plan.folder, make_card(evidence), evidence)
        config = config.model_copy(update={"complete": True})
        write_study_config(folder, config)
        write_views(folder, config, ledger.trials)
        card = read_card(plan.folder)
        assert card is not None
        return Evaluated(plan.folder, card)


def _is_whole(folder: Path) -> bool:
    """Whether the model's files are as they were written; its trainings can write them again."""
    try:
        check_whole(folder)
    except StorageError as error:
        logger.warning("%s. It is written anew.", error.value)
        return False
    return True


class EvaluationSearcher(TrialSearcher):
    """Hands out the trainings of an evaluation, a stage after the other.

    A training that failed for want of a machine, or by a mistake since corrected, or that has lost
    its output, is trained again where the evaluation is gone on with, unless it has opened the test
    block already; a divergence would only come again.

    Args:
        plan: Plan of the evaluation.
        draws: Bootstrap draws of the race.
        ledger, payload, halt: See `TrialSearcher`.

    Attributes:
        stages: Stages of the evaluation so far.
    """

    def __init__(
        self, plan: EvaluationPlan, draws: Draws, ledger: Ledger, payload: Values, halt: Halt
    ) -> None:
        trials = [trial for _, trial in sorted(ledger.trials.items())]
        begun = [trial.number for trial in trials if not trial.finished]
        super().__init__(ledger, begun, payload, halt)
        self._again = {
            key_of(trial)
            for trial in trials
            if _may_go_well(trial) or not _has_output(trial, plan.study.folder)
        }
        if has_opened(plan.openings, plan.study.config.study_id):
            # The choice was made before the test block was opened, and stays.
            self._again = set()
        self.stages = Stages(plan, ledger.trials, draws)
        self._to_come = self.stages.in_order()
        self._left: deque[Fit] = deque()
        self._stage: list[Fit] = []

    def _choose(self) -> int | None:
        # A loop, since a stage may hold nothing but trainings that an earlier run has finished.
        while not (self.exhausted or self._halt.requested):
            if self._left:
                return self._begin(self._left.popleft())
            # The next stage depends on the predictions of the whole stage before it.
            if not all(self._has_ended(fit) for fit in self._stage):
                return None
            self._next_stage()
        return None

    def _next_stage(self) -> None:
        stage = next(self._to_come, None)
        self._stage = stage or []
        self.exhausted = stage is None
        self._left = deque(fit for fit in self._stage if self._is_missing(fit))

    def _has_ended(self, fit: Fit) -> bool:
        trial = self.stages.trial(fit)
        return trial is not None and trial.finished

    def _is_missing(self, fit: Fit) -> bool:
        if fit.key in self._again:
            self._again.remove(fit.key)
            return True
        return self.stages.trial(fit) is None

    def _begin(self, fit: Fit) -> int:
        contender = fit.contender
        return self._record(
            fit.config,
            source="evaluation",
            name=contender.name,
            step=fit.step,
            params=contender.params,
            n_params=contender.n_params,
            in_budget=contender.in_budget,
        )

    def _learn(self, trial: Trial) -> None:
        """Nothing here: the stages read the predictions of the trainings."""


def _may_go_well(trial: Trial) -> bool:
    """Whether a failed training may succeed on another machine, or with a corrected mistake."""
    return trial.error is not None and trial.error.kind != "diverged"


def _has_output(trial: Trial, folder: Path) -> bool:
    """Whether the files that a complete training has left are there still."""
    own = trial_folder(folder, trial.number)
    output = FITTED_FILE if trial.step == TEST else OUT_FILE
    return trial.state != "COMPLETE" or ((own / REFIT_FILE).exists() and (own / output).exists())


def _check_outputs(folder: Path) -> None:
    """Checks that the predictions by which the choice was made are there still.

    Raises:
        StorageError: The output of a training is gone, and it may not be trained again.
    """
    trials = read_trials(folder / LEDGER_NAME).values()
    lost = [
        trial_folder(folder, trial.number) for trial in trials if not _has_output(trial, folder)
    ]
    if lost:
        raise StorageError(
            "What a training has left must be kept once the test block has been opened",
            f"files are missing in {', '.join(map(str, lost))}",
            "Restore them from a copy, or evaluate again under another `name`.",
        )
