"""The effect of each value of each axis: its trials as they are, and adjusted for the sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from phase6c.analysis.effects_over_epochs import sample_effects, scores_by_epoch
from phase6c.analysis.final_scores import measured, tells
from phase6c.analysis.levels import Level, Levels, levels_of
from phase6c.analysis.trials import Result, Search
from phase6c.config import Objective, Record, Value
from phase6c.statistics.bootstrap import Estimate, estimate

CONFIDENCE = 0.95
_MIN_TRIALS = 3
_AUCS: tuple[Objective, ...] = ("auc", "auc_within_day")

Ends = tuple[float, float]
Side = Literal["lower", "upper"]


class Row(Record):
    """A value of an axis.

    Attributes:
        value: Value, or the middle of a bin of a range.
        span: First and last value of the bin; null for a single value.
        n_trials: Number of the search's trials that have the value and a score.
        n_failed: Number of further trials that failed.
        mean, best: Mean and best score as they stand, stopped trials included; larger is better.
        interval: Student's interval of the mean, as if the trials had been drawn; null below two.
        effect: Gain of the value in the expected score of a whole training, against the mean over
            the values tried, all other axes being equal; null where it cannot be told.
    """

    value: Value
    span: tuple[Value, Value] | None
    n_trials: int
    n_failed: int
    mean: float | None
    best: float | None
    interval: Ends | None
    effect: Estimate | None


class AxisEffects(Record):
    """An axis.

    Attributes:
        axis: Name of the axis.
        rows: Values in their order.
        matters: Whether any two of its values can be told apart.
        apart: Pairs of values that can be told apart, the better value first; no other pair that
            was tried can. All pairs of the axis hold together with 95 % confidence.
        best_value: Value with the largest effect.
        not_worse: Values that cannot be told apart from the best value, itself included.
        best_edge: Edge of the axis that the best single trial lies on.
        effect_edge: Edge that the largest effect lies on.
    """

    axis: str
    rows: tuple[Row, ...]
    matters: bool
    apart: tuple[tuple[Value, Value], ...]
    best_value: Value | None
    not_worse: tuple[Value, ...]
    best_edge: Side | None
    effect_edge: Side | None


class Effects(Record):
    """All axes of a search.

    Attributes:
        objective: Objective, of which the scores are, turned so that larger is better.
        n_trials: Number of the search's trials with a score.
        n_stopped: Number of these trials that did not train to the end.
        n_failed: Number of trials without a score; they are in no mean and no effect.
        n_untold: Number of trials left out of the effects, as they do not tell every axis.
        axes: Axes, the widest spread of effects first; that is not a ranking.
    """

    objective: Objective
    n_trials: int
    n_stopped: int
    n_failed: int
    n_untold: int
    axes: tuple[AxisEffects, ...]


def effects(search: Search, seed: int = 0) -> Effects:
    """The tables of all axes.

    Args:
        search: Search; trials that others than the search chose are left out.
        seed: Seed of the samples that the intervals are made from.
    """
    results = measured(search)
    told = [result for result in results if tells(result, search.axes)]
    levels = {name: levels_of(axis) for name, axis in search.axes.items()}
    samples = _samples(told, levels, np.random.default_rng(seed))
    failed = [result for result in search.results if result.chosen and result.state == "FAILED"]
    axes = [
        _axis(name, axis_levels, results, failed, samples.get(name), search.objective)
        for name, axis_levels in levels.items()
    ]
    return Effects(
        objective=search.objective,
        n_trials=len(results),
        n_stopped=sum(result.state != "COMPLETE" for result in results),
        n_failed=len(failed),
        n_untold=len(results) - len(told),
        axes=tuple(sorted(axes, key=_spread, reverse=True)),
    )


def _samples(
    told: Sequence[Result], levels: Mapping[str, Levels], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """float[sample, level] of each axis; NaN at levels that were never tried."""
    if len(told) < _MIN_TRIALS:
        return {}
    values = {name: [result.params[name] for result in told] for name in levels}
    tried = {name: _tried(axis_levels, values[name]) for name, axis_levels in levels.items()}
    varied = {name: axis_levels for name, axis_levels in levels.items() if tried[name].sum() > 1}
    if not varied:
        return {}
    weights = {name: axis_levels.weights(values[name]) for name, axis_levels in varied.items()}
    drawn = sample_effects(varied, weights, scores_by_epoch(told), rng)
    ends = np.cumsum([len(axis_levels.rows) for axis_levels in varied.values()])[:-1]
    parts = zip(varied.items(), np.split(drawn, ends, axis=1), strict=True)
    return {
        name: _against_tried(part, axis_levels, tried[name]) for (name, axis_levels), part in parts
    }


def _tried(levels: Levels, values: Sequence[Value]) -> np.ndarray:
    """bool[level]."""
    return np.bincount(levels.rows_of(values), minlength=len(levels.rows)) > 0


# Effects are told against the values that were tried: of the others the trials say nothing, and the
# model falls back on its prior there.
def _against_tried(drawn: np.ndarray, levels: Levels, tried: np.ndarray) -> np.ndarray:
    shares = np.where(tried, levels.shares, 0.0)
    against = drawn - (drawn @ shares / shares.sum())[:, None]
    return np.where(tried, against, np.nan)


def _axis(
    name: str,
    levels: Levels,
    results: Sequence[Result],
    failed: Sequence[Result],
    samples: np.ndarray | None,
    objective: Objective,
) -> AxisEffects:
    scores = _by_level(name, levels, results)
    n_failed = [len(level_scores) for level_scores in _by_level(name, levels, failed)]
    rows = tuple(
        _row(
            level,
            np.array(scores[n]),
            n_failed[n],
            None if samples is None else samples[:, n],
            objective,
        )
        for n, level in enumerate(levels.rows)
    )
    bests = [max(level_scores, default=float("-inf")) for level_scores in scores]
    sizes = [row.effect.value if row.effect else float("-inf") for row in rows]
    # The axis's top and its rivals come from samples of the model; the plain means beside them do
    # not.
    apart = () if samples is None else _apart(samples)
    top = int(np.argmax(sizes)) if samples is not None else None
    worse = {low for high, low in apart if high == top}
    alike = [n for n, row in enumerate(rows) if row.effect and n not in worse]
    return AxisEffects(
        axis=name,
        rows=rows,
        matters=bool(apart),
        apart=tuple((rows[high].value, rows[low].value) for high, low in apart),
        best_value=None if top is None else rows[top].value,
        not_worse=tuple(rows[n].value for n in alike),
        best_edge=_edge(levels, int(np.argmax(bests))) if any(scores) else None,
        effect_edge=None if top is None else _edge(levels, top),
    )


def _by_level(name: str, levels: Levels, results: Sequence[Result]) -> list[list[float]]:
    """The scores at each level."""
    own = [
        result
        for result in results
        if name in result.params and levels.axis.contains(result.params[name])
    ]
    by_level: list[list[float]] = [[] for _ in levels.rows]
    if own:
        for row, result in zip(
            levels.rows_of([result.params[name] for result in own]), own, strict=True
        ):
            by_level[row].append(result.score)
    return by_level


def _row(
    level: Level,
    scores: np.ndarray,
    n_failed: int,
    samples: np.ndarray | None,
    objective: Objective,
) -> Row:
    return Row(
        value=level.value,
        span=level.span,
        n_trials=len(scores),
        n_failed=n_failed,
        mean=float(scores.mean()) if len(scores) else None,
        best=float(scores.max()) if len(scores) else None,
        interval=_of_mean(scores, objective),
        effect=None if samples is None else estimate(float(np.mean(samples)), samples),
    )


def _of_mean(scores: np.ndarray, objective: Objective) -> Ends | None:
    """Student's interval; of an AUC on the scale of the logit, which keeps it within 0 and 1."""
    from scipy.special import expit, logit
    from scipy.stats import t

    n = len(scores)
    if n < 2:
        return None
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1) * scores.std(ddof=1) / n**0.5)
    mean = float(scores.mean())
    if objective not in _AUCS or not 0 < mean < 1:
        return mean - half, mean + half
    # The error of the logit of the mean, by the delta method.
    reach = half / (mean * (1 - mean))
    low, high = expit(np.array([logit(mean) - reach, logit(mean) + reach])).tolist()
    return low, high


def _apart(samples: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The pairs of levels that differ, the better level first.

    All pairs hold together: a difference must exceed the largest that any pair's samples have
    around their mean in 95 % of them, each in units of its own deviation.
    """
    tried = np.flatnonzero(np.isfinite(samples[0]))
    pairs = np.array(list(combinations(tried, 2)))
    differences = samples[:, pairs[:, 0]] - samples[:, pairs[:, 1]]
    means, deviations = differences.mean(axis=0), differences.std(axis=0)
    largest = (np.abs(differences - means) / deviations).max(axis=1)
    # The largest of all pairs' deviations is what the largest difference must beat (as Tukey's
    # range).
    limit = np.quantile(largest, CONFIDENCE)
    told = np.flatnonzero(np.abs(means) > limit * deviations)
    return tuple(
        (int(first), int(other)) if means[n] > 0 else (int(other), int(first))
        for n, (first, other) in zip(told, pairs[told], strict=True)
    )


def _edge(levels: Levels, row: int) -> Side | None:
    if not levels.ordered or len(levels.rows) < 2:
        return None
    if row == 0:
        return "lower"
    return "upper" if row == len(levels.rows) - 1 else None


def _spread(axis: AxisEffects) -> float:
    known = [row.effect.value for row in axis.rows if row.effect]
    return max(known) - min(known) if known else 0.0
