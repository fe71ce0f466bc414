"""The searches that are compared: libraries as they come, and phase6c with its own objects."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch
from tasks import Task

from phase6c.config import DataConfig, TrainConfig, TrialConfig, Value
from phase6c.nn.model import count_parameters
from phase6c.records import Health, Measurement, Metrics
from phase6c.space.axes import Axis, sample
from phase6c.space.budget import CountParameters
from phase6c.stopping.rung_plan import compared_epochs, starting_grace
from phase6c.study.ledger import Ledger
from phase6c.study.study_config import StudyConfig
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.samplers import make_sampler, ray_domains
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.scheduler import RungScheduler
from phase6c.tune.runtime.trial_searcher import METRIC
from phase6c.tune.search.searcher import StudySearcher

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController
    from ray.tune.experiment import Trial as RayTrial

N_FEATURES = 100
REDUCTION_FACTOR = 3
SAMPLERS = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
_HEALTHY = Health(verdict="healthy")
# Linux keeps this folder in memory, where a ledger that is written row by row costs no disk.
_MEMORY = Path("/dev/shm")  # noqa: S108
# ASHA is handed Tune's controller and never looks at it.
_CONTROLLER = cast("TuneController", None)

optuna.logging.set_verbosity(optuna.logging.ERROR)


def counter() -> CountParameters:
    """Parameter counts with the default tier's number of features."""
    return partial(count_parameters, n_features=N_FEATURES)


class RandomSearch(Searcher):
    """Uniform draws."""

    def __init__(self, axes: Mapping[str, Axis], seed: int) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._axes = axes
        self._rng = np.random.default_rng(seed)

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """A uniform draw."""
        return uniform_draw(self._axes, self._rng)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Learns nothing."""


class RaySearch:
    """A searcher and a scheduler of Ray as they come, told of each other's trials as Tune does."""

    def __init__(
        self, task: Task, searcher: Searcher, scheduler: AsyncHyperBandScheduler | None
    ) -> None:
        self._task = task
        self._searcher = searcher
        self._scheduler = scheduler
        self._count = counter()
        self._n_started = 0

    def start(self) -> tuple[Any, Mapping[str, Any]] | None:
        trial_id = str(self._n_started)
        raw = self._searcher.suggest(trial_id)
        # Ray declares a dict or None, but a searcher without further points returns FINISHED.
        if not isinstance(raw, dict):
            return None
        self._n_started += 1
        axes = self._task.space.axes
        values = {name: axis.decode(raw[name]) for name, axis in axes.items()}
        # Ray's own Trial would make folders; ASHA reads nothing of it but these fields.
        trial = SimpleNamespace(trial_id=trial_id, config=values, evaluated_params=values)
        if self._scheduler is not None:
            self._scheduler.on_trial_add(_CONTROLLER, cast("RayTrial", trial))
        return trial, self._task.space.complete(values, self._count) or values

    def report(self, handle: Any, epoch: int, score: float) -> bool:
        result = {METRIC: score, "training_iteration": epoch}
        action = TrialScheduler.CONTINUE
        if self._scheduler is not None:
            action = self._scheduler.on_trial_result(_CONTROLLER, handle, result)
        if epoch < self._task.epochs and action == TrialScheduler.CONTINUE:
            self._searcher.on_trial_result(handle.trial_id, result)
            return True
        if self._scheduler is not None:
            self._scheduler.on_trial_complete(_CONTROLLER, handle, result)
        self._searcher.on_trial_complete(handle.trial_id, result=result)
        return False


def ray_optuna(task: Task, seed: int, grace: float | None) -> RaySearch:
    """OptunaSearch with its own defaults; `grace` in epochs, or below 1 a share of all epochs."""
    searcher = OptunaSearch(optuna_space(task), metric=METRIC, mode="max", seed=seed)
    return RaySearch(task, searcher, ray_asha(task, grace))


def random_asha(task: Task, seed: int, grace: float | None) -> RaySearch:
    """Uniform draws."""
    return RaySearch(task, RandomSearch(task.space.axes, seed), ray_asha(task, grace))


def ray_asha(task: Task, grace: float | None) -> AsyncHyperBandScheduler | None:
    """Ray's ASHA; without a grace no rungs at all."""
    if grace is None:
        return None
    return AsyncHyperBandScheduler(
        metric=METRIC,
        mode="max",
        max_t=task.epochs,
        grace_period=grace_epochs(task, grace),
        reduction_factor=REDUCTION_FACTOR,
    )


def grace_epochs(task: Task, grace: float) -> int:
    """Number of epochs of a grace that may be a share of them."""
    return max(1, int(np.ceil(grace * task.epochs if grace < 1 else grace)))


class PlainOptuna:
    """Optuna by hand: a sampler of its own, TPE or its Gaussian process, and successive halving."""

    def __init__(
        self, task: Task, seed: int, grace: int = 1, sampler: Literal["tpe", "gp"] = "tpe"
    ) -> None:
        self._task = task
        self._count, self._space = counter(), optuna_space(task)
        self._study = optuna.create_study(
            direction="maximize",
            sampler=SAMPLERS[sampler](seed=seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(
                min_resource=grace, reduction_factor=REDUCTION_FACTOR
            ),
        )

    def start(self) -> tuple[Any, Mapping[str, Any]] | None:
        trial = self._study.ask(self._space)
        axes = self._task.space.axes
        values = {name: axis.decode(trial.params[name]) for name, axis in axes.items()}
        return trial, self._task.space.complete(values, self._count) or values

    def report(self, handle: Any, epoch: int, score: float) -> bool:
        handle.report(score, epoch)
        if epoch < self._task.epochs and not handle.should_prune():
            return True
        state = optuna.trial.TrialState
        if epoch < self._task.epochs:
            self._study.tell(handle, state=state.PRUNED)
        else:
            self._study.tell(handle, score)
        return False


def optuna_space(task: Task) -> dict[str, BaseDistribution]:
    """Optuna's own description of a task's axes, as OptunaSearch makes it."""
    space: dict[str, BaseDistribution] = OptunaSearch.convert_search_space(
        ray_domains(task.space.axes)
    )
    return space


def uniform_draw(axes: Mapping[str, Axis], rng: np.random.Generator) -> dict[str, Value]:
    """Raw values, each drawn uniformly from its axis."""
    return {name: axis.encode(sample(axis, rng)) for name, axis in axes.items()}


class Phase6c:
    """The product's own searcher and scheduler, on a ledger in memory.

    Attributes:
        ledger: Ledger of the search.
        config: Configuration of the study.
    """

    def __init__(
        self, task: Task, seed: int, n_workers: int, *, n_trials: int = 10_000, **options: Any
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
        count, data = counter(), DataConfig()
        train = TrainConfig(epochs=task.epochs, patience_epochs=options.pop("patience", 6))
        self.ledger = Ledger(Path(self._folder.name) / "ledger.jsonl")
        searcher = options.pop("searcher", "optuna")
        sampler = options.setdefault("sampler", "auto")
        options.setdefault("grace_epochs", starting_grace(task.epochs, REDUCTION_FACTOR))
        options.setdefault("adaptive_grace", True)
        options.setdefault("audit_share", 0.05)
        self.config = config = StudyConfig(
            study_id="replay",
            name="replay",
            budget="replay",
            space=task.space.describe(),
            sources=(),
            data=data,
            data_digest="",
            data_summary={},
            train=train,
            n_trials=n_trials,
            searcher=searcher,
            code_version="",
            seed=seed,
            reduction_factor=REDUCTION_FACTOR,
            **options,
        )
        halt = Halt(None)

        def build(values: Mapping[str, Any], number: int) -> tuple[TrialConfig, int]:
            fields = {**data.model_dump(), **train.model_dump(), **values, "seed": number}
            trial = TrialConfig.from_flat(fields)
            return trial, count(trial.model)

        self._searcher = StudySearcher(
            self.ledger,
            Proposals(
                task.space,
                count,
                make_sampler(
                    searcher, task.space, compared_epochs(config), train.objective, sampler
                ),
                train.objective,
                seed,
            ),
            build,
            (),
            n_trials,
            lambda _: True,
            {"provenance": {"code_version": ""}},
            halt,
        )
        self._searcher.set_max_concurrency(n_workers)
        self._scheduler = RungScheduler(self.ledger, config, halt)
        self._n_started = 0

    def start(self) -> tuple[Any, Mapping[str, Any]] | None:
        trial_id = str(self._n_started)
        payload = self._searcher.suggest(trial_id)
        if payload is None or payload == Searcher.FINISHED:
            return None
        self._n_started += 1
        trial = SimpleNamespace(trial_id=trial_id, config=payload)
        return trial, self.ledger.trials[payload["number"]].params

    def report(self, handle: Any, epoch: int, score: float) -> bool:
        measurement = Measurement(
            epoch=epoch,
            value=score if np.isfinite(score) else None,
            metrics=Metrics(),
            health=_HEALTHY,
            duration_s=0.0,
        )
        told = measurement.model_dump_json()
        result = {"epoch": epoch, METRIC: score, "measurement": told, "final": False}
        action = self._scheduler.on_trial_result(None, handle, result)
        if action == TrialScheduler.CONTINUE:
            self._searcher.on_trial_result(handle.trial_id, result)
            return True
        self._searcher.on_trial_complete(handle.trial_id, result=result)
        return False
