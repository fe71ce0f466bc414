"""Ray's searchers behind a small interface: asked with a seed, told scores, asked again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import optuna
from hyperopt import tpe
from ray import tune
from ray.tune.search import Searcher
from ray.tune.search.hyperopt import HyperOptSearch
from ray.tune.search.optuna import OptunaSearch

from phase6c.config import Objective, Values
from phase6c.errors import ConfigError
from phase6c.records import Trial
from phase6c.space.axes import Axis, Categories, Continuous, Steps
from phase6c.space.space import Space
from phase6c.study.study_config import SamplerName
from phase6c.tune.proposals.lessons import RungLessons
from phase6c.tune.proposals.optuna_samplers import N_STARTUP, SeededSampler, n_candidates
from phase6c.tune.proposals.window import N_NEWEST, LessonStorage, in_window
from phase6c.tune.runtime.trial_searcher import METRIC

logger = logging.getLogger(__name__)

# A rung is taught once it has so many trials more than the space has axes, as BOHB has it.
_N_MORE = 2


class RaySampler:
    """Any searcher of Ray's, as it comes.

    Args:
        searcher: Searcher that maximises METRIC over the raw values that `ray_domains` describes.
    """

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher
        self._takes_points = True

    def ask(self, key: str, seed: int, attempt: int) -> Values | None:
        """A raw suggestion under this key, drawn by the seed where the searcher can be seeded.

        Args:
            key: Name to tell or withdraw the suggestion by.
            seed: Seed of this draw.
            attempt: Number of suggestions for the same trial that were withdrawn before.
        """
        # None and FINISHED both mean that the searcher has no suggestion now.
        raw: Values | str | None = self._searcher.suggest(key)
        return raw if isinstance(raw, dict) else None

    def observe(self, trial: Trial, raw: Values) -> None:
        """Hears of a trial when it starts and after each of its epochs.

        Nothing is done: Ray's searchers take a single score, when a trial has ended.

        Args:
            trial: The trial as it is now.
            raw: Its raw values.
        """

    def tell(self, key: str, raw: Values, score: float) -> None:
        """Tells the score that a suggestion reached.

        Args:
            key: Name that the suggestion was asked by.
            raw: Raw values of the trial; on a continuous axis they were rounded.
            score: Score of the trial, the larger the better.
        """
        self._searcher.on_trial_complete(key, result={METRIC: score})

    def withdraw(self, key: str) -> None:
        """Takes a suggestion back; nothing is learned of it."""
        # An error without a result, as Ray tells it: Optuna closes the trial as failed, and TPE
        # passes over failed trials.
        self._searcher.on_trial_complete(key, error=True)

    def add(self, raw: Values, score: float) -> None:
        """Tells the score of a point that was not suggested here."""
        if not self._takes_points:
            return
        try:
            self._searcher.add_evaluated_point(raw, score)
        except NotImplementedError:
            self._takes_points = False
            name = type(self._searcher).__name__
            logger.warning("%s learns only of what it suggested itself.", name)


class OptunaSampler(RaySampler):
    """One of Optuna's samplers through OptunaSearch; each draw depends on its own seed alone.

    Args:
        axes: Axes of the search.
        rungs: Epochs at which trials compare, ascending, the last of all epochs included.
        objective: Metric that is optimised.
        name: Which of Optuna's samplers draws.
    """

    def __init__(
        self,
        axes: Mapping[str, Axis],
        rungs: Sequence[int],
        objective: Objective,
        name: SamplerName = "auto",
    ) -> None:
        # Optuna would tell the user of the study that OptunaSearch makes in memory, and of each
        # local search that a Gaussian process could spare.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space = OptunaSearch.convert_search_space(ray_domains(axes))
        self._lessons = RungLessons(rungs, objective, max(N_STARTUP, len(axes) + _N_MORE))
        self._storage = LessonStorage(space)
        self._sampler = SeededSampler(space, name)
        super().__init__(
            OptunaSearch(
                space, metric=METRIC, mode="max", sampler=self._sampler, storage=self._storage
            )
        )

    def observe(self, trial: Trial, raw: Values) -> None:
        """Takes a trial in as it is now."""
        self._lessons.observe(trial, raw)

    def ask(self, key: str, seed: int, attempt: int) -> Values | None:
        """Suggests a point; each attempt looks elsewhere, or among fewer candidates."""
        if attempt == 0:
            lessons = self._lessons.current()
            self._storage.show(lessons)
            self._sampler.choose(lessons.n_ended)
        self._sampler.reseed(seed, attempt)
        return super().ask(key, seed, attempt)

    def tell(self, key: str, raw: Values, score: float) -> None:
        """Closes a suggestion; what became of it was observed."""
        self.withdraw(key)

    def add(self, raw: Values, score: float) -> None:
        """Nothing; what became of the trial was observed."""


class HyperOptSampler(RaySampler):
    """HyperOpt's TPE; it takes foreign points only when it is made, so it is made again."""

    def __init__(self, axes: Mapping[str, Axis]) -> None:
        self._domains = ray_domains(axes)
        self._told: list[tuple[Values, float]] = []
        self._renew()

    def ask(self, key: str, seed: int, attempt: int) -> Values | None:
        """Suggests a point; each attempt chooses among fewer candidates."""
        # A searcher cannot forget: one that has learned many is made again with a window.
        if self._stale or len(self._asked) >= N_NEWEST:
            self._renew()
        self._asked.add(key)
        # HyperOptSearch draws from its public `rstate` and calls `algo`; both are ours to replace.
        self._hyperopt.rstate = np.random.RandomState(seed)
        self._hyperopt.algo = partial(
            tpe.suggest,
            n_startup_jobs=N_STARTUP,
            n_EI_candidates=n_candidates(attempt),
            verbose=False,
        )
        return super().ask(key, seed, attempt)

    def tell(self, key: str, raw: Values, score: float) -> None:
        """Learns a value; a suggestion of an earlier searcher is added as a point."""
        if key not in self._asked:
            self.add(raw, score)
            return
        self._told.append((raw, score))
        super().tell(key, raw, score)

    def add(self, raw: Values, score: float) -> None:
        """Keeps the point for the next searcher: HyperOpt takes no points of others later on."""
        self._told.append((raw, score))
        self._stale = True

    def _renew(self) -> None:
        self._asked: set[str] = set()
        self._stale = False
        # HyperOpt numbers its points from the last to the first, and weighs low numbers least.
        latest_first = in_window(self._told)[::-1]
        searcher = HyperOptSearch(
            HyperOptSearch.convert_search_space(self._domains),
            metric=METRIC,
            mode="max",
            points_to_evaluate=[raw for raw, _ in latest_first] or None,
        )
        # There is no call for known points: they are suggested again and told at once.
        for position, (_, score) in enumerate(latest_first):
            searcher.suggest(f"told.{position}")
            searcher.on_trial_complete(f"told.{position}", result={METRIC: score})
        self._hyperopt: Any = searcher
        super().__init__(searcher)


def ray_domains(axes: Mapping[str, Axis]) -> dict[str, Any]:
    """The domains that Ray Tune draws the axes from, by name."""
    return {name: ray_domain(axis) for name, axis in axes.items()}


def ray_domain(axis: Axis) -> Any:
    """The domain that Ray Tune draws an axis from."""
    match axis.domain:
        # The position in a grid, so that samplers see an order rather than categories.
        case Steps(n):
            return tune.randint(0, n)
        case Continuous(low, high, log):
            return tune.loguniform(low, high) if log else tune.uniform(low, high)
        case Categories(values):
            return tune.choice(list(values))


def make_sampler(
    searcher: str | Searcher,
    space: Space,
    rungs: Sequence[int],
    objective: Objective,
    name: SamplerName = "auto",
) -> RaySampler | None:
    """The sampler over a space that a searcher stands for, or around one of the user's own.

    None stands for uniform draws, which are all that a single configuration needs.

    Args:
        searcher: Name of the searcher, or a searcher of the user's own.
        space: Space that is searched.
        rungs: Epochs at which trials compare, ascending, the last of all epochs included.
        objective: Metric that is optimised.
        name: Which of Optuna's samplers `optuna` carries.

    Raises:
        ConfigError: The searcher does not take the space.
    """
    if not space.axes:
        return None
    if isinstance(searcher, Searcher):
        if not searcher.set_search_properties(METRIC, "max", ray_domains(space.axes)):
            raise ConfigError(
                "A searcher of your own must take the axes of the space that is searched",
                f"{type(searcher).__name__} refuses them",
                "Make a new one for each search, without a space, and with set_search_properties.",
            )
        return RaySampler(searcher)
    if searcher == "optuna":
        return OptunaSampler(space.axes, rungs, objective, name)
    return HyperOptSampler(space.axes) if searcher == "hyperopt" else None
