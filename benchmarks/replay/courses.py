"""Makes courses of searches for `benchmarks/time_left.py`: replayed, with seconds by the shape.

    python benchmarks/replay/courses.py FOLDER [MINUTES]

Curves are those of `tasks.py` and `pools.py`. Every task gets axes of shapes, by which epochs
differ up to tenfold and scores a little; machines drift, and workers take their time to start.
Courses that are in the folder already are not made again.
"""

from __future__ import annotations

import gzip
import heapq
import json
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from methods import Phase6c
from pools import names, pool
from tasks import Curve, Task, generated, recorded

from phase6c.records import Trial
from phase6c.space.axes import Axis, Grid, Int
from phase6c.space.references import TOKENS
from phase6c.stopping.rung_plan import planned_rungs
from search_spaces import tiny

# As the searches had them whose seconds are in POWERS.
SHAPES: dict[str, Axis] = {
    "n_layers": Int.of(1, 4),
    "n_heads": Grid.of(2, 4, 8, 16),
    "d_ff_ratio": Grid.of(2, 4),
    "context_days": Grid.of(8, 16, 32),
    "patch_days": Grid.of(1, 2, 4, 8),
}
# Powers of a window's tokens, the layers, heads and feed-forward ratio in the seconds of an epoch:
# as real searches of the tiny space have them, with their spread between searches.
POWERS, SPREAD = (0.7, 0.5, 0.25, -0.1), (0.2, 0.3, 0.15, 0.2)
N_SEEDS = 8


class Cell(NamedTuple):
    """A kind of search."""

    epochs: int
    n_trials: int
    n_workers: int
    sampler: str = "tpe"


CELLS = (
    Cell(27, 30, 2, "auto"),
    Cell(27, 60, 2),
    Cell(9, 40, 4),
    Cell(27, 120, 8),
    Cell(27, 16, 2),
    Cell(50, 50, 4),
    Cell(9, 12, 2),
)


def tasks() -> dict[str, tuple[str, ...]]:
    """The names of the tasks of each family."""
    seeds = ("0", "1", "2")
    return {
        "recorded": ("sp500", "nasdaq"),
        "slow": seeds,
        "crossing": seeds,
        "plain": seeds,
        "lcbench": names("lcbench")[::5],
        "taskset": names("taskset")[::2],
    }


def task_of(family: str, name: str, epochs: int, seed: int) -> Task:
    """A task whose configurations have shapes, with so many epochs of each curve."""
    if family == "recorded":
        return _thinned(recorded(name), epochs, seconds=20)
    if family in ("lcbench", "taskset"):
        task = pool(family, name, 0.02 if family == "lcbench" else 0.005, seed)
    else:
        task = generated(family, int(name))
    return _shaped(_thinned(task, epochs), zlib.crc32(name.encode()))


def _thinned(task: Task, epochs: int, seconds: float = 1.0) -> Task:
    kept = np.unique(np.round(np.linspace(0, task.epochs - 1, epochs)).astype(int))

    def curve(values: Mapping[str, Any]) -> Curve:
        whole = task.curve(values)
        return Curve(whole.scores[kept], whole.truth[kept], whole.epoch_s * seconds)

    return replace(task, epochs=len(kept), curve=curve)


def _shaped(task: Task, seed: int) -> Task:
    rng = np.random.default_rng(seed)
    powers, best = rng.normal(POWERS, SPREAD), rng.random(2)
    unit_s, follows_pool = rng.lognormal(), rng.random() < 0.5
    axes = {**task.space.axes, **SHAPES}
    fixed = {
        name: value
        for name, value in task.space.fixed.items()
        if name not in axes and name != "d_model"
    }
    space = replace(task.space, axes=axes, fixed=fixed, budget=tiny.BUDGET, rules=(TOKENS,))

    def curve(values: Mapping[str, Any]) -> Curve:
        whole = task.curve(values)
        tokens = max(values["context_days"] // values["patch_days"], 1)
        sizes = (tokens, values["n_layers"], values["n_heads"], values["d_ff_ratio"])
        epoch_s = unit_s * float(np.prod(np.power(sizes, powers)))
        away = abs(np.log2(tokens) / 4 - best[0]) + abs((values["n_layers"] - 1) / 3 - best[1])
        worse = 0.15 * (task.best - task.worst) * away
        own_s = epoch_s * (whole.epoch_s if follows_pool else 1.0)
        return Curve(whole.scores - worse, whole.truth - worse, own_s)

    return replace(task, space=space, curve=curve)


def course(name: str, task: Task, cell: Cell, seed: int) -> Iterator[dict[str, Any]]:
    """The head and the rows of a search, as `benchmarks/time_left.py` keeps them."""
    rng = np.random.default_rng(seed)
    method = Phase6c(task, seed, cell.n_workers, n_trials=cell.n_trials, sampler=cell.sampler)
    planned = planned_rungs(method.config).epochs_expected / cell.n_trials
    rows: list[dict[str, Any]] = []
    now, duration_s, drift, start_up_s, n_started, idle = 0.0, 0.0, 0.0, 0.0, 0, cell.n_workers
    waiting, launch, start_up = rng.uniform([0.02, 0.02, 1], [0.1, 0.3, 10])
    events: list[tuple[float, int, float, Any, Curve, int]] = []

    def listen(row: dict[str, Any], trial: Trial) -> None:
        timed = row | {"at": round(now, 3)}
        if row["kind"] == "trial":
            timed["config"] = {part: row["config"][part] for part in ("model", "train")}
        if row["kind"] == "result":
            timed["measurement"] = row["measurement"] | {"metrics": {}, "duration_s": duration_s}
        rows.append(timed)

    def train(handle: Any, curve: Curve, epoch: int, before_s: float = 0.0) -> None:
        nonlocal drift
        drift = 0.98 * drift + 0.016 * rng.standard_normal()
        own_s = round(curve.epoch_s * float(np.exp(0.12 * rng.standard_normal() + drift)), 3)
        ends = now + before_s + own_s * (1 + waiting)
        # Between events of the same time the number decides.
        heapq.heappush(events, (ends, handle.config["number"], own_s, handle, curve, epoch))

    method.ledger.listen(listen)
    while True:
        while idle and n_started < cell.n_trials and (begun := method.start()):
            curve = task.curve(begun[1])
            # A worker starts once, in a time that has nothing to do with its first trial.
            start_up_s = start_up_s or start_up * curve.epoch_s
            loading_s = start_up_s if n_started < cell.n_workers else 0.0
            train(begun[0], curve, 1, loading_s + launch * curve.epoch_s)
            n_started, idle = n_started + 1, idle - 1
        if not events:
            break
        now, _, duration_s, handle, curve, epoch = heapq.heappop(events)
        if method.report(handle, epoch, float(curve.scores[epoch - 1])) and epoch < task.epochs:
            train(handle, curve, epoch + 1)
        else:
            idle += 1
    yield {
        "name": name,
        "n_trials": cell.n_trials,
        "epochs": task.epochs,
        "planned_epochs": planned,
        "side_by_side": cell.n_workers,
    }
    yield from rows


def main(folder: Path, minutes: float) -> None:
    """Makes what is missing, a seed of all searches before the next, for so long."""
    folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * minutes
    for seed in range(N_SEEDS):
        for place, cell in enumerate(CELLS):
            for family, of_family in tasks().items():
                task_name = of_family[place % len(of_family)]
                parts = (family, task_name, *map(str, cell), str(seed))
                path = folder / f"{'-'.join(parts)}.jsonl.gz"
                if path.exists() or time.monotonic() > until:
                    continue
                task = task_of(family, task_name, cell.epochs, seed)
                lines = course(path.stem, task, cell, zlib.crc32(path.name.encode()))
                text = "".join(json.dumps(line) + "\n" for line in lines)
                path.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else np.inf)
