"""A job is a run of trials on Ray: a search, probes, or an evaluation."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
from pydantic import Field, model_validator
from ray import tune

from phase6c.arguments import WholeNumber
from phase6c.config import (
    CROSS_SECTIONAL,
    DataConfig,
    ModelConfig,
    Objective,
    Record,
    TrainConfig,
    TrialConfig,
    Values,
)
from phase6c.data.bars import Bars
from phase6c.data.windows import SearchData
from phase6c.errors import ConfigError
from phase6c.nn.model import count_parameters
from phase6c.nn.training_memory import training_bytes
from phase6c.space.budget import Budget, CountParameters
from phase6c.space.references import TOKENS, rules_of_today
from phase6c.space.space import Space
from phase6c.study.ledger import Ledger
from phase6c.study.study_config import StudyConfig
from phase6c.terminal.progress import Goal
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.nodes import Node, local_node
from phase6c.tune.runtime.resources import Resources, TrialSize, plan_resources
from phase6c.tune.runtime.trial_searcher import TrialSearcher
from phase6c.version import code_version
from phase6c.wording import counted

# Row, label, weight and targets of a window on the device.
_WINDOW_BYTES = 32

SearcherType = TypeVar("SearcherType", bound=TrialSearcher)
Result = TypeVar("Result")


class RunOptions(Record):
    """The machines that a job may use, and the trackers that are told of it.

    Attributes:
        gpus: Number of GPUs; None for all there are.
        gpus_per_trial: Share of a GPU for each trial; None for as many as its memory holds.
        cpus: Number of CPUs; None for all there are.
        address: Address of a running Ray cluster; None for a Ray of our own.
        wait_for: Number of GPUs, or of CPUs where `gpus` is 0, that must have joined the cluster
            before the run is planned; None to plan with those that are there.
        wait_s: Seconds for which they are waited for at most.
        mlflow: Address of MLflow, which is told of every trial; None to tell it nothing.
        wandb: Name of a project of W&B's, which is told of every trial; None to tell it nothing.
    """

    gpus: WholeNumber | None = Field(default=None, ge=0)
    gpus_per_trial: float | None = None
    cpus: WholeNumber | None = Field(default=None, ge=1)
    address: str | None = None
    wait_for: WholeNumber | None = Field(default=None, ge=1)
    wait_s: float = Field(default=600.0, gt=0)
    mlflow: str | None = None
    wandb: str | None = None

    @model_validator(mode="after")
    def _machines_are_waited_for_in_a_cluster(self) -> Self:
        if self.wait_for is not None and self.address is None:
            raise ValueError("wait_for waits for machines of a cluster, which address names")
        return self


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study whose trials are to be run: its folder, its data, and the machines.

    Attributes:
        folder: Folder of the study.
        config: Content of study.json, apart from the fields that only the run can know.
        data: Windows that the trials train on and are measured on.
        options: Machines that the run may use, and trackers.
        precision_known: Whether the precision is given or stored, rather than to be measured.
    """

    folder: Path
    config: StudyConfig
    data: SearchData
    options: RunOptions
    precision_known: bool = True

    @cached_property
    def count(self) -> CountParameters:
        """The exact parameter count of a shape with the features at hand."""
        return partial(count_parameters, n_features=len(self.data.feature_names))

    @cached_property
    def budget(self) -> Budget | None:
        """The parameter budget; None where the width is free."""
        described = self.config.space["budget"]
        return None if described is None else Budget.model_validate(described)

    @property
    def parameters_per_window(self) -> float | None:
        """Parameters of the budget for each training window; None where the width is free."""
        return None if self.budget is None else self.budget.n_params / len(self.data.train)

    @property
    def n_rung_val(self) -> int:
        """The number of validation windows that an epoch is measured on."""
        return self.config.train.rung_windows(len(self.data.val))

    @property
    def epochs_of_final(self) -> float:
        """Epochs whose measurement is as large as what the last one of a trial has more."""
        return len(self.data.val) / self.n_rung_val - 1

    def in_budget(self, n_params: int) -> bool:
        """Whether a count lies in the budget; every count does where the width is free."""
        return self.budget is None or self.budget.contains(n_params)

    def resources(self, nodes: Sequence[Node] | None = None) -> Resources:
        """The share of these machines that the run uses; of this machine unless any are given.

        Raises:
            ConfigError: A trial is to have more than a single GPU.
            ResourceError: More is asked for than there is.
        """
        there = (local_node(),) if nodes is None else nodes
        # The memory of a trial decides nothing on CPUs, and takes seconds for a large space.
        on_gpus = any(node.gpus for node in there) and self.options.gpus != 0
        return plan_resources(
            there,
            self.trial_size("cuda") if on_gpus else None,
            gpus=self.options.gpus,
            gpus_per_trial=self.options.gpus_per_trial,
            cpus=self.options.cpus,
        )

    def models(self) -> list[ModelConfig]:
        """Every model that a trial may train, heads and dropout aside."""
        models = [model for model, _ in self._stored_space.shapes(self.count)]
        # Of a stored space's rules only the names are known.
        if TOKENS.name in rules_of_today(self.config.space["rules"]):
            models = [model for model in models if TOKENS.allows(model.model_dump())]
        return models

    def trial_size(self, device_type: str) -> TrialSize:
        """What the largest trial takes on a device, `cuda` or `cpu`."""
        n_features = len(self.data.feature_names)
        # Until the precision is measured, the one that takes more memory counts.
        precision = self.config.train.precision if self.precision_known else "float32"
        sizes = [
            (training_bytes(model, n_features, self._batch_size, precision, device_type), model)
            for model in self.models()
        ]
        largest_bytes, largest = max(sizes, key=lambda size: size[0])
        n_windows = len(self.data.train) + len(self.data.val)
        panel_bytes = self.data.features.nbytes + _WINDOW_BYTES * n_windows
        return TrialSize(
            n_params=self.count(largest),
            model_gib=largest_bytes / 2**30,
            panel_gib=panel_bytes / 2**30,
        )

    @cached_property
    def _stored_space(self) -> Space:
        return Space.from_description(self.config.space)

    @property
    def _batch_size(self) -> int:
        """The largest number of windows of a step."""
        axis = self._stored_space.axes.get("batch_size")
        searched = () if axis is None else axis.points or axis.edges or ()
        return max(self.config.train.batch_size, *map(int, searched), 1)

    def build_trial(
        self, train: TrainConfig, values: Mapping[str, Any], number: int
    ) -> tuple[TrialConfig, int]:
        """Completes flat values to the configuration of trial `number`, with its exact count."""
        base = {**self.config.data.model_dump(), **train.model_dump()}
        seed = drawn_seed(self.config.seed, number)
        config = TrialConfig.from_flat({**base, **values, "seed": seed})
        return config, self.count(config.model)


class Job(ABC, Generic[SearcherType, Result]):
    """Trials that are run on Ray until there are no more, and the conclusion from them.

    `run_job` runs it: the folder is held, a stored study is gone on with, Ray is started, the
    searcher hands out trials, and the job concludes.

    Attributes:
        trainable: Class of Ray's that trains a trial.
    """

    trainable: type[tune.Trainable]

    @property
    @abstractmethod
    def study(self) -> StudyPlan:
        """The study that the trials belong to."""

    @property
    def resume(self) -> bool:
        """Whether a study that is there may be gone on with."""
        return True

    @property
    def overwrite(self) -> bool:
        """Whether a study that is there is replaced."""
        return False

    @property
    def time_budget_s(self) -> float | None:
        """Seconds after which the job asks itself to end."""
        return None

    @property
    def silent_epochs(self) -> int:
        """Number of epochs whose time a healthy worker may need for a single report."""
        return 1

    @property
    @abstractmethod
    def goal(self) -> Goal:
        """Number of trials that are to be finished, as far as it can be told."""

    @property
    def shared(self) -> Any:
        """The object that all workers see; the trainable's `setup` takes it as `data`."""
        return self.study.data

    @abstractmethod
    def resumed(self, stored: StudyConfig) -> Self:
        """The same job, with the fields that the stored study has settled.

        Raises:
            DataError: The bars have changed.
            ConfigError: Another study is stored.
        """

    @abstractmethod
    def known_result(self, stored: StudyConfig) -> Result | None:
        """The result of a stored study with nothing left to do; None where trials are left."""

    def prepare(self, *, is_there: bool) -> None:
        """Checks, and tells the user, whatever matters before anything is trained."""

    def settled_config(self, resources: Resources) -> StudyConfig:
        """The study's configuration with the fields that only the run can know."""
        return self.study.config

    @abstractmethod
    def disk_bytes(self, max_concurrent: int) -> int:
        """The size of the study's folder at its largest, with `max_concurrent` trials at a time."""

    @abstractmethod
    def make_searcher(
        self, config: StudyConfig, ledger: Ledger, payload: Values, halt: Halt
    ) -> SearcherType:
        """The searcher that hands out the trials; see `TrialSearcher` for the arguments."""

    @abstractmethod
    def conclude(
        self, config: StudyConfig, ledger: Ledger, searcher: SearcherType, halt: Halt
    ) -> Result:
        """Writes the final files, or raises the reason of an early end; signals are heard on."""


def new_study_config(
    space: Space,
    bars: Bars,
    data: SearchData,
    data_config: DataConfig,
    train: TrainConfig,
    **fields: Any,
) -> StudyConfig:
    """The configuration of a new study, with an identity of its own; without a search in it.

    Args:
        space: Space of the trials' configurations.
        bars, data, data_config: Bars, and the windows that were made of them.
        train: Training of every trial; what was not asked for is fitted to the windows.
        **fields: Further fields of StudyConfig.

    Raises:
        ConfigError: The objective compares tickers, of which there is only one.
    """
    _check_objective(train.objective, data)
    settled = {
        # By it a worker knows that it sees the driver's own folder.
        "study_id": uuid.uuid4().hex,
        "budget": space.budget.name if space.budget else space.name,
        "space": space.describe(),
        "sources": bars.sources,
        "handling": bars.handling,
        "data": data_config,
        "data_digest": data.digest,
        "data_summary": data.summary.model_dump(mode="json"),
        "train": train.fitted_to(len(data.train), len(data.val)),
        "n_trials": 0,
        "searcher": "none",
        "scheduler": "none",
        "code_version": code_version(),
    }
    return StudyConfig.model_validate(settled | fields)


def _check_objective(objective: Objective, data: SearchData) -> None:
    n_tickers = len(np.unique(data.val.tickers))
    if objective in CROSS_SECTIONAL and n_tickers < 2:
        raise ConfigError(
            "An `objective` that ranks the tickers of a day needs several of them",
            f"{objective} with {counted(n_tickers, 'ticker')} in validation",
            "Choose auc, log_loss or refinement, or add tickers.",
        )


def drawn_seed(*entropy: int) -> int:
    """A seed that follows from the study's own seed and its purpose.

    SeedSequence ignores zeros at the end: a number that tells purposes apart stands last and is
    never zero.
    """
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
