"""What a search will do, settled and checked before anything is started."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from phase6c.config import TrainConfig, TrialConfig, Values
from phase6c.data.bars import Bars
from phase6c.data.preparation import prepare_search_data
from phase6c.data.windows import SearchData
from phase6c.errors import ConfigError
from phase6c.nn.model import count_parameters
from phase6c.space.budget import CountParameters
from phase6c.space.references import find_references
from phase6c.space.space import Reference, Space
from phase6c.stopping.rung_plan import RungPlan, fixed_rungs, ladder, longest_grace, plan_rungs
from phase6c.storage.disk import bytes_needed
from phase6c.study.study_config import STUDY_FILE, StudyConfig, WarmStart, read_study_config
from phase6c.study.study_folder import check_folder, study_name, study_path
from phase6c.tune.proposals.warm_start import read_warm_start, stored_name
from phase6c.tune.runtime.job import drawn_seed
from phase6c.tune.runtime.resources import (
    Resources,
    local_cpus,
    local_gpu_memory_gib,
    plan_resources,
)
from phase6c.tune.search.options import SearchOptions, apply_pins
from phase6c.tune.search.resume import check_resumable
from phase6c.version import code_version


@dataclass(frozen=True)
class StudyPlan:
    """A search that is ready to start.

    Attributes:
        folder: Of the study.
        config: What will be stored as study.json, apart from what only the run can know.
        space: What is searched.
        data: What the trials see.
        references: What runs first.
        options: What was asked for.
        precision_pinned: Whether the precision was given rather than left to a measurement.
    """

    folder: Path
    config: StudyConfig
    space: Space
    data: SearchData
    references: tuple[Reference, ...]
    options: SearchOptions
    precision_pinned: bool

    @cached_property
    def count(self) -> CountParameters:
        """The exact parameter count of a shape with the features at hand."""
        return partial(count_parameters, n_features=len(self.data.feature_names))

    @property
    def rung_plan(self) -> RungPlan:
        """Which trials reach which epoch; with an adaptive grace, at most so many."""
        config = self.config
        epochs, factor = config.train.epochs, config.reduction_factor
        if config.scheduler == "none":
            rungs: tuple[int, ...] = ()
        elif config.adaptive_grace:
            rungs = tuple(one for one in ladder(epochs, factor) if one >= config.grace_epochs)
        else:
            rungs = fixed_rungs(epochs, config.grace_epochs, factor)
        return plan_rungs(config.n_trials, epochs, rungs, factor, config.audit_share)

    @property
    def parameters_per_window(self) -> float | None:
        """Of the budget, for each training window; None where the width is free."""
        budget = self.space.budget
        return None if budget is None else budget.n_params / len(self.data.train)

    def in_budget(self, n_params: int) -> bool:
        """Whether a count lies in the budget; any does where the width is free."""
        return self.space.budget is None or self.space.budget.contains(n_params)

    def resources(self, cluster: tuple[int, int] | None = None) -> Resources:
        """What the search uses, of this machine or of a cluster with (CPUs, GPUs).

        Raises:
            ConfigError: More than one GPU a trial.
            ResourceError: More is asked for than there is.
        """
        memory = local_gpu_memory_gib() if cluster is None else []
        cpus, gpus = cluster or (local_cpus(), len(memory))
        return plan_resources(
            self.space.budget,
            gpus=self.options.gpus,
            gpus_per_trial=self.options.gpus_per_trial,
            cpus=self.options.cpus,
            available_gpus=gpus,
            available_cpus=cpus,
            gpu_memory_gib=min(memory, default=None),
        )

    def disk_bytes(self, max_concurrent: int) -> int:
        """The size of the study's folder at its largest, as far as its epochs can be foreseen."""
        config, n_references = self.config, len(self.references)
        shapes = [count for _, count in self.space.shapes(self.count)]
        models = (build_trial(self, config.train, one.values, 0) for one in self.references)
        return bytes_needed(
            n_params=max(*shapes, *(count for _, count in models), 0),
            n_trials=config.n_trials + n_references,
            max_concurrent=max_concurrent,
            epochs=config.train.epochs,
            total_epochs=self.rung_plan.epochs_expected + n_references * config.train.epochs,
            n_val=len(self.data.val),
            keep=config.keep,
        )


def plan_study(
    space: Space, bars: Bars, options: SearchOptions, cache: Path | None = None
) -> StudyPlan:
    """Settles everything that can be settled without starting anything.

    Args:
        space: What is searched.
        bars: What it is searched on.
        options: How.
        cache: Where computed features are kept; None leaves nothing behind.

    Raises:
        ConfigError: The options or the space cannot be used.
        DataError: The bars do not suffice.
        FolderError: The study's folder may not be used.
    """
    if options.resume and options.overwrite:
        raise ConfigError(
            "--resume goes on with a study and --overwrite replaces it",
            "both",
            "Choose one of them.",
        )
    space, data_config, train, pinned = apply_pins(space, options)
    label = space.budget.name if space.budget else space.name
    name = options.name or study_name(label, bars.sources, data_config)
    folder = study_path(options.out, data_config.tier, name)
    check_folder(folder, resume=options.resume, overwrite=options.overwrite)
    data = prepare_search_data(bars, data_config, cache)
    data.check_context(longest_context(space))
    config = StudyConfig(
        study_id=uuid.uuid4().hex,
        name=name,
        budget=label,
        space=space.describe(),
        sources=bars.sources,
        data=data_config,
        data_digest=data.digest,
        data_summary=data.summary.model_dump(mode="json"),
        train=train,
        n_trials=options.n_trials,
        searcher=options.searcher_name,
        scheduler=options.scheduler,
        grace_epochs=_grace_epochs(options, train),
        adaptive_grace=options.grace_period == "auto",
        reduction_factor=options.reduction_factor,
        audit_share=options.audit_share,
        time_budget_s=options.time_budget_s,
        seed=options.seed,
        keep=options.keep,
        code_version=code_version(),
    )
    plan = StudyPlan(
        folder=folder,
        config=config,
        space=space,
        data=data,
        references=find_references((*space.references, *options.references)),
        options=options,
        precision_pinned=pinned,
    )
    space.sample(np.random.default_rng(options.seed), plan.count)
    if options.resume and (folder / STUDY_FILE).exists():
        return resumed_search(plan)
    config = plan.config.model_copy(update={"warm_start": _warm_start(plan, None)})
    return replace(plan, config=config)


def _warm_start(plan: StudyPlan, stored: WarmStart | None) -> WarmStart | None:
    """What is taken over; what is stored already is not read again."""
    source = plan.options.warm_start
    if source is None or (stored and stored.source == stored_name(source)):
        return stored
    return read_warm_start(source, plan.space, plan.count, plan.config.data)


def _grace_epochs(options: SearchOptions, train: TrainConfig) -> int:
    """The epochs that every trial gets; at most, with an adaptive grace."""
    if options.grace_period == "auto":
        return longest_grace(train.epochs, options.reduction_factor)
    if options.grace_period > train.epochs:
        raise ConfigError(
            "--grace-period must not be above --epochs",
            f"{options.grace_period} above {train.epochs}",
            "Lower the one or raise the other.",
        )
    return options.grace_period


def build_trial(
    plan: StudyPlan, train: TrainConfig, values: Values, number: int
) -> tuple[TrialConfig, int]:
    """Completes flat values to the configuration of trial `number`, with its exact count."""
    base = {**plan.config.data.model_dump(), **train.model_dump()}
    seed = drawn_seed(plan.config.seed, number)
    config = TrialConfig.from_flat({**base, **values, "seed": seed})
    return config, plan.count(config.model)


def longest_context(space: Space) -> int:
    """The longest context in days that the space may ask for."""
    axis = space.axes.get("context_days")
    if axis is None:
        return int(space.fixed["context_days"])
    return max(int(days) for days in axis.points or axis.edges or ())


def resumed_search(plan: StudyPlan) -> StudyPlan:
    """The plan with what the stored study fixes: id, precision, baselines and warm start.

    Raises:
        DataError: The bars have changed.
        ConfigError: Something else has that would mix two searches in one study.
    """
    stored = read_study_config(plan.folder)
    precision = plan.config.train.precision if plan.precision_pinned else stored.train.precision
    train = plan.config.train.model_copy(update={"precision": precision})
    update = {
        "train": train,
        "study_id": stored.study_id,
        "baselines": stored.baselines,
        "warm_start": _warm_start(plan, stored.warm_start),
    }
    config = plan.config.model_copy(update=update)
    check_resumable(stored, config)
    config = config.model_copy(update={"warm_start": stored.warm_start})
    return replace(plan, config=config, precision_pinned=True)
