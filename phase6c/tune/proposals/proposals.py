"""The next configurations to try: a sampler's suggestions, feasible and never twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from phase6c.config import Objective, TrialConfig, Values, parse
from phase6c.records import Trial, score
from phase6c.space.budget import CountParameters
from phase6c.space.space import Space, with_defaults
from phase6c.study.ranking import rung_value_of
from phase6c.study.study_config import WarmStart
from phase6c.tune.proposals.enqueued import Enqueued
from phase6c.tune.proposals.failures import Failures
from phase6c.tune.proposals.prior import Prior
from phase6c.tune.proposals.samplers import RaySampler

# The lesson of a trial without a value while no worst value is known; samplers only rank, so that
# any score below all others will do.
_FAR_BELOW = -10.0

# Share of proposals that are uniform draws: a sampler that starts badly could stay where it is.
# In replays it costs nothing on average.
RANDOM_SHARE = 0.1
# Each suggestion of TPE's costs ten milliseconds and more; after so many, uniform draws are the
# cheaper way to a new configuration.
_MAX_ASKS = 12
_MAX_DRAWS = 300
# A grid up to this size is walked through once draws no longer give anything new.
_MAX_WALK = 200_000


class _Suggestion(NamedTuple):
    """A suggestion of a sampler under a key, as complete flat values."""

    key: str
    values: Values


class Proposals:
    """Feasible configurations that were not tried before.

    A suggestion that is infeasible, known or likely to fail is withdrawn and the sampler asked
    again; after that, uniform draws and at last the grid itself are looked through. The proposal
    for a trial follows from the seed, the trial's number and the lessons learned before.

    Args:
        space: Space that is searched.
        count: Function that gives the exact parameter count of a shape.
        sampler: Sampler that suggests; None for uniform draws.
        objective: Metric that is optimised.
        seed: Seed of every draw.
        trials: Trials of earlier runs; the sampler is told of them.
        warm_start: Starts and prior of an earlier search; the prior chooses among suggestions, as
            far as this search's results agree with it.
    """

    def __init__(
        self,
        space: Space,
        count: CountParameters,
        sampler: RaySampler | None,
        objective: Objective,
        seed: int,
        trials: Iterable[Trial] = (),
        warm_start: WarmStart | None = None,
    ) -> None:
        self._space = space
        self._count = count
        self._sampler = sampler
        self._objective = objective
        # With the same seed a warm-started search would repeat the draws of its source.
        self._seed = [seed, int(warm_start.source_digest[:8], 16)] if warm_start else [seed]
        # It is stored as it was read, and axes may have been added since.
        warm_start = warm_start and _of_all_axes(warm_start, space)
        self._starts = Enqueued(warm_start.starts if warm_start else ())
        self._failures = Failures(space.axes)
        self._prior = Prior(space.axes, warm_start.points) if warm_start else None
        self._seen: set[str] = set()
        self._open: dict[int, str] = {}
        self._worst = _FAR_BELOW
        for trial in trials:
            self.reserve(parse(TrialConfig, trial.config))
            if trial.source == "warm_start":
                self._starts.mark_tried()
            self.learn(trial)

    def next(self, number: int) -> Values | None:
        """The flat values of trial `number`; None when the space holds nothing new."""
        # A generator for each number rather than for the whole search: the order of earlier draws
        # changes nothing, and a resumed search draws as if undisturbed.
        rng = np.random.default_rng([*self._seed, number])
        # Of a grid that is almost used up, most suggestions are known; uniform draws are cheaper.
        left = max(0.0, 1 - len(self._seen) / self._space.n_points())
        seeds = rng.integers(2**31, size=_MAX_ASKS)[: math.ceil(left * _MAX_ASKS)]
        if self._sampler is not None and rng.random() >= RANDOM_SHARE:
            wanted = self._prior.n_candidates(rng.random()) if self._prior else 1
            suggestions = list(islice(self._suggestions(self._sampler, number, seeds), wanted))
            if suggestions:
                return self._choose(self._sampler, number, suggestions)
        return self._drawn(rng)

    def next_start(self) -> Values | None:
        """The flat values of the next warm start that was not tried; None when no start is due."""
        return self._starts.next(self._is_new)

    def reserve(self, config: TrialConfig) -> None:
        """Marks a configuration as tried."""
        self._seen.add(config.identity(self._space.axes))

    def learn(self, trial: Trial) -> None:
        """Takes a trial in as it is now, running or ended.

        A trial that was lost with its worker or ended by a bug teaches nothing.
        """
        # References and probes are no choice of the search; their shapes may lie outside its space.
        if not trial.chosen:
            return
        params = trial.values_of(self._space.axes)
        if self._sampler is not None and self._holds(params):
            self._sampler.observe(trial, self._raw(params))
        if trial.finished:
            self._learn_end(trial, params)

    def _learn_end(self, trial: Trial, params: Values) -> None:
        asked = self._open.pop(trial.number, None)
        lesson = self._lesson(trial)
        if trial.source == "warm_start":
            self._starts.judge(lesson)
        elif lesson is not None:
            self._starts.compare_with(lesson)
        if lesson is None:
            # While it is open, TPE counts an asked point as bad and keeps away from it.
            if self._sampler is not None and asked is not None:
                self._sampler.withdraw(asked)
        elif self._holds(params):
            self._failures.learn(params, failed=trial.state == "FAILED")
            if self._prior is not None:
                self._prior.learn(params, lesson)
            if self._sampler is not None:
                self._tell(self._sampler, asked, self._raw(params), lesson)

    def _suggestions(
        self, sampler: RaySampler, number: int, seeds: np.ndarray
    ) -> Iterator[_Suggestion]:
        """The sampler's suggestions that are feasible and new; the others are withdrawn."""
        n_withdrawn = 0
        for position, seed in enumerate(seeds):
            key = f"{number}.{position}"
            raw = sampler.ask(key, int(seed), n_withdrawn)
            if raw is None:
                continue
            decoded = {name: axis.decode(raw[name]) for name, axis in self._space.axes.items()}
            values = self._space.complete(decoded, self._count)
            rng = np.random.default_rng([seed, position])
            if values is not None and self._is_wanted(values, rng):
                yield _Suggestion(key, values)
            else:
                sampler.withdraw(key)
                n_withdrawn += 1

    def _choose(self, sampler: RaySampler, number: int, suggestions: list[_Suggestion]) -> Values:
        """The suggestion that the prior expects most of; the others are withdrawn."""
        prior, chosen = self._prior, suggestions[0]
        if prior is not None:
            chosen = max(suggestions, key=lambda suggestion: prior.expected(suggestion.values))
        for suggestion in suggestions:
            if suggestion is not chosen:
                sampler.withdraw(suggestion.key)
        self._open[number] = chosen.key
        return chosen.values

    @staticmethod
    def _tell(sampler: RaySampler, asked: str | None, raw: Values, lesson: float) -> None:
        if asked is None:
            sampler.add(raw, lesson)
        else:
            sampler.tell(asked, raw, lesson)

    def _lesson(self, trial: Trial) -> float | None:
        """The score to learn from; for divergence and lack of memory the worst known score."""
        if trial.state in ("COMPLETE", "PRUNED"):
            lesson = reached(trial, self._objective)
            known = self._worst != _FAR_BELOW
            self._worst = min(self._worst, lesson) if known else lesson
            return lesson
        if trial.error is not None and trial.error.kind in ("diverged", "oom"):
            return self._worst
        return None

    def _holds(self, values: Mapping[str, Any]) -> bool:
        """Whether each axis can take its value; a grid may have changed since the trial."""
        axes = self._space.axes.items()
        return all(name in values and axis.contains(values[name]) for name, axis in axes)

    def _raw(self, values: Mapping[str, Any]) -> Values:
        return {name: axis.encode(values[name]) for name, axis in self._space.axes.items()}

    def _is_wanted(self, values: Values, rng: np.random.Generator) -> bool:
        return self._is_new(values) and not self._failures.avoids(values, rng)

    def _is_new(self, values: Values) -> bool:
        return TrialConfig.from_flat(values).identity(self._space.axes) not in self._seen

    def _drawn(self, rng: np.random.Generator) -> Values | None:
        """A uniform draw; from a small grid, in the end whatever new point is left."""
        risky = None
        for values in islice(self._space.stream(rng, self._count), _MAX_DRAWS):
            if self._is_wanted(values, rng):
                return values
            if risky is None and self._is_new(values):
                risky = values
        # The risk is an estimate; rather a risky configuration than an end of the search.
        if risky is not None:
            return risky
        if self._space.n_points() > _MAX_WALK:
            return None
        for point in self._space.points():
            whole = self._space.complete(point, self._count)
            if whole is not None and self._is_new(whole):
                return whole
        return None


def reached(trial: Trial, objective: Objective) -> float:
    """The score that a trial reached; for a stopped trial its forecast, so that ages compare.

    Both are of the rows of the rungs. A value on all validation rows differs from them by what the
    other days are easier or harder to foretell, which all trials share: beside a forecast it would
    pass for a merit or a fault of the trials that were trained to their end.
    """
    stopped = trial.stopped if trial.state == "PRUNED" else None
    if stopped is None or stopped.forecast is None:
        return rung_value_of(trial, objective)
    return score(stopped.forecast, objective)


def _of_all_axes(warm_start: WarmStart, space: Space) -> WarmStart:
    """A warm start whose values tell every axis that has a default."""
    starts = tuple(with_defaults(start, space.axes) for start in warm_start.starts)
    points = tuple(
        point.model_copy(update={"values": with_defaults(point.values, space.axes)})
        for point in warm_start.points
    )
    return warm_start.model_copy(update={"starts": starts, "points": points})
