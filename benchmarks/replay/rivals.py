"""Searches of other libraries that are compared beside Ray's and Optuna's.

Syne Tune and SMAC are no dependencies; benchmarks/replay/families.py says how they come to be
there.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from methods import REDUCTION_FACTOR, RaySearch, counter, optuna_space, ray_asha, uniform_draw
from optuna.trial import create_trial
from ray.tune.search import Searcher
from tasks import Task

from phase6c.config import Value
from phase6c.space.axes import Axis, Categories, Continuous, Steps
from phase6c.stopping.rung_plan import fixed_rungs
from phase6c.tune.runtime.trial_searcher import METRIC

# Of BOHB's proposals a third are uniform draws (Falkner, Klein and Hutter 2018, section 4.1).
RANDOM_SHARE = 1 / 3
# More than any search of the bench starts.
_MOST_TRIALS = 10_000
_NEVER = datetime(2026, 1, 1)  # noqa: DTZ001 - Syne Tune wants a time and never looks at it


class BohbRule(Searcher):
    """Optuna's TPE on the results of a single rung: the highest that has enough of them.

    Enough is the number of axes and two (Falkner, Klein and Hutter 2018, section 4.1).

    Args:
        task: Task that is searched.
        seed: Seed of all draws.
    """

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._axes, self._space = task.space.axes, optuna_space(task)
        self._rng = np.random.default_rng(seed)
        # Those of ASHA with a grace of a single epoch, and the end.
        self._rungs = (*fixed_rungs(task.epochs, 1, REDUCTION_FACTOR), task.epochs)
        self._values: dict[str, dict[str, Any]] = {}
        # [rung][trial], the value that a trial had reached at the rung.
        self._results: dict[int, dict[str, float]] = {rung: {} for rung in self._rungs}
        self._bests: dict[str, float] = {}

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """A proposal of TPE's, or a uniform draw."""
        enough = [rung for rung in self._rungs if len(self._results[rung]) >= len(self._axes) + 2]
        if not enough or self._rng.random() < RANDOM_SHARE:
            values = uniform_draw(self._axes, self._rng)
        else:
            values = self._proposal(enough[-1])
        self._values[trial_id] = values
        return values

    def _proposal(self, rung: int) -> dict[str, Any]:
        sampler = optuna.samplers.TPESampler(seed=int(self._rng.integers(2**31)))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(
            create_trial(params=self._values[trial_id], distributions=self._space, value=value)
            for trial_id, value in self._results[rung].items()
        )
        return study.ask(self._space).params

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Takes the value of an epoch, whose best so far counts at a rung."""
        epoch, value = result["training_iteration"], result[METRIC]
        if np.isfinite(value):
            self._bests[trial_id] = max(value, self._bests.get(trial_id, value))
        if epoch in self._results and trial_id in self._bests:
            self._results[epoch][trial_id] = self._bests[trial_id]

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Takes the value of the last epoch."""
        if result is not None:
            self.on_trial_result(trial_id, result)


class SyneTune:
    """A search of Syne Tune's, with its defaults and a grace of a single epoch.

    Args:
        task: Task that is searched.
        seed: Seed of all draws.
        name: BOHB, or ASHACQR: conformalised quantile regression on all epochs (Salinas 2023).
    """

    def __init__(self, task: Task, seed: int, name: Literal["BOHB", "ASHACQR"] = "BOHB") -> None:
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer import baselines

        self._task, self._count, self._make_trial = task, counter(), Trial
        self._scheduler = getattr(baselines, name)(
            config_space={name: syne_domain(axis) for name, axis in task.space.axes.items()},
            metric=METRIC,
            time_attr="epoch",
            max_t=task.epochs,
            do_minimize=False,
            random_seed=seed,
            grace_period=1,
            reduction_factor=REDUCTION_FACTOR,
        )
        self._n_started = 0

    def start(self) -> tuple[Any, Mapping[str, Value]] | None:
        suggestion = self._scheduler.suggest()
        if suggestion is None:
            return None
        trial = self._make_trial(self._n_started, suggestion.config, _NEVER)
        self._n_started += 1
        self._scheduler.on_trial_add(trial)
        axes = self._task.space.axes
        values = {name: axis.decode(suggestion.config[name]) for name, axis in axes.items()}
        return trial, self._task.space.complete(values, self._count) or values

    def report(self, handle: Any, epoch: int, score: float) -> bool:
        # Syne Tune has no word for a loss that is not finite but an error of the whole trial.
        if not np.isfinite(score):
            self._scheduler.on_trial_error(handle)
            return False
        result = {METRIC: score, "epoch": epoch}
        if epoch >= self._task.epochs:
            self._scheduler.on_trial_complete(handle, result)
            return False
        return bool(self._scheduler.on_trial_result(handle, result) == "CONTINUE")


def syne_domain(axis: Axis) -> Any:
    """Syne Tune's own description of an axis."""
    from syne_tune.config_space import choice, loguniform, randint, uniform

    match axis.domain:
        case Steps(n):
            return randint(0, n - 1)
        case Continuous(low, high, log):
            return (loguniform if log else uniform)(low, high)
        case Categories(values):
            return choice(list(values))


class Smac(Searcher):
    """SMAC's random forest with its defaults, told what each trial came to.

    Args:
        task: Task that is searched.
        seed: Seed of all draws.
    """

    def __init__(self, task: Task, seed: int) -> None:
        import ConfigSpace
        from smac import HyperparameterOptimizationFacade, Scenario

        super().__init__(metric=METRIC, mode="max")
        space = ConfigSpace.ConfigurationSpace(seed=seed % 2**31)
        space.add([smac_parameter(name, axis) for name, axis in task.space.axes.items()])
        self._folder = tempfile.TemporaryDirectory()
        scenario = Scenario(
            space,
            deterministic=True,
            n_trials=_MOST_TRIALS,
            seed=seed % 2**31,
            output_directory=Path(self._folder.name),
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario, _never_called, overwrite=True, logging_level=logging.ERROR
        )
        self._asked: dict[str, Any] = {}

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """A proposal of the forest's, or a point of the first design."""
        self._asked[trial_id] = self._facade.ask()
        return {name: _plain(value) for name, value in self._asked[trial_id].config.items()}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Takes the value of the last epoch, whichever that was."""
        from smac.runhistory import StatusType, TrialValue

        value = result[METRIC] if result is not None else float("nan")
        ended = np.isfinite(value)
        status = StatusType.SUCCESS if ended else StatusType.CRASHED
        told = TrialValue(cost=-value if ended else float("inf"), status=status)
        self._facade.tell(self._asked.pop(trial_id), told, save=False)


def _never_called(config: Any, seed: int = 0) -> float:
    raise AssertionError("the trials are told")


def _plain(value: Any) -> Any:
    """A value of Python's own in place of numpy's."""
    return value.item() if isinstance(value, np.generic) else value


def smac_parameter(name: str, axis: Axis) -> Any:
    """ConfigSpace's description of an axis, whose values are raw."""
    from ConfigSpace import Categorical, Float, Integer

    match axis.domain:
        case Steps(n):
            return Integer(name, (0, n - 1))
        case Continuous(low, high, log):
            return Float(name, (low, high), log=log)
        case Categories(values):
            return Categorical(name, list(values))


def smac_asha(task: Task, seed: int, grace: float | None) -> RaySearch:
    """SMAC with Ray's ASHA."""
    return RaySearch(task, Smac(task, seed), ray_asha(task, grace))


def bohb_rule(task: Task, seed: int, grace: float | None) -> RaySearch:
    """BOHB's rule with Ray's ASHA."""
    return RaySearch(task, BohbRule(task, seed), ray_asha(task, grace))
