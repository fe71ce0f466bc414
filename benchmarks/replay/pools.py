"""Tasks of others' making: pools of trained configurations, each proposal gets the nearest left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tasks import GENERATED_SHAPE, Curve, Task

from phase6c.errors import DataError
from phase6c.space.axes import Axis, Float, Int
from phase6c.space.space import Space

# Fields of a trial whose values can be any share of 0 to 1; they carry the pools' axes, each on its
# own scale, since a space takes no other fields.
_CARRIERS = ("learning_rate", "weight_decay", "dropout", "beta1", "beta2", "clip_norm")
_SHARE = Float.of(1e-6, 1 - 1e-6)
# For axes beyond the sixth, in steps so fine that a pool does not notice.
_STEPPED = ("warmup_steps", "batch_size")
_N_STEPS = 1000


def curves_folder() -> Path:
    """The folder of the pools.

    Raises:
        DataError: It is missing.
    """
    data = os.environ.get("PHASE6C_FIELD_DATA")
    shared = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(data) if data else shared
    folder = folder / "curves"
    if not folder.is_dir():
        raise DataError(
            "The pools of learning curves must be there",
            folder,
            "Set PHASE6C_FIELD_DATA to the folder that holds `curves`.",
        )
    return folder


def names(family: str) -> tuple[str, ...]:
    """The names of a family's tasks."""
    return tuple(key.removeprefix("config_") for key in _arrays(family) if key.startswith("config"))


def pool(family: str, name: str, noise: float = 0.0, seed: int = 0) -> Task:
    """A task of a family, with all of its pool unused.

    Args:
        family: lcbench or taskset.
        name: Name of the task.
        noise: Standard deviation of the noise of each measured score, in units of regret.
        seed: Seed of the noise.
    """
    arrays = _arrays(family)
    scores, units = _scores(family, name), _units(family, name)
    if family == "lcbench":
        epoch_s = arrays[f"seconds_{name}"][:, -1].astype(float) / scores.shape[1]
    else:
        epoch_s = np.ones(len(scores))
    tops = scores.max(axis=1)
    best, worst = float(tops.max()), float(tops.min())
    axes = _axes(units.shape[1])
    return Task(
        name=f"{family}_{name}",
        space=Space(name=family, axes=axes, fixed=_fixed(axes)),
        epochs=scores.shape[1],
        curve=_nearest_left(list(axes), units, scores, epoch_s, noise * (best - worst), seed),
        best=best,
        worst=worst,
        full_s=float(epoch_s.mean()) * scores.shape[1],
    )


def _nearest_left(
    axes: Sequence[str],
    units: np.ndarray,
    scores: np.ndarray,
    epoch_s: np.ndarray,
    noise: float,
    seed: int,
) -> Callable[[Mapping[str, Any]], Curve]:
    """A function that gives each proposal the nearest configuration which none had before."""
    used = np.zeros(len(units), dtype=bool)

    def curve(values: Mapping[str, Any]) -> Curve:
        if used.all():
            used[:] = False
        point = np.array([_position(name, values[name]) for name in axes])
        distance = ((units - point) ** 2).sum(axis=1)
        distance[used] = np.inf
        row = int(distance.argmin())
        used[row] = True
        truth = scores[row].astype(float)
        # The seed follows from the configuration, which has the same noise in every search.
        drawn = np.random.default_rng([seed, row]).standard_normal(len(truth))
        return Curve(truth + noise * drawn, truth, float(epoch_s[row]))

    return curve


def _axes(n: int) -> dict[str, Axis]:
    shares: dict[str, Axis] = dict.fromkeys(_CARRIERS[:n], _SHARE)
    steps: dict[str, Axis] = dict.fromkeys(_STEPPED[: max(0, n - len(_CARRIERS))], _STEPS)
    return shares | steps


_STEPS = Int.of(1, _N_STEPS)


def _fixed(axes: Mapping[str, Axis]) -> dict[str, Any]:
    shape = GENERATED_SHAPE | {"dropout": 0.1}
    return {name: value for name, value in shape.items() if name not in axes}


def _position(name: str, value: float) -> float:
    return (value - 1) / (_N_STEPS - 1) if name in _STEPPED else value


@cache
def _arrays(family: str) -> dict[str, np.ndarray]:
    file = {"lcbench": "lcbench_tune.npz", "taskset": "taskset_even.npz"}[family]
    with np.load(curves_folder() / file) as arrays:
        return dict(arrays)


def _scores(family: str, name: str) -> np.ndarray:
    arrays = _arrays(family)
    return arrays[f"accuracy_{name}" if family == "lcbench" else f"score_{name}"]


@cache
def _units(family: str, name: str) -> np.ndarray:
    """[configuration, axis], the pool in the unit cube, each axis on its own scale."""
    raw = _arrays(family)[f"config_{name}"].astype(float)
    if family == "taskset":
        return raw
    space = json.loads((curves_folder() / "lcbench_space.json").read_text())
    columns = []
    for column, axis in zip(raw.T, space.values(), strict=True):
        low, high, own = axis["low"], axis["high"], column
        if axis["log"]:
            low, high, own = np.log(low), np.log(high), np.log(own)
        columns.append((own - low) / (high - low))
    return np.array(columns).T
