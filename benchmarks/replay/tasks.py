"""Tasks for replayed searches: recorded and generated learning curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from record import SPACE as RECORDED_SPACE
from record import TABLE

from phase6c.config import Value
from phase6c.space.axes import Float
from phase6c.space.space import Space


class Curve(NamedTuple):
    """A whole training.

    Attributes:
        scores: float[epoch], the measured scores, larger is better.
        truth: float[epoch], the same without the noise of measuring, by which regret is counted.
        epoch_s: Seconds of an epoch.
    """

    scores: np.ndarray
    truth: np.ndarray
    epoch_s: float


GENERATED_SHAPE: dict[str, Value] = {
    "n_layers": 1,
    "d_model": 16,
    "n_heads": 2,
    "d_ff_ratio": 2,
    "context_days": 16,
    "patch_days": 8,
    "pooling": "mean",
    "shortcut": True,
}
_GENERATED_AXES = {
    "learning_rate": Float.of(1e-5, 1e-2, log=True),
    "dropout": Float.of(0.0, 0.9),
    "weight_decay": Float.of(1e-6, 1.0, log=True),
    "clip_norm": Float.of(0.1, 10.0, log=True),
}


@dataclass(frozen=True)
class Task:
    """A space whose configurations have known learning curves.

    Attributes:
        name: Name of the task in tables and seeds.
        space: Space of the configurations.
        epochs: Number of epochs of a whole curve.
        curve: Function from a configuration's flat values to its curve.
        best: Best score of any configuration at any epoch.
        worst: Lowest best score of any configuration; regret is measured between the two.
        full_s: Mean seconds of a whole training.
    """

    name: str
    space: Space
    epochs: int
    curve: Callable[[Mapping[str, Any]], Curve]
    best: float
    worst: float
    full_s: float

    def regret(self, score: float) -> float:
        """0 for the best configuration, 1 for the worst."""
        return (self.best - score) / (self.best - self.worst)


def recorded(ticker: str, repeat: int = 0) -> Task:
    """The curves of every configuration of the recorded grid on a ticker."""
    table = _table()
    own = table[(table["ticker"] == ticker) & (table["repeat"] == repeat)]
    axes = list(RECORDED_SPACE.axes)
    curves: dict[tuple[Any, ...], Curve] = {}
    for key, rows in own.groupby(axes, sort=False):
        scores = rows.sort_values("epoch")["auc"].to_numpy()
        curves[tuple(key)] = Curve(scores, scores, float(rows["duration_s"].median()))
    tops = [float(np.nanmax(curve.scores)) for curve in curves.values()]
    epochs = len(next(iter(curves.values())).scores)
    return Task(
        name=f"{ticker}_{repeat}",
        space=RECORDED_SPACE,
        epochs=epochs,
        curve=lambda values: curves[tuple(values[name] for name in axes)],
        best=max(tops),
        worst=min(tops),
        full_s=epochs * float(np.mean([curve.epoch_s for curve in curves.values()])),
    )


@cache
def _table() -> pd.DataFrame:
    return pd.read_parquet(TABLE)


def generated(name: str, seed: int, epochs: int = 100) -> Task:
    """Curves by a formula: slow learners among fast learners, crossing curves, or plain curves.

    The final score falls with the distance from an optimum that the seed places; every epoch has
    noise of its own. Time constants in epochs: `slow`, 30 or 3 with equal chance, whatever the
    final score; `crossing`, longer the better the configuration; `plain`, 5.
    """
    rng = np.random.default_rng([len(name), seed])
    axes = list(_GENERATED_AXES.values())
    centre = rng.random(len(axes))
    salt = int(rng.integers(2**31))

    def position(values: Mapping[str, Any]) -> np.ndarray:
        unit = []
        for axis, key in zip(axes, _GENERATED_AXES, strict=True):
            low, high, value = (
                np.log(number) if axis.log else number
                for number in (axis.low, axis.high, values[key])
            )
            unit.append((value - low) / (high - low))
        return np.array(unit)

    def curve(values: Mapping[str, Any]) -> Curve:
        point = position(values)
        # The seed follows from the configuration, so that a curve is the same whenever it is asked.
        own = np.random.default_rng([salt, *np.frombuffer(point.tobytes(), dtype=np.uint32)])
        final = 1.0 - float(np.sqrt(np.mean((point - centre) ** 2)))
        if name == "slow":
            constant = 30.0 if own.random() < 0.5 else 3.0
        elif name == "crossing":
            constant = 3.0 + 27.0 * max(final, 0.0) ** 2
        else:
            constant = 5.0
        epoch = np.arange(1, epochs + 1)
        noise = 0.005 * own.standard_normal(epochs)
        scores = final * (1 - np.exp(-epoch / constant)) + noise
        return Curve(scores, scores, 1.0)

    space = Space(name=f"generated_{name}", axes=_GENERATED_AXES, fixed=GENERATED_SHAPE)
    return Task(f"{name}_{seed}", space, epochs, curve, best=1.0, worst=0.5, full_s=float(epochs))
