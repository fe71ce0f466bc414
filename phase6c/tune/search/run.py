"""A search: its job on Ray, and the function that Python users call."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Never

import numpy as np
from ray import tune
from ray.tune.search import Searcher

from phase6c.analysis.correction import correct_best
from phase6c.arguments import check_keywords, check_kinds
from phase6c.config import DataConfig, Objective, Values, parse
from phase6c.data.bars import Bars
from phase6c.errors import StudyFailedError
from phase6c.space.shapes import model_of
from phase6c.space.space import Space
from phase6c.stopping.rung_plan import compared_epochs
from phase6c.study.ledger import Ledger, Listener, Trials
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import (
    TRIALS_FILE,
    SamplerName,
    SchedulerName,
    SearcherName,
    StudyConfig,
    write_study_config,
)
from phase6c.study.study_folder import cache_path
from phase6c.study.views.json_files import write_views
from phase6c.study.views.optuna import write_optuna
from phase6c.terminal.progress import Goal, progress_display
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.samplers import RaySampler, make_sampler
from phase6c.tune.runtime.ending import raise_early_end
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.job import Job
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.session import run_job
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import SearchPlan, plan_study
from phase6c.tune.search.precision_and_baselines import with_precision_and_baselines
from phase6c.tune.search.remarks import remarks
from phase6c.tune.search.searcher import StudySearcher

logger = logging.getLogger(__name__)


def run_study(  # noqa: PLR0913 - every keyword is named and typed
    space: Space,
    bars: Bars,
    *,
    data: DataConfig | Mapping[str, Any] | None = None,
    n_trials: int = 50,
    epochs: int = 27,
    grace_period: int | Literal["auto"] = "auto",
    audit_share: float = 0.05,
    reduction_factor: float = 3.0,
    objective: Objective = "auc",
    searcher: SearcherName | Searcher = "optuna",
    sampler: SamplerName = "auto",
    scheduler: SchedulerName = "asha",
    time_budget_s: float | None = None,
    ranges: bool = False,
    pins: Mapping[str, Any] = {},
    references: Sequence[str] = (),
    warm_start: str | PathLike[str] | None = None,
    gpus: int | None = None,
    gpus_per_trial: float | None = None,
    cpus: int | None = None,
    address: str | None = None,
    wait_for: int | None = None,
    wait_s: float = 600.0,
    mlflow: str | None = None,
    wandb: str | None = None,
    seed: int = 0,
    out: str | Path = "outputs",
    name: str | None = None,
    keep: int = 10,
    resume: bool = False,
    overwrite: bool = False,
    listeners: Sequence[Listener] = (),
    progress: bool = True,
    **unknown: Never,
) -> Study:
    """Searches a space on bars.

    Args:
        space: Space that is searched, such as `search_spaces.budget_2m.SPACE`.
        bars: Bars as `phase6c.load_bars` returns them.
        data: Features, label and horizon, such as
            `{"tier": "a50", "horizon_days": 5, "label": "close"}`; None for the defaults.
        n_trials: Number of sampled and warm-started trials in all.
        epochs: Number of epochs of a trial that is never stopped.
        grace_period: Number of epochs that every trial gets; `auto` has the search settle it.
        audit_share: Epochs spent on finishing some of the trials that a rung would stop, to show
            what rungs cost, as a share of the epochs that stopped trials had.
        reduction_factor: Number of trials at a rung of which a single trial goes on.
        objective: Metric of the validation block that is optimised.
        searcher: Name of the searcher, or a searcher of Ray Tune's that was made without a space;
            it is told `score`, the larger the better.
        sampler: Sampler that `optuna` carries: `gp` is a Gaussian process, `tpe` is TPE, `auto` the
            one for the first results and the other from then on; a resume goes on as it began.
        scheduler: `asha` stops weak trials, `none` stops none.
        time_budget_s: Seconds after which the search ends; None for no limit.
        ranges: Whether the grids of the training axes become ranges.
        pins: Fixed values of configuration fields, by their flat names.
        references: Names of references that run first, beside the references of the space.
        warm_start: Earlier study or its folder, or a file of trials, to take over from.
        gpus: Number of GPUs; None for all there are.
        gpus_per_trial: Share of a GPU for each trial; None for as many as its memory holds.
        cpus: Number of CPUs; None for all there are.
        address: Address of a running Ray cluster; None for a Ray of our own.
        wait_for: Number of GPUs, or of CPUs with `gpus=0`, that must have joined the cluster before
            the search is planned; None to plan with those that are there.
        wait_s: Seconds for which they are waited for at most.
        mlflow: Address of MLflow, such as `http://127.0.0.1:5000` or `sqlite:///mlflow.db`, which
            is told of every trial while the search runs; None to tell it nothing.
        wandb: Name of a project of W&B's, which is told of every trial; None to tell it nothing.
        seed: Seed of the search; all others follow from it.
        out: Root folder of all outputs.
        name: Name of the study; None for a name made from budget, horizon and data.
        keep: Number of trials whose best weights are kept.
        resume: Whether a study that is there is gone on with.
        overwrite: Whether a study that is there is replaced.
        listeners: Functions that are called with every new row of the ledger and its trial.
        progress: Whether the progress is shown on stderr, or in the notebook's cell.
        **unknown: Refused; the message names the nearest keyword.

    Returns:
        The study; its files are in `study.folder`.

    Raises:
        ConfigError: An option or the space cannot be used.
        DataError: The bars do not suffice.
        ResourceError: A GPU, a cluster or a tracker's package is not there.
        FolderError: The output folder may not be used.
        StudyFailedError: No trial reached a value.
        InterruptedStudyError: A signal ended the search early.
    """
    # First of all, while the only local names are the keywords as they were given.
    given: Values = locals() | {"data": data or {}}
    named = {field: given[field] for field in SearchOptions.model_fields}
    check_keywords(run_study, unknown)
    asked = parse(SearchOptions, named)
    check_kinds(
        run_study,
        (space, Space, "search_spaces.tiny.SPACE"),
        (bars, Bars, 'phase6c.load_bars("sp500")'),
    )
    job = search_job(plan_study(space, bars, asked, cache_path(asked.out)))
    with progress_display(shown=progress) as display:
        return run_job(job, listeners, display)


@dataclass(frozen=True)
class SearchJob(Job[StudySearcher, Study]):
    """A search on Ray.

    Attributes:
        plan: Plan of the search.
        trainable: Class of Ray's that trains a trial.
        sampler: Sampler that proposes configurations; None for uniform draws.
    """

    plan: SearchPlan
    trainable: type[tune.Trainable]
    sampler: RaySampler | None

    @property
    def study(self) -> SearchPlan:
        return self.plan

    @property
    def resume(self) -> bool:
        return self.plan.options.resume

    @property
    def overwrite(self) -> bool:
        return self.plan.options.overwrite

    @property
    def time_budget_s(self) -> float | None:
        return self.plan.options.time_budget_s

    @property
    def goal(self) -> Goal:
        # References come on top of the trials that were asked for.
        n_trials = self.plan.config.n_trials
        planned_epochs = self.plan.rung_plan.epochs_expected / n_trials
        return Goal(n_trials, lambda trial: trial.chosen, planned_epochs)

    def resumed(self, stored: StudyConfig) -> SearchJob:
        return replace(self, plan=self.plan.resumed(stored))

    def known_result(self, stored: StudyConfig) -> Study | None:
        if not stored.complete or self.plan.config.n_trials > stored.n_trials:
            return None
        logger.info("The search is complete already; nothing is left to do.")
        return _with_a_value(load_study(self.plan.folder))

    def prepare(self, *, is_there: bool) -> None:
        for remark in remarks(self.plan):
            logger.warning(remark)
        if self.resume and not is_there:
            folder = self.plan.folder
            logger.warning("There is no study to go on with in %s; a new one begins.", folder)

    def settled_config(self, resources: Resources) -> StudyConfig:
        plan = self.plan
        # Drawn by the study's seed: the precision is measured on the same shape in every run.
        values = plan.space.sample(np.random.default_rng(plan.config.seed), plan.count)
        return with_precision_and_baselines(plan, model_of(values), resources)

    def disk_bytes(self, max_concurrent: int) -> int:
        return self.plan.disk_bytes(max_concurrent)

    def make_searcher(
        self, config: StudyConfig, ledger: Ledger, payload: Values, halt: Halt
    ) -> StudySearcher:
        plan = self.plan
        # A probe counts as tried by nobody: its seed and its length differ from a search's.
        known = (ledger.trials[number] for number in sorted(ledger.trials))
        proposals = Proposals(
            plan.space,
            plan.count,
            self.sampler,
            config.objective,
            config.seed,
            [trial for trial in known if trial.searched],
            config.warm_start,
        )
        return StudySearcher(
            ledger,
            proposals,
            partial(plan.build_trial, config.train),
            plan.references,
            config.n_trials,
            plan.in_budget,
            payload,
            halt,
        )

    def conclude(
        self, config: StudyConfig, ledger: Ledger, searcher: StudySearcher, halt: Halt
    ) -> Study:
        folder, trials = self.plan.folder, ledger.trials
        config = _ended(folder, config, trials, exhausted=searcher.exhausted)
        write_study_config(folder, config)
        write_views(folder, config, trials)
        write_optuna(folder, config, trials)
        raise_early_end(folder, halt, done=config.complete)
        return _with_a_value(load_study(folder))


def search_job(
    plan: SearchPlan, trainable: type[tune.Trainable] = TransformerTrainable
) -> SearchJob:
    """A planned search, ready for `run_job`.

    Raises:
        ConfigError: The searcher does not take the space.
    """
    config = plan.config
    sampler = make_sampler(
        plan.options.searcher,
        plan.space,
        compared_epochs(config),
        config.objective,
        config.sampler,
    )
    return SearchJob(plan, trainable, sampler)


def _ended(folder: Path, config: StudyConfig, trials: Trials, *, exhausted: bool) -> StudyConfig:
    """The configuration at the end of a run, with its completeness and the corrected best."""
    unfinished = any(trial.searched and not trial.finished for trial in trials.values())
    chosen = sum(trial.chosen for trial in trials.values())
    if exhausted:
        logger.info("The space holds nothing new after %d trials.", chosen)
    done = exhausted or chosen >= config.n_trials
    config = config.model_copy(update={"complete": done and not unfinished})
    # The best is corrected for the choice among all trials, so only at the end.
    if not config.complete:
        return config
    corrected = correct_best(folder, config, trials.values())
    if corrected is None:
        return config.model_copy(update={"value_corrected": None, "gains_corrected": {}})
    update = {"value_corrected": corrected.value.value, "gains_corrected": corrected.gains}
    return config.model_copy(update=update)


def _with_a_value(study: Study) -> Study:
    """The study, unless it is complete and without a value.

    Raises:
        StudyFailedError: No trial reached a value.
    """
    if study.config.complete and study.best is None:
        causes = sorted({trial.error.message for trial in study.trials if trial.error})
        raise StudyFailedError(
            "At least one trial must reach a value",
            "; ".join(causes[:3]) or "none was eligible",
            f"See {study.folder / TRIALS_FILE}; with more `n_trials`, `resume=True` goes on.",
        )
    return study
