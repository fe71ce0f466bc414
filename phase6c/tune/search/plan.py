"""The plan of a search, settled and checked before anything is started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from phase6c.config import ModelConfig, TrainConfig
from phase6c.data.bars import Bars
from phase6c.data.preparation import prepare_search_data
from phase6c.errors import ConfigError
from phase6c.space.references import find_references
from phase6c.space.space import Reference, Space
from phase6c.stopping.rung_plan import RungPlan, planned_rungs, starting_grace
from phase6c.storage.disk import bytes_needed
from phase6c.study.study_config import STUDY_FILE, StudyConfig, WarmStart, read_study_config
from phase6c.study.study_folder import check_folder, study_name, study_path
from phase6c.tune.proposals.warm_start import read_warm_start, stored_name
from phase6c.tune.runtime.job import StudyPlan, new_study_config
from phase6c.tune.search.options import SearchOptions, apply_pins
from phase6c.tune.search.resume import check_resumable


@dataclass(frozen=True, kw_only=True)
class SearchPlan(StudyPlan):
    """A search that is ready to start.

    Attributes:
        space: Space that is searched.
        references: Configurations that run first.
        options: Options that were given.
    """

    space: Space
    references: tuple[Reference, ...]
    options: SearchOptions

    @property
    def rung_plan(self) -> RungPlan:
        """Number of trials that reach each epoch."""
        return planned_rungs(self.config)

    @cached_property
    def shapes(self) -> list[tuple[ModelConfig, int]]:
        """The shapes of the space with their parameter counts; listing them takes seconds."""
        return self.space.shapes(self.count)

    def models(self) -> list[ModelConfig]:
        """Every model that a trial may train, those of the references among them."""
        return [*(model for model, _ in self.shapes), *self._reference_models()]

    def _reference_models(self) -> Iterator[ModelConfig]:
        for reference in self.references:
            yield self.build_trial(self.config.train, reference.values, 0)[0].model

    def disk_bytes(self, max_concurrent: int) -> int:
        """The size of the study's folder at its largest, as far as its epochs can be foreseen."""
        config, n_references = self.config, len(self.references)
        n_trials = config.n_trials + n_references
        # References stand outside of the budget, and may be larger than any shape of the space.
        of_references = map(self.count, self._reference_models())
        return bytes_needed(
            n_params=max([*(n_params for _, n_params in self.shapes), *of_references]),
            n_trials=n_trials,
            max_concurrent=max_concurrent,
            epochs=config.train.epochs,
            total_epochs=self.rung_plan.epochs_expected
            + n_references * config.train.epochs
            + n_trials * self.epochs_of_final,
            n_val=self.n_rung_val,
            keep=config.keep,
        )

    def warm_start(self, stored: WarmStart | None) -> WarmStart | None:
        """The warm start from an earlier search; a stored warm start is not read again."""
        # The source may be gone or have grown since, and a resumed search must learn the same.
        source = self.options.warm_start
        if source is None or (stored and stored.source == stored_name(source)):
            return stored
        return read_warm_start(source, self.space, self.count, self.config.data)

    def resumed(self, stored: StudyConfig) -> SearchPlan:
        """The plan with the fields that the stored study fixes.

        These are id, precision, baselines and warm start.

        Raises:
            DataError: The bars have changed.
            ConfigError: Another change would mix two searches in a single study.
        """
        train = self.config.train
        if not self.precision_known:
            train = train.model_copy(update={"precision": stored.train.precision})
        # Studies from before epochs could be parts of a panel go on as they began.
        left = self.options.left_to_data
        train = train.model_copy(update={name: getattr(stored.train, name) for name in left})
        update = {
            "train": train,
            "study_id": stored.study_id,
            "baselines": stored.baselines,
            "warm_start": self.warm_start(stored.warm_start),
        }
        if self.options.sampler == "auto":
            # Studies from before there was a choice go on with the sampler that they began with.
            update["sampler"] = stored.sampler
        config = self.config.model_copy(update=update)
        check_resumable(stored, config)
        config = config.model_copy(update={"warm_start": stored.warm_start})
        return replace(self, config=config, precision_known=True)


def plan_study(
    space: Space, bars: Bars, options: SearchOptions, cache: Path | None = None
) -> SearchPlan:
    """Settles everything that can be settled without starting anything.

    Args:
        space: Space that is searched.
        bars: Bars that it is searched on.
        options: Options of the search.
        cache: Folder in which computed features are kept; None leaves nothing behind.

    Raises:
        ConfigError: The options or the space cannot be used.
        DataError: The bars do not suffice.
        FolderError: The study's folder may not be used.
    """
    if options.resume and options.overwrite:
        raise ConfigError(
            "`resume` goes on with a study and `overwrite` replaces it",
            "both",
            "Choose one of them.",
        )
    space, data_config, train, pinned = apply_pins(space, options)
    label = space.budget.name if space.budget else space.name
    name = options.name or study_name(label, bars.sources, data_config)
    folder = study_path(options.out, data_config.tier, name)
    check_folder(folder, resume=options.resume, overwrite=options.overwrite)
    # The folder comes first, since features of a large panel take minutes.
    data = prepare_search_data(bars, data_config, cache)
    data.check_context(longest_context(space))
    config = new_study_config(
        space,
        bars,
        data,
        data_config,
        train,
        name=name,
        n_trials=options.n_trials,
        searcher=options.searcher_name,
        sampler=options.sampler,
        scheduler=options.scheduler,
        grace_epochs=_grace_epochs(options, train),
        adaptive_grace=options.grace_period == "auto",
        reduction_factor=options.reduction_factor,
        audit_share=options.audit_share,
        time_budget_s=options.time_budget_s,
        seed=options.seed,
        keep=options.keep,
    )
    plan = SearchPlan(
        folder=folder,
        config=config,
        space=space,
        data=data,
        references=find_references((*space.references, *options.references)),
        options=options,
        precision_known=pinned,
    )
    # Fails where the space holds no feasible configuration; the draw itself is not used.
    space.sample(np.random.default_rng(options.seed), plan.count)
    if options.resume and (folder / STUDY_FILE).exists():
        return plan.resumed(read_study_config(folder))
    config = plan.config.model_copy(update={"warm_start": plan.warm_start(None)})
    return replace(plan, config=config)


def _grace_epochs(options: SearchOptions, train: TrainConfig) -> int:
    """Number of epochs that every trial gets; to begin with where the grace is adaptive."""
    if options.grace_period == "auto":
        return starting_grace(train.epochs, options.reduction_factor)
    if options.grace_period > train.epochs:
        raise ConfigError(
            "`grace_period` must not be above `epochs`",
            f"{options.grace_period} above {train.epochs}",
            "Lower the one or raise the other.",
        )
    return options.grace_period


def longest_context(space: Space) -> int:
    """The longest context in days that the space may ask for."""
    axis = space.axes.get("context_days")
    if axis is None:
        return int(space.fixed["context_days"])
    return max(int(days) for days in axis.points or axis.edges or ())
