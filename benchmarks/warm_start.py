"""Gain of a warm start whose source fits, and cost of a misleading source, without training.

Run: OMP_NUM_THREADS=1 python benchmarks/warm_start.py [N_SEEDS] [tiny|2m]
Aims: with a source that fits, the cold start's final regret is reached in at least 30 % fewer
trials; a source that misleads costs at most 5 % of the trials.

A made-up score takes the place of a training: a quadratic around an optimum on every axis, a
single pair of axes interacting, with noise. Sources are cold searches of related scores.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from phase6c.config import TrialConfig, Values
from phase6c.nn.model import count_parameters
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.space.space import Space
from phase6c.study.foreign_trials import Earlier, Told
from phase6c.study.study_config import WarmStart
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.ridge import columns
from phase6c.tune.proposals.samplers import make_sampler
from phase6c.tune.proposals.warm_start import take_over
from search_spaces import budget_2m, tiny

N_TRIALS = 50
N_POOL = 2000
NOISE_SHARE = 0.1  # of the scores' own deviation
SPACES = {"tiny": tiny.SPACE, "2m": budget_2m.SPACE}
N_RESAMPLES = 2000
KINDS = ("a little shifted", "reversed", "opposite corner", "unrelated")

Figure = Callable[[np.ndarray, np.ndarray], float]

count = partial(count_parameters, n_features=30)


@dataclass(frozen=True)
class Score:
    """-(distance to the optimum)^2 over the axes' positions from 0 to 1; larger is better.

    Attributes:
        space: Space whose axes are scored.
        optimum: Position of the optimum, float[axis].
        weights: Weight of each axis, with the sum 1: lognormal, so that a few axes matter most.
        pair: Numbers of the two axes that interact.
        sign: Sign of the score; -1 makes the worst configuration the best.
    """

    space: Space
    optimum: np.ndarray
    weights: np.ndarray
    pair: tuple[int, int]
    sign: int = 1

    def __call__(self, values: Values) -> float:
        away = positions(self.space, values) - self.optimum
        a, b = self.pair
        mixed = math.sqrt(self.weights[a] * self.weights[b]) * away[a] * away[b]
        return -self.sign * float(self.weights @ away**2 + 0.5 * mixed)


def positions(space: Space, values: Values) -> np.ndarray:
    """float[axis] from 0 to 1; 1 for the first value of a choice, else 0."""
    at = []
    for name, axis in space.axes.items():
        first = columns(axis, values[name])[0]
        # Columns of an ordered axis are centred at 0.
        at.append(first if axis.edges is None else first + 0.5)
    return np.array(at)


def draw_score(space: Space, rng: np.random.Generator) -> Score:
    weights = rng.lognormal(0.0, 1.0, len(space.axes))
    pair = rng.permutation(len(space.axes))[:2]
    optimum = whole_choices(space, rng.uniform(0.0, 1.0, len(space.axes)))
    return Score(space, optimum, weights / weights.sum(), (int(pair[0]), int(pair[1])))


def related(score: Score, kind: str, rng: np.random.Generator) -> Score:
    """The source's score of a kind of KINDS."""
    if kind == "reversed":
        return replace(score, sign=-1)
    if kind == "opposite corner":
        return replace(score, optimum=np.where(score.optimum > 0.5, 0.0, 1.0))
    if kind == "unrelated":
        return draw_score(score.space, rng)
    shifted = np.clip(score.optimum + rng.normal(0.0, 0.1, len(score.optimum)), 0.0, 1.0)
    weights = score.weights * rng.lognormal(0.0, 0.25, len(score.weights))
    optimum = whole_choices(score.space, shifted)
    return replace(score, optimum=optimum, weights=weights / weights.sum())


def whole_choices(space: Space, optimum: np.ndarray) -> np.ndarray:
    unordered = [axis.edges is None for axis in space.axes.values()]
    return np.where(unordered, np.round(optimum), optimum)


def search(
    score: Score, seed: int, noise: float, warm_start: WarmStart | None = None
) -> list[tuple[Values, float, float]]:
    """(values, true score, measured score) of every trial of a search."""
    space = score.space
    sampler = make_sampler("optuna", space, (1,), "auc")
    proposals = Proposals(space, count, sampler, "auc", seed, (), warm_start)
    rng = np.random.default_rng([seed, 1])
    trials = []
    for number in range(N_TRIALS):
        start = proposals.next_start()
        values = start or proposals.next(number)
        assert values is not None
        true = score(values)
        measured = true + noise * rng.standard_normal()
        trial = ended(number, values, measured, "warm_start" if start else "sampled")
        proposals.reserve(TrialConfig.model_validate(trial.config))
        proposals.learn(trial)
        trials.append((values, true, measured))
    return trials


def ended(number: int, values: Values, value: float, source: str) -> Trial:
    """A complete trial of a single epoch."""
    measurement = Measurement(
        epoch=1,
        value=value,
        metrics=Metrics(auc=value),
        health=Health(verdict="healthy"),
        duration_s=1.0,
    )
    config = TrialConfig.from_flat(values).model_dump(mode="json")
    born = {"number": number, "source": source, "params": values, "config": config}
    told = {"state": "COMPLETE", "measurements": (measurement,), "n_params": 1, "in_budget": True}
    return Trial.model_validate(born | told)


def regrets(trials: list[tuple[Values, float, float]], best: float) -> np.ndarray:
    """float[trial]: distance of the configuration that looks best so far below the best."""
    true, measured = (np.array(column) for column in list(zip(*trials, strict=True))[1:])
    chosen = [int(np.argmax(measured[: n + 1])) for n in range(len(measured))]
    return best - true[chosen]


def best_score(score: Score) -> tuple[float, float]:
    """The best score of the space, by ascent along its axes, and the deviation of the scores."""
    stream = score.space.stream(np.random.default_rng(0), count)
    pool = [next(stream) for _ in range(N_POOL)]
    scores = [score(values) for values in pool]
    best = pool[int(np.argmax(scores))]
    while better := max(neighbours(score.space, best), key=score):
        if score(better) <= score(best):
            break
        best = better
    return score(best), float(np.std(scores))


def neighbours(space: Space, values: Values) -> Iterator[Values]:
    for name, axis in space.axes.items():
        for point in axis.points or ():
            whole = space.complete(values | {name: point}, count)
            if whole is not None:
                yield whole


def curves(space_name: str, seed: int) -> np.ndarray:
    """float[2 + kind, trial]: the regret of two cold starts, then after a source of each kind."""
    score = draw_score(SPACES[space_name], np.random.default_rng([seed, 2]))
    best, deviation = best_score(score)
    noise = NOISE_SHARE * deviation
    rows = [regrets(search(score, cold, noise), best) for cold in (seed, seed + 2_000_000)]
    for kind in KINDS:
        source = related(score, kind, np.random.default_rng([seed, 3]))
        told = [
            Told(values, measured, measured, frozenset(values))
            for values, _, measured in search(source, seed + 1_000_000, noise)
        ]
        warm_start = take_over(Earlier(told, []), kind, score.space, count)
        rows.append(regrets(search(score, seed, noise, warm_start), best))
    return np.array(rows) / deviation


def reaching(curve: np.ndarray, goal: float) -> float:
    """Number of trials until the regret is down to the goal, interpolated; all if it never is."""
    reached = np.flatnonzero(curve <= goal)
    if not len(reached):
        return float(len(curve))
    after = int(reached[0])
    if after == 0:
        return 1.0
    drop = curve[after - 1] - curve[after]
    return after + float((curve[after - 1] - goal) / drop)


def saved(cold: np.ndarray, warm: np.ndarray) -> float:
    """The share of trials that the warm start needs less for the cold start's final regret."""
    return 1 - reaching(warm, cold[-1]) / len(cold)


def lost(cold: np.ndarray, warm: np.ndarray) -> float:
    """The share of trials that a cold start needs less for the warm start's final regret."""
    return saved(warm, cold)


def interval(figure: Figure, cold: np.ndarray, warm: np.ndarray) -> str:
    """The figure of the mean curves, with a 95 % bootstrap interval over the seeds."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(cold), size=len(cold)) for _ in range(N_RESAMPLES)]
    resampled = [figure(cold[rows].mean(axis=0), warm[rows].mean(axis=0)) for rows in draws]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return f"{figure(cold.mean(axis=0), warm.mean(axis=0)):.0%} [{low:.0%}, {high:.0%}]"


def main() -> None:
    n_seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    space_name = sys.argv[2] if len(sys.argv) > 2 else "tiny"
    with ProcessPoolExecutor(2) as pool:
        all_curves = np.array(list(pool.map(partial(curves, space_name), range(n_seeds))))
    cold = all_curves[:, :2].mean(axis=1)
    print(f"{space_name}, {N_TRIALS} trials, {n_seeds} seeds; a cold start ends with a regret of")
    print(f"{cold[:, -1].mean():.3f} deviations of the scores")
    print(f"{'source':18}{'regret':>8}{'trials saved':>20}{'trials lost':>20}")
    for kind, warm in zip(KINDS, np.moveaxis(all_curves[:, 2:], 1, 0), strict=True):
        figures = "".join(f"{interval(share, cold, warm):>20}" for share in (saved, lost))
        print(f"{kind:18}{warm[:, -1].mean():8.3f}{figures}")


if __name__ == "__main__":
    main()
