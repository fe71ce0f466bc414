"""Scores and learning curves whose effects are known: made up in several families, and real."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from phase6c.config import Value, Values
from phase6c.nn.model import count_parameters
from phase6c.space.axes import Axis, Choice, Continuous, Grid
from phase6c.space.space import Space
from search_spaces import budget_2m, january_2m, tiny

N_EPOCHS, PATIENCE_EPOCHS = 27, 6
N_DRAWN = 4000
SPACES = {
    "tiny": tiny.SPACE,
    "2m": budget_2m.SPACE,
    "january": january_2m.SPACE,
    "ranges": tiny.SPACE.as_ranges(),
}
FAMILIES = ("smooth", "sparse", "rough", "interacting", "speed")
RECORDED = "recorded"

_BASE, _DEVIATION = 0.7, 0.012
_CURVES = Path(__file__).parent / "replay" / "curves.parquet"
_RECORDED_AXES: dict[str, Axis] = {
    "n_layers": Grid.of(1, 3),
    "patch_days": Grid.of(2, 8),
    "pooling": Choice.of("mean", "last"),
    "shortcut": Choice.of(True, False),
    "learning_rate": Grid.of(1e-5, 5e-5, 2e-4, 5e-4, 1e-3, 2e-3),
    "dropout": Grid.of(0.0, 0.2, 0.5),
    "weight_decay": Grid.of(0.0, 1e-1),
}
_RECORDED = Space(
    name="recorded",
    axes=_RECORDED_AXES,
    budget=tiny.BUDGET,
    fixed={"n_heads": 4, "d_ff_ratio": 2, "context_days": 16},
)

count = partial(count_parameters, n_features=30)


class Truth(Protocol):
    """The scores that configurations would reach."""

    @property
    def space(self) -> Space:
        """The space of the configurations."""

    def curves(self, configurations: Sequence[Values], rng: np.random.Generator) -> np.ndarray:
        """float[configuration, epoch] of whole trainings, each with a seed of its own."""


# Two axes, and a function of each.
Pair = tuple[str, str, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class MadeUp:
    """Scores by a formula: a function of each axis, and products of two.

    Attributes:
        space: Space of the configurations.
        mains: Main effect of each axis, float[position] from its first to its last value.
        pairs: Two axes, and a function of each; the products of the functions are added.
        seed_deviation: Deviation of the final score between seeds.
        epoch_deviation: Deviation of each epoch's score around its curve.
        gap: Distance of the first epoch below the last, the median over configurations.
        slow_axis: Axis along which the time constant falls from 12 to 2 epochs; None draws the
            time constant around 3.
    """

    space: Space
    mains: dict[str, np.ndarray]
    pairs: tuple[Pair, ...] = ()
    seed_deviation: float = 0.005
    epoch_deviation: float = 0.001
    gap: float = 0.02
    slow_axis: str | None = None

    def curves(self, configurations: Sequence[Values], rng: np.random.Generator) -> np.ndarray:
        at = {
            name: unit_positions(axis, [values[name] for values in configurations])
            for name, axis in self.space.axes.items()
        }
        n = len(configurations)
        final = _BASE + self.seed_deviation * rng.standard_normal(n)
        for name, effect in self.mains.items():
            final += read(effect, at[name])
        for axis, other, first, second in self.pairs:
            final += read(first, at[axis]) * read(second, at[other])
        gap = self.gap * np.exp(rng.normal(0, 0.3, n))
        constant = np.exp(rng.normal(np.log(3.0), 0.5, n))
        if self.slow_axis is not None:
            constant = 2.0 * 6.0 ** (1 - at[self.slow_axis])
        decay = np.exp(-np.arange(N_EPOCHS) / constant[:, None])
        noise = self.epoch_deviation * rng.standard_normal((n, N_EPOCHS))
        return np.asarray(final[:, None] - gap[:, None] * decay + noise)


@dataclass(frozen=True)
class Recorded:
    """Real learning curves of every configuration of a small grid on a ticker."""

    ticker: str
    space: Space = _RECORDED

    def curves(self, configurations: Sequence[Values], rng: np.random.Generator) -> np.ndarray:
        known = _recorded(self.ticker)
        return np.array(
            [known[tuple(values[axis] for axis in _RECORDED_AXES)] for values in configurations]
        )


@cache
def _recorded(ticker: str) -> dict[tuple[Any, ...], np.ndarray]:
    import pandas as pd

    table = pd.read_parquet(_CURVES)
    own = table[(table["ticker"] == ticker) & (table["repeat"] == 0)]
    groups = own.groupby(list(_RECORDED_AXES), sort=False)
    return {tuple(key): rows.sort_values("epoch")["auc"].to_numpy() for key, rows in groups}


def unit_positions(axis: Axis, values: Sequence[Value]) -> np.ndarray:
    """Positions of values on their axis, 0 to 1; choices in the order of the axis."""
    domain = axis.domain
    if isinstance(domain, Continuous):
        low, high = domain.low, domain.high
        raw = np.array([float(axis.encode(value)) for value in values])
        if domain.log:
            raw, low, high = np.log(raw), np.log(low), np.log(high)
        return np.asarray((raw - low) / (high - low))
    points = list(axis.points or ())
    where = {point: n / max(len(points) - 1, 1) for n, point in enumerate(points)}
    return np.array([where[value] for value in values])


def read(effect: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A function of an axis at positions from 0 to 1."""
    return np.asarray(np.interp(at * (len(effect) - 1), np.arange(len(effect)), effect))


def draw_truth(family: str, space_name: str, rng: np.random.Generator) -> Truth:
    """A score of a family.

    `smooth`: functions with a single optimum, all axes; `sparse`: three axes matter; `rough`:
    cliffs and values of their own; `interacting`: a third of the variance in four pairs of axes;
    `speed`: how fast a configuration learns depends on an axis; RECORDED: real curves of a small
    grid, whose axes interact strongly.
    """
    if family == RECORDED:
        return Recorded(str(rng.choice(["sp500", "nasdaq"])))
    space = SPACES[space_name]
    names = list(space.axes)
    weights = rng.lognormal(0.0, 0.8, len(names))
    if family == "sparse":
        weights = np.where(rng.permutation(len(names)) < 3, weights + 0.5, 0.0)
    shares = weights**2 / (weights**2).sum()
    functions = [_function(axis, rng, rough=family == "rough") for axis in space.axes.values()]
    mains = {
        name: _DEVIATION * share**0.5 * function
        for name, share, function in zip(names, shares, functions, strict=True)
    }
    ordered = [name for name, axis in space.axes.items() if axis.edges is not None]
    return MadeUp(
        space,
        mains,
        tuple(_pairs(space, shares, rng)) if family == "interacting" else (),
        seed_deviation=_DEVIATION * rng.uniform(0.2, 0.8),
        epoch_deviation=_DEVIATION * rng.uniform(0.05, 0.3),
        gap=_DEVIATION * rng.uniform(1.0, 4.0),
        slow_axis=str(rng.choice(ordered)) if family == "speed" else None,
    )


def _pairs(space: Space, shares: np.ndarray, rng: np.random.Generator) -> Iterator[Pair]:
    """Four products of two axes; axes that matter more are drawn more often."""
    chances = shares / 2 + 0.5 / len(shares)
    for _ in range(4):
        axis, other = rng.choice(list(space.axes), 2, replace=False, p=chances)
        first, second = (_function(space.axes[name], rng, rough=False) for name in (axis, other))
        yield str(axis), str(other), 0.35 * _DEVIATION * first, second


def _function(axis: Axis, rng: np.random.Generator, *, rough: bool) -> np.ndarray:
    """float[position] with mean 0 and deviation 1."""
    n = len(axis.points) if axis.points is not None else 101
    at = np.linspace(0, 1, n)
    if axis.edges is None or n == 2:
        values = rng.standard_normal(n)
    elif rough:
        own = rng.standard_normal(n) if axis.points is not None else 0.0
        values = rng.normal(0, 2) * (at >= rng.choice(at[1:])) + own
    else:
        values = -(np.abs(at - rng.uniform(-0.2, 1.2)) ** rng.choice([1, 2])) * rng.choice(
            [1, 1, -1]
        )
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


def uniform(space: Space) -> list[Values]:
    """Uniform draws of a space; all points of the recorded grid."""
    if space is _RECORDED:
        return [dict(zip(_RECORDED_AXES, key, strict=True)) for key in _recorded("sp500")]
    return _drawn(next(name for name, known in SPACES.items() if known is space))


@cache
def _drawn(name: str) -> list[Values]:
    space = SPACES[name]
    return list(itertools.islice(space.stream(np.random.default_rng(1), count), N_DRAWN))


def whole_values(curves: np.ndarray) -> np.ndarray:
    """float[configuration]: the best epoch of a whole training, which ends by patience."""
    best = np.maximum.accumulate(curves, axis=1)
    n = curves.shape[1]
    rose = np.diff(best, axis=1, prepend=-np.inf) > 0
    last_rise = np.maximum.accumulate(np.where(rose, np.arange(n), 0), axis=1)
    over = np.arange(n) - last_rise >= PATIENCE_EPOCHS
    over[:, -1] = True
    return np.asarray(best[np.arange(len(curves)), over.argmax(axis=1)])
