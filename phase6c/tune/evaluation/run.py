"""Evaluations on Ray Tune: from the best trials of searches to one model and its card."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune

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
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger, read_trials
from phase6c.study.study_config import StudyConfig, read_study_config, write_study_config
from phase6c.study.study_folder import open_folder
from phase6c.study.trial_folder import FITTED_FILE, OUT_FILE, REFIT_FILE, trial_folder
from phase6c.study.views.json_files import write_views
from phase6c.tune.evaluation.conclusion import conclude
from phase6c.tune.evaluation.fit_trainable import FitTrainable
from phase6c.tune.evaluation.options import EvaluationOptions
from phase6c.tune.evaluation.plan import (
    EvaluationPlan,
    Fit,
    key_of,
    plan_evaluation,
    resumed_evaluation,
)
from phase6c.tune.evaluation.stages import Stages
from phase6c.tune.runtime.ending import Leave, raise_early_end
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.session import MakeListener, Session
from phase6c.tune.runtime.trial_searcher import TrialSearcher
from phase6c.tune.search.resume import warn_of_other_code

logger = logging.getLogger(__name__)


def run_evaluation(studies: str | Path | Sequence[str | Path], **options: Any) -> Evaluated:
    """Trains the best of searches anew, chooses one, and judges it; as `launch/evaluate.py` does.

    Args:
        studies: Folders of studies of the same bars, blocks, label and tier, or one alone.
        **options: Fields of `EvaluationOptions`.

    Raises:
        ConfigError: An option cannot be used.
        DataError: The studies cannot be compared, or their bars have changed.
        FolderError: There is no study, or the model's folder may not be used.
        ResourceError: A GPU or cluster is not there.
        StorageError: A stored file is damaged or gone, or one cannot be written.
        StudyFailedError: No configuration could be trained.
        InterruptedStudyError: A signal ended it early.
    """
    return evaluate(plan_evaluation(studies, parse(EvaluationOptions, options)))


def evaluate(
    plan: EvaluationPlan,
    listeners: Iterable[MakeListener] = (),
    trainable: type[tune.Trainable] = FitTrainable,
    leave: Leave | None = None,
) -> Evaluated:
    """Runs a plan; see `run_evaluation`.

    Args:
        plan: The evaluation.
        listeners, trainable, leave: See `Session`.
    """
    halt = Halt()
    folder = plan.study.folder
    with open_folder(folder, resume=plan.resume, overwrite=False) as is_there:
        if is_there:
            stored = read_study_config(folder)
            plan = resumed_evaluation(plan)
            card = read_card(plan.folder)
            if stored.complete and card is not None and _is_whole(plan.folder):
                logger.info("The evaluation is complete already; nothing is left to do.")
                return Evaluated(plan.folder, card)
            warn_of_other_code(stored, plan.study.config)
            if has_opened(plan.openings, stored.study_id):
                _check_outputs(folder)
        elif plan.resume:
            logger.warning("There is no evaluation in %s; a new one begins.", plan.folder)
        opened = plan.opened_before()
        if opened:
            logger.warning("%s; this evaluation will open it again.", opened)
        logger.info("Figures on the way are of the inner past blocks that choose the epochs.")
        session = Session(plan.study, halt, listeners, trainable, leave, shared=plan.walk)
        with session.run(partial(_make_searcher, plan, halt), plan.disk_bytes) as (
            config,
            ledger,
            searcher,
        ):
            write_views(folder, config, ledger.trials)
            raise_early_end(plan.study, halt, done=searcher.exhausted)
            assert isinstance(searcher, EvaluationSearcher)
            check = partial(raise_early_end, plan.study, halt, done=False)
            return _conclude(searcher.course, config, check)


def _conclude(course: Stages, config: StudyConfig, check: Callable[[], None]) -> Evaluated:
    """Judges; `check` ends it where a signal has come and the test block is still closed."""
    plan = course.plan
    evidence = conclude(course, check)
    write_card(plan.folder, make_card(evidence), evidence)
    config = config.model_copy(update={"complete": True})
    write_study_config(plan.study.folder, config)
    write_views(plan.study.folder, config, course.trials)
    card = read_card(plan.folder)
    assert card is not None
    return Evaluated(plan.folder, card)


def _is_whole(folder: Path) -> bool:
    """Whether the model is as it was written; its trainings can write it again."""
    try:
        check_whole(folder)
    except StorageError as error:
        logger.warning("%s. It is written anew.", error.value)
        return False
    return True


def _draws(config: StudyConfig) -> Draws:
    return Draws(horizon_days=config.data.horizon_days, seed=config.seed)


class EvaluationSearcher(TrialSearcher):
    """Hands out the trainings of an evaluation, a stage after the other.

    What failed for want of a machine, or by a mistake since corrected, and what has lost its output
    is trained again where the evaluation is gone on with, unless it has opened the test block
    already; a divergence would only come again.

    Args:
        plan: Names what is compared.
        draws: Of the race.
        ledger, payload, halt: See `TrialSearcher`.

    Attributes:
        course: How far it has come.
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
            # What was chosen before the test block was opened stays chosen.
            self._again = set()
        self.course = Stages(plan, ledger.trials, draws)
        self._stages = self.course.stages()
        self._left: deque[Fit] = deque()
        self._stage: list[Fit] = []

    def _choose(self) -> int | None:
        while not self.exhausted:
            if self._left:
                return self._begin(self._left.popleft())
            if not all(self._has_ended(fit) for fit in self._stage):
                return None
            self._next_stage()
        return None

    def _next_stage(self) -> None:
        self._stage = next(self._stages, [])
        self.exhausted = not self._stage
        self._left = deque(fit for fit in self._stage if self._is_missing(fit))

    def _has_ended(self, fit: Fit) -> bool:
        trial = self.course.trial(fit)
        return trial is not None and trial.finished

    def _is_missing(self, fit: Fit) -> bool:
        if fit.key in self._again:
            self._again.remove(fit.key)
            return True
        return self.course.trial(fit) is None

    def _begin(self, fit: Fit) -> int:
        one = fit.contender
        return self._record(
            fit.config,
            source="evaluation",
            name=one.name,
            step=fit.step,
            params=one.params,
            n_params=one.n_params,
            in_budget=one.in_budget,
        )

    def _learn(self, trial: Trial) -> None:
        """Nothing here: the course reads what the trainings have predicted."""


def _may_go_well(trial: Trial) -> bool:
    return trial.error is not None and trial.error.kind != "diverged"


def _has_output(trial: Trial, folder: Path) -> bool:
    """Whether what came of a training is there still."""
    own = trial_folder(folder, trial.number)
    output = FITTED_FILE if trial.step == TEST else OUT_FILE
    return trial.state != "COMPLETE" or ((own / REFIT_FILE).exists() and (own / output).exists())


def _check_outputs(folder: Path) -> None:
    """What the choice was made by must be there still.

    Raises:
        StorageError: The output of a training is gone, and it may not be trained again.
    """
    trials = read_trials(folder / LEDGER_NAME).values()
    lost = [trial_folder(folder, one.number) for one in trials if not _has_output(one, folder)]
    if lost:
        raise StorageError(
            "What a training has left must be kept once the test block has been opened",
            f"files are missing in {', '.join(map(str, lost))}",
            "Restore them from a copy, or evaluate again under another --name.",
        )


def _make_searcher(
    plan: EvaluationPlan, halt: Halt, config: StudyConfig, ledger: Ledger, payload: Values
) -> EvaluationSearcher:
    return EvaluationSearcher(plan, _draws(config), ledger, payload, halt)
