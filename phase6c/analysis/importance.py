"""The importance of each axis, by two measures of Optuna's, with the doubt that trials leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, create_trial

from phase6c.analysis.final_scores import final_scores, tells
from phase6c.analysis.levels import levels_of
from phase6c.analysis.trials import Search
from phase6c.config import Record
from phase6c.space.axes import Axis, Categories, Continuous, Steps
from phase6c.statistics.bootstrap import Estimate, estimate

MIN_TRIALS = 10
# Enough for an interval; a forest takes longer than the other measure.
_MAX_PED_DRAWS = 300
_MAX_FANOVA_DRAWS = 60
# Deep trees would describe the noise, and their time grows with the square of the leaves.
_N_TREES, _MAX_DEPTH = 16, 6

Shares = dict[str, float]


class Importance(Record):
    """The importance of an axis by a measure, as a share of all axes' sum.

    Attributes:
        axis: Name of the axis.
        share: Share, with the percentile interval of resampled trials; a bare figure without
            draws.
    """

    axis: str
    share: Estimate | float


class Measure(Record):
    """A measure of importance.

    Attributes:
        name: `PED-ANOVA`: how differently the best tenth of the trials is spread over the axis
            (Watanabe, Bansal & Hutter, IJCAI 2023). `fANOVA`: the share of a forest's variance
            that the axis explains alone (Hutter, Hoos & Leyton-Brown, ICML 2014).
        axes: Axes, the largest share first; their order means nothing where intervals overlap.
        leading: Axes whose interval overlaps that of the first; empty without draws.
        says: Finding in a sentence.
    """

    name: str
    axes: tuple[Importance, ...]
    leading: tuple[str, ...]
    says: str


def importance(search: Search, draws: int, seed: int = 0) -> tuple[Measure, ...]:
    """Both measures of a search's own trials, unfinished trials with their forecasts.

    Args:
        search: Search; trials that do not tell every axis are left out.
        draws: Largest number of resamples of the trials; 0 for no intervals.
        seed: Seed of resamples and forests.

    Returns:
        Nothing with fewer than 10 trials or without differences among them.
    """
    trials = _trials(search)
    values = {trial.value for trial in trials}
    if len(trials) < MIN_TRIALS or len(values) < 2:
        return ()
    study = _study(trials)
    ped = PedAnovaImportanceEvaluator()
    fanova = FanovaImportanceEvaluator(n_trees=_N_TREES, max_depth=_MAX_DEPTH, seed=seed)
    return (
        _measure("PED-ANOVA", ped.evaluate, study, min(draws, _MAX_PED_DRAWS), seed),
        _measure("fANOVA", fanova.evaluate, study, min(draws, _MAX_FANOVA_DRAWS), seed),
    )


class _Resample(optuna.Study):
    """A study with other trials; the evaluators ask it for nothing else of its own."""

    def __init__(self, study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
        # Resampling by adding trials to a new study would check and copy each of them: most of the
        # time.
        self.__dict__.update(study.__dict__)
        self._resampled = list(trials)

    def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        """The resampled trials, all of them complete."""
        return self._resampled


def _measure(
    name: str,
    evaluate: Callable[[optuna.Study], Mapping[str, float]],
    study: optuna.Study,
    draws: int,
    seed: int,
) -> Measure:
    point = _shares(evaluate(study))
    drawn = [_shares(evaluate(resample)) for resample in _resamples(study, draws, seed)]
    axes = [Importance(axis=axis, share=_share(axis, point, drawn)) for axis in point]
    axes.sort(key=lambda importance: point[importance.axis], reverse=True)
    leading = tuple(_leading(axes))
    return Measure(name=name, axes=tuple(axes), leading=leading, says=_says(name, axes, leading))


def _resamples(study: optuna.Study, draws: int, seed: int) -> Iterator[optuna.Study]:
    rng = np.random.default_rng(seed)
    trials = study.get_trials(deepcopy=False)
    for _ in range(draws):
        rows = rng.integers(len(trials), size=len(trials))
        yield _Resample(study, [trials[row] for row in rows])


def _shares(parts: Mapping[str, float]) -> Shares:
    total = sum(parts.values())
    return {axis: float(part) / total if total > 0 else 0.0 for axis, part in parts.items()}


def _share(axis: str, point: Shares, drawn: Sequence[Shares]) -> Estimate | float:
    known = estimate(point[axis], np.array([shares[axis] for shares in drawn]))
    return known if known is not None else point[axis]


def _leading(axes: Sequence[Importance]) -> Iterator[str]:
    known = [
        (importance.axis, importance.share)
        for importance in axes
        if isinstance(importance.share, Estimate)
    ]
    return (axis for axis, share in known if share.high >= known[0][1].low)


def _says(name: str, axes: Sequence[Importance], leading: Sequence[str]) -> str:
    if not leading:
        return f"Without draws, {name} cannot say which axes differ in importance."
    if len(leading) == 1:
        return f"By {name}, {leading[0]} matters most."
    if len(leading) == len(axes):
        return f"By {name}, the axes cannot be told apart in importance."
    return (
        f"By {name}, {', '.join(leading[:-1])} and {leading[-1]} cannot be told apart as the most"
        " important axis; the others matter less."
    )


def _trials(search: Search) -> list[FrozenTrial]:
    """Complete trials of Optuna's, of raw values that keep the order of an axis."""
    known = final_scores(search)
    axes = {name: axis for name, axis in search.axes.items() if len(levels_of(axis).rows) > 1}
    distributions = {name: _distribution(axis) for name, axis in axes.items()}
    return [
        create_trial(
            params={name: axis.encode(result.params[name]) for name, axis in axes.items()},
            distributions=distributions,
            value=float(value),
        )
        for result, value in zip(known.results, known.expected, strict=True)
        if tells(result, axes)
    ]


def _study(trials: Sequence[FrozenTrial]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    return study


def _distribution(axis: Axis) -> BaseDistribution:
    match axis.domain:
        case Steps(n):
            return IntDistribution(0, n - 1)
        case Continuous(low, high, log):
            return FloatDistribution(low, high, log=log)
        case Categories(values):
            return CategoricalDistribution(values)
