"""What to try next: a Ray searcher's suggestions, feasible and never twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import optuna
from ray import tune
from ray.tune.search import Searcher
from ray.tune.search.hyperopt import HyperOptSearch
from ray.tune.search.optuna import OptunaSearch

from phase6c.axes import Axis, Categories, Interval, Steps, sample
from phase6c.budget import CountParameters
from phase6c.config import (
    ModelConfig,
    Objective,
    OptimConfig,
    TrialConfig,
    Values,
    digest_of,
    parse,
)
from phase6c.records import Trial
from phase6c.space import Space
from phase6c.study import SearcherName, value_of

METRIC = "score"

# Told of a trial without a value while no worst one is known; samplers only rank.
_FAR_BELOW = -10.0

_MAX_ASKS = 30
_MAX_DRAWS = 300
# A grid up to this size is walked through once draws no longer find anything new.
_MAX_WALK = 200_000

Told = tuple[Values, float]


class Proposals:
    """Feasible configurations that were not tried before.

    A suggestion that is infeasible or known is withdrawn and the searcher asked again; after
    that, random draws and at last the grid itself are looked through.

    Args:
        space: What is searched.
        count: The exact parameter count of a shape.
        searcher: Which of Ray's searchers suggests.
        objective: What is optimised.
        seed: Of every draw.
        trials: What earlier runs tried; the searcher is told of them.
    """

    def __init__(
        self,
        space: Space,
        count: CountParameters,
        searcher: SearcherName,
        objective: Objective,
        seed: int,
        trials: Iterable[Trial] = (),
    ) -> None:
        self._space = space
        self._identifying = {*ModelConfig.model_fields, *OptimConfig.model_fields, *space.axes}
        self._count = count
        self._objective = objective
        self._seed = seed
        self._seen: set[str] = set()
        self._open: dict[int, str] = {}
        self._worst: float | None = None
        told: list[Told] = []
        number = 0
        for trial in trials:
            self.reserve(parse(TrialConfig, trial.config))
            number = max(number, trial.number + 1)
            if trial.source == "sampled" and (value := self._lesson(trial)) is not None:
                told.append((self._raw(trial.params), value))
        # A sampler that starts over with the same seed would repeat its start-up points.
        self._searcher = make_searcher(searcher, space, seed + 7919 * number, told)

    def next(self, number: int) -> Values | None:
        """The flat values of trial `number`; None when the space holds nothing new."""
        for ask in range(_MAX_ASKS):
            key = f"{number}.{ask}"
            raw = self._searcher.suggest(key)
            values = self._decoded(raw)
            if self._is_new(values):
                self._open[number] = key
                return values
            self._withdraw(key)
        return self._fallback(number)

    def reserve(self, config: TrialConfig) -> None:
        """Marks a configuration as tried."""
        self._seen.add(self._identity(config))

    def learn(self, trial: Trial) -> None:
        """Tells the searcher how the trial ended; a lost worker or a bug teaches nothing."""
        key = self._open.pop(trial.number, None)
        value = self._lesson(trial)
        if key is not None:
            told = None if value is None else {METRIC: value}
            self._searcher.on_trial_complete(key, result=told, error=told is None)
        elif value is not None and isinstance(self._searcher, OptunaSearch):
            self._searcher.add_evaluated_point(self._raw(trial.params), value)

    def _withdraw(self, key: str) -> None:
        """Rejects a suggestion; HyperOpt forgets failures and would suggest the same again."""
        if isinstance(self._searcher, HyperOptSearch):
            worst = _FAR_BELOW if self._worst is None else self._worst
            self._searcher.on_trial_complete(key, result={METRIC: worst})
        else:
            self._searcher.on_trial_complete(key, error=True)

    def _lesson(self, trial: Trial) -> float | None:
        """The score to learn from; the worst one known for divergence and lack of memory."""
        if trial.state in ("COMPLETE", "PRUNED"):
            value = value_of(trial, self._objective)
            self._worst = value if self._worst is None else min(self._worst, value)
            return value
        if trial.error is not None and trial.error.kind in ("diverged", "oom"):
            return _FAR_BELOW if self._worst is None else self._worst
        return None

    def _decoded(self, raw: Mapping[str, Any] | None) -> Values | None:
        if raw is None:
            return None
        decoded = {name: axis.decode(raw[name]) for name, axis in self._space.axes.items()}
        return self._space.complete(decoded, self._count)

    def _raw(self, values: Mapping[str, Any]) -> Values:
        return {name: axis.encode(values[name]) for name, axis in self._space.axes.items()}

    def _is_new(self, values: Values | None) -> bool:
        if values is None:
            return False
        return self._identity(TrialConfig.from_flat(values)) not in self._seen

    def _identity(self, config: TrialConfig) -> str:
        """What makes a configuration the same as another: model, optimiser and what is searched."""
        flat = config.flat()
        return digest_of({name: flat[name] for name in self._identifying})

    def _fallback(self, number: int) -> Values | None:
        rng = np.random.default_rng([self._seed, number])
        for _ in range(_MAX_DRAWS):
            values = self._space.complete(self._space.draw(rng), self._count)
            if self._is_new(values):
                return values
        if self._space.n_points() > _MAX_WALK:
            return None
        for point in self._space.points():
            values = self._space.complete(point, self._count)
            if self._is_new(values):
                return values
        return None


class RandomSearch(Searcher):
    """Uniform draws, each from a stream of its own."""

    def __init__(self, axes: Mapping[str, Axis], seed: int) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._axes = axes
        self._rng = np.random.default_rng(seed)

    def suggest(self, trial_id: str) -> Values:
        """A uniform draw."""
        return {name: axis.encode(sample(axis, self._rng)) for name, axis in self._axes.items()}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Learns nothing."""


def make_searcher(name: SearcherName, space: Space, seed: int, told: list[Told]) -> Searcher:
    """One of Ray's searchers over the space's lowered axes, told what is known already."""
    domains = {axis_name: ray_domain(axis) for axis_name, axis in space.axes.items()}
    if name == "random":
        return RandomSearch(space.axes, seed)
    if name == "optuna":
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        searcher = OptunaSearch(
            OptunaSearch.convert_search_space(domains),
            metric=METRIC,
            mode="max",
            sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
        )
        for raw, value in told:
            searcher.add_evaluated_point(raw, value)
        return searcher
    return _hyperopt(domains, seed, told)


def _hyperopt(domains: Values, seed: int, told: list[Told]) -> Searcher:
    """HyperOpt has no call for known points: it suggests them again and is told at once."""
    searcher = HyperOptSearch(
        HyperOptSearch.convert_search_space(domains),
        metric=METRIC,
        mode="max",
        points_to_evaluate=[dict(raw) for raw, _ in told] or None,
        n_initial_points=10,
        random_state_seed=seed,
    )
    for position, (_, value) in enumerate(told):
        searcher.suggest(f"told.{position}")
        searcher.on_trial_complete(f"told.{position}", result={METRIC: value})
    return searcher


def ray_domain(axis: Axis) -> Any:
    """What Ray Tune draws an axis from."""
    match axis.domain:
        case Steps(n):
            return tune.randint(0, n)
        case Interval(low, high, log):
            return tune.loguniform(low, high) if log else tune.uniform(low, high)
        case Categories(values):
            return tune.choice(list(values))
