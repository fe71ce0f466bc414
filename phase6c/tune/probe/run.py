"""Matched contrasts on Ray: a configuration and its variants, all epochs, paired seeds."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Never

from ray import tune

from phase6c.analysis.contrasts import contrasts
from phase6c.analysis.probed import Probed
from phase6c.arguments import check_keywords, folder_of
from phase6c.config import DataConfig, Objective, Value, Values, parse
from phase6c.data.bars import Bars
from phase6c.errors import ConfigError, StudyFailedError
from phase6c.records import Trial
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger, Listener, Trials, read_trials
from phase6c.study.study import load_study
from phase6c.study.study_config import TRIALS_FILE, StudyConfig
from phase6c.study.views.json_files import write_views
from phase6c.study.views.optuna import write_optuna
from phase6c.terminal.progress import Goal, progress_display
from phase6c.tune.probe.bases import find_bases, reference_name
from phase6c.tune.probe.options import ProbeStudyOptions
from phase6c.tune.probe.plan import ProbePlan, by_digest, values_to_try
from phase6c.tune.probe.study import own_study, stored_study
from phase6c.tune.runtime.ending import raise_early_end
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.job import Job, RunOptions, StudyPlan
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.session import run_job
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.runtime.trial_searcher import TrialSearcher
from phase6c.tune.search.precision_and_baselines import with_precision_and_baselines
from phase6c.tune.search.remarks import data_remarks

logger = logging.getLogger(__name__)

N_SEEDS = 3


def run_probe(  # noqa: PLR0913 - every keyword is named and typed
    source: str | PathLike[str] | Bars,
    base: str,
    vary: Mapping[str, Sequence[Value]],
    *,
    seeds: int = N_SEEDS,
    gpus: int | None = None,
    gpus_per_trial: float | None = None,
    cpus: int | None = None,
    address: str | None = None,
    wait_for: int | None = None,
    wait_s: float = 600.0,
    mlflow: str | None = None,
    wandb: str | None = None,
    data: DataConfig | Mapping[str, Any] | None = None,
    epochs: int | None = None,
    objective: Objective | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    keep: int | None = None,
    listeners: Sequence[Listener] = (),
    progress: bool = True,
    **unknown: Never,
) -> Probed:
    """Trains matched contrasts.

    Every configuration is trained for all epochs under the same seeds, whatever its curve; all
    fields but the varied field stay as they are, d_model too. Trainings that the study has already
    are not repeated, so the same call goes on where it was interrupted.

    Args:
        source: Study or its folder; or bars, for a study of the probe's own.
        base: `best`, `top:K`, `trial:N` or `reference:NAME`; with bars a reference.
        vary: Values to try of each field, a field at a time; empty to repeat the base alone.
        seeds: Number of seeds of every configuration; a larger number begins with the same seeds.
        gpus, gpus_per_trial, cpus, address, wait_for, wait_s: Machines, as in `run_study`.
        mlflow, wandb: Trackers, as in `run_study`.
        data, epochs, objective, seed, out, name, keep: With bars only, as in `run_study`; a
            study that is there has settled them.
        listeners: Functions that are called with every new row of the ledger and its trial.
        progress: Whether the progress is shown on stderr, or in the notebook's cell.
        **unknown: Refused; the message names the nearest keyword.

    Returns:
        The contrasts that were asked for, and the study that their trials belong to.

    Raises:
        ConfigError: An option, the base or a value cannot be used.
        DataError: The bars have changed, or do not suffice.
        FolderError: There is no study, or it is in use.
        ResourceError: A GPU, a cluster or a tracker's package is not there.
        StudyFailedError: No probe reached a value.
        InterruptedStudyError: A signal ended it early.
    """
    # First of all, while the only local names are the keywords as they were given.
    given: Values = locals()
    named = {field: given[field] for field in ProbeStudyOptions.model_fields}
    check_keywords(run_probe, unknown)
    options = {field: value for field, value in named.items() if value is not None}
    plan = plan_probe(source, base, vary, seeds=seeds, **options)
    with progress_display(shown=progress) as display:
        return run_job(ProbeJob(plan), listeners, display)


def plan_probe(
    source: str | PathLike[str] | Bars,
    base: str,
    vary: Mapping[str, Sequence[Value]],
    *,
    seeds: int = N_SEEDS,
    keeps_cache: bool = True,
    **options: Any,
) -> ProbePlan:
    """Settles everything that can be settled without starting anything; see `run_probe`.

    Args:
        source, base, vary, seeds, **options: See `run_probe`.
        keeps_cache: Whether computed features may be kept beside the studies.
    """
    if not isinstance(seeds, int) or seeds < 2:
        rule = "A probe needs two seeds at least, to tell luck apart"
        raise ConfigError(rule, repr(seeds), "Use `seeds=3`.")
    values = values_to_try(vary)
    name = reference_name(base)
    if not isinstance(source, Bars):
        _check_settled_by_study(options)
        folder = folder_of(source, "study")
        study = stored_study(folder, parse(RunOptions, options), keeps_cache=keeps_cache)
    elif name is None:
        raise ConfigError(
            "Without a study, only a reference can be probed",
            base,
            "Name a study's folder, or use `base='reference:january_best'`.",
        )
    else:
        asked = parse(ProbeStudyOptions, options)
        study = own_study(source, name, asked, keeps_cache=keeps_cache)
    plan = ProbePlan(study, find_bases(base, study, known_trials(study.folder)), values, seeds)
    plan.check()
    return plan


def known_trials(folder: Path) -> Trials:
    """The trials of a study by number; empty where the study has no ledger yet."""
    ledger = folder / LEDGER_NAME
    return read_trials(ledger) if ledger.exists() else {}


@dataclass(frozen=True)
class ProbeJob(Job["ProbeSearcher", Probed]):
    """The trainings of a probe on Ray.

    Attributes:
        plan: Plan of the contrasts.
        trainable: Class of Ray's that trains a trial.
    """

    plan: ProbePlan
    trainable: type[tune.Trainable] = TransformerTrainable

    @property
    def study(self) -> StudyPlan:
        return self.plan.study

    @cached_property
    def _known(self) -> Trials:
        """The trials before this run, read once: nobody else writes while the folder is held."""
        return known_trials(self.study.folder)

    @property
    def goal(self) -> Goal:
        # Counted before the first row of this run, so that earlier probes are no part of the goal.
        known = self._known
        ended = {number for number, trial in known.items() if trial.finished}
        missing = len(self.plan.missing(known))
        return Goal(missing, lambda trial: trial.source == "probe" and trial.number not in ended)

    def resumed(self, stored: StudyConfig) -> ProbeJob:
        """The same contrasts, with the study as it is now that nobody else may change it."""
        config = stored.model_copy(update={"code_version": self.study.config.code_version})
        study = replace(self.study, config=config, precision_known=True)
        return replace(self, plan=replace(self.plan, study=study))

    def known_result(self, stored: StudyConfig) -> Probed | None:
        if self.plan.missing(self._known):
            return None
        logger.info("All of this is trained already.")
        return _conclusion(self.plan)

    def prepare(self, *, is_there: bool) -> None:
        for remark in data_remarks(self.study):
            logger.warning(remark)

    def settled_config(self, resources: Resources) -> StudyConfig:
        # The base's own shape, as the first run trains it.
        shape = self.plan.runs[0].config.model
        return with_precision_and_baselines(self.study, shape, resources)

    def disk_bytes(self, max_concurrent: int) -> int:
        return self.plan.disk_bytes(self._known, max_concurrent)

    def make_searcher(
        self, config: StudyConfig, ledger: Ledger, payload: Values, halt: Halt
    ) -> ProbeSearcher:
        # The precision of a reference that is new is known only now.
        plan = self.plan.in_precision(config.train.precision)
        return ProbeSearcher(plan, ledger, payload, halt)

    def conclude(
        self, config: StudyConfig, ledger: Ledger, searcher: ProbeSearcher, halt: Halt
    ) -> Probed:
        folder, trials = self.study.folder, ledger.trials
        plan = self.plan.in_precision(config.train.precision)
        write_views(folder, config, trials)
        write_optuna(folder, config, trials)
        raise_early_end(folder, halt, done=searcher.exhausted and plan.is_done(trials))
        return _conclusion(plan)


def _conclusion(plan: ProbePlan) -> Probed:
    """The contrasts of the plan.

    Raises:
        StudyFailedError: No probe reached a value.
    """
    study = load_study(plan.study.folder)
    trials = {trial.number: trial for trial in study.trials}
    results = contrasts(study, plan.pairs(trials))
    ran = [by_digest(trials)[run.config.digest()] for run in plan.runs]
    has_value = any(trial.best(study.config.objective) for trial in ran)
    # A contrast needs both of its sides; a repeated base is a result in itself.
    if not (any(contrast.seeds for contrast in results) if plan.vary else has_value):
        causes = sorted({trial.error.message for trial in ran if trial.error})
        raise StudyFailedError(
            "At least one probe must reach a value, and of a contrast both sides",
            "; ".join(causes[:3]),
            f"See {study.folder / TRIALS_FILE}.",
        )
    return Probed(study, results)


class ProbeSearcher(TrialSearcher):
    """Hands out the runs of a probe that the study does not have yet, in their order.

    Args:
        plan: Plan with the runs.
        ledger, payload, halt: See `TrialSearcher`.
    """

    def __init__(self, plan: ProbePlan, ledger: Ledger, payload: Values, halt: Halt) -> None:
        known = by_digest(ledger.trials)
        missing = [(run, known.get(run.config.digest())) for run in plan.missing(ledger.trials)]
        begun = [trial.number for _, trial in missing if trial and not trial.finished]
        super().__init__(ledger, begun, payload, halt)
        # A run that was begun goes on under its number; a failed run gets a new number.
        self._left = deque(run for run, trial in missing if not trial or trial.finished)
        self.exhausted = not self._left

    def _choose(self) -> int | None:
        if not self._left:
            return None
        run = self._left.popleft()
        self.exhausted = not self._left
        # The first run of a reference that was not tried is the base that the others refer to.
        base = run.base.number_in(self._ledger.trials)
        stands_for_base = run.base.number is None and run.varied is None
        return self._record(
            run.config,
            source="probe",
            name=run.base.reference if stands_for_base else None,
            contrast_of=self._next_number if base is None else base,
            params=run.params,
            n_params=run.n_params,
            in_budget=run.in_budget,
        )

    def _learn(self, trial: Trial) -> None:
        """Nothing: the runs are settled."""


def _check_settled_by_study(options: Mapping[str, Any]) -> None:
    """Checks that no option is given that the study has settled.

    Raises:
        ConfigError: Such an option is given.
    """
    others = sorted(options.keys() - set(RunOptions.model_fields))
    if others:
        raise ConfigError(
            "A probe takes its data, epochs and seed from its study",
            ", ".join(others),
            "Leave them out, or leave the study out to probe a reference.",
        )
