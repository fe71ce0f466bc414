"""Whether two axes act together in another way than the sum of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from phase6c.analysis.effect_model import EffectModel
from phase6c.analysis.final_scores import final_scores, tells
from phase6c.analysis.levels import Levels, levels_of
from phase6c.analysis.trials import Search
from phase6c.config import Record
from phase6c.statistics.bootstrap import TAILS, Estimate

ERROR_RATE = 0.05
_MIN_TRIALS = 20
# The time grows with the cube of the trials.
_MAX_TRIALS = 500
_N_SIMULATED = 400
_MAX_TOLD = 5

Pair = tuple[int, int]


class Interaction(Record):
    """Two axes.

    Attributes:
        axes: Their names.
        p_value: Share of simulations without a further interaction in which the strongest pair
            looks at least as strong.
    """

    axes: tuple[str, str]
    p_value: float


class Interactions(Record):
    """All pairs of axes.

    Attributes:
        share: Share of the variance between configurations that no sum over axes explains.
        n_pairs: Number of pairs that were tested together.
        strongest: Pairs in the order of their evidence: the pairs told, and the next.
        told: Pairs that are no noise, at 5 % error for all of them together; five at most.
        says: Finding in a sentence.
    """

    share: Estimate
    n_pairs: int
    strongest: tuple[Interaction, ...]
    told: tuple[tuple[str, str], ...]
    says: str


@dataclass(frozen=True)
class _Trials:
    """The trials as the model takes them."""

    levels: dict[str, Levels]
    weights: dict[str, np.ndarray]
    scores: np.ndarray

    def model(self, pairs: Sequence[Pair] = ()) -> EffectModel:
        unit = float(np.std(self.scores))
        return EffectModel(self.levels, self.weights, self.scores, unit, pairs=pairs)


def interactions(search: Search, seed: int = 0) -> Interactions | None:
    """Tests each pair of axes for a variance of its own beside the axes' sum.

    A score test of the variance component (Lin, Biometrika 84, 1997); the strongest pair is
    compared with the strongest in scores simulated without any interaction. A pair that stands out
    joins the model, and the strongest of the others is tested, up to the first that does not.

    Args:
        search: Search; its own trials are used, unfinished trials with their forecasts.
        seed: Seed of the simulation.

    Returns:
        None with fewer than 20 trials or two axes.
    """
    rng = np.random.default_rng(seed)
    trials = _varied(search, rng)
    if len(trials.scores) < _MIN_TRIALS or len(trials.levels) < 2 or not np.ptp(trials.scores):
        return None
    shares = trials.model().sample(rng).interaction
    pairs = list(combinations(range(len(trials.levels)), 2))
    names = list(trials.levels)
    strongest: list[Interaction] = []
    told: list[Pair] = []
    while len(told) < min(_MAX_TOLD, len(pairs)):
        pair, p_value = _strongest(
            trials.model(told), [candidate for candidate in pairs if candidate not in told], rng
        )
        strongest.append(Interaction(axes=(names[pair[0]], names[pair[1]]), p_value=p_value))
        if p_value > ERROR_RATE:
            break
        told.append(pair)
    named = tuple(interaction.axes for interaction in strongest[: len(told)])
    low, high = np.quantile(shares, TAILS)
    return Interactions(
        share=Estimate(value=float(np.median(shares)), low=float(low), high=float(high)),
        n_pairs=len(pairs),
        strongest=tuple(strongest),
        told=named,
        says=_says(named, len(pairs)),
    )


def _varied(search: Search, rng: np.random.Generator) -> _Trials:
    """The trials that tell every axis, or a part of many, with the axes that vary among them."""
    known = final_scores(search)
    rows = np.array(
        [n for n, result in enumerate(known.results) if tells(result, search.axes)], int
    )
    if len(rows) > _MAX_TRIALS:
        rows = np.sort(rng.choice(rows, _MAX_TRIALS, replace=False))
    levels = {name: levels_of(axis) for name, axis in search.axes.items()}
    weights = {
        name: axis_levels.weights([known.results[row].params[name] for row in rows])
        for name, axis_levels in levels.items()
        if len(rows)
    }
    varied = [name for name, shares in weights.items() if np.ptp(shares, axis=0).any()]
    return _Trials(
        {name: levels[name] for name in varied},
        {name: weights[name] for name in varied},
        known.expected[rows],
    )


def _strongest(
    model: EffectModel, pairs: Sequence[Pair], rng: np.random.Generator
) -> tuple[Pair, float]:
    """The pair with the most evidence beyond the model's own pairs, and its p value."""
    likeliest = model.likeliest(rng)
    # Under the null hypothesis the products of axes are noise like any other.
    without = replace(likeliest, interaction=0.0, noise=likeliest.noise + likeliest.interaction)
    covariance = model.covariance(without)
    inverse = np.linalg.inv(covariance)
    noise = rng.standard_normal((len(covariance), _N_SIMULATED))
    drawn = np.linalg.cholesky(covariance) @ noise
    # The simulated scores are centred as the model centres the real scores.
    alphas = inverse @ np.column_stack([model.y, drawn - drawn.mean(axis=0)])
    strengths = np.empty((len(pairs), alphas.shape[1]))
    for row, (first, other) in zip(strengths, pairs, strict=True):
        product = model.grams[first] * model.grams[other]
        scaled = inverse @ product
        spread = np.sqrt(np.sum(scaled * scaled.T) / 2)
        row[:] = (np.sum(alphas * (product @ alphas), axis=0) - np.trace(scaled)) / 2 / spread
    largest = strengths[:, 1:].max(axis=0)
    top = int(strengths[:, 0].argmax())
    return pairs[top], float(1 + np.sum(largest >= strengths[top, 0])) / (1 + _N_SIMULATED)


def _says(told: Sequence[tuple[str, str]], n_pairs: int) -> str:
    if not told:
        return f"None of the {n_pairs} pairs of axes shows an interaction beyond noise."
    named = "; ".join(f"{first} with {other}" for first, other in told)
    return f"At 5 % error for all {n_pairs} pairs together, these interact: {named}."
