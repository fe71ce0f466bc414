"""CPU time of the next proposal after many told trials, and near the end of a grid.

Run: OMP_NUM_THREADS=1 python benchmarks/proposal_time.py
Aims, on one CPU: 300 ms for the Gaussian process at 100 trials, 50 ms for TPE at 500.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import optuna

from phase6c.config import TrialConfig
from phase6c.nn.model import count_parameters
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.space.axes import Grid
from phase6c.space.space import Space
from phase6c.study.study_config import SamplerName
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.samplers import make_sampler
from search_spaces import budget_2m

TOLD = (50, 100, 500)
# (searcher, sampler that it carries)
WHO: tuple[tuple[str, SamplerName], ...] = (
    ("optuna", "gp"),
    ("optuna", "tpe"),
    ("hyperopt", "auto"),
    ("random", "auto"),
)
REPEATS = 25
# After 500 of its 600 points most suggestions are repeats, which have to be asked again.
SMALL_GRID = Space(
    name="600 points",
    axes={
        "dropout": Grid.of(*(n / 40 for n in range(20))),
        "learning_rate": Grid.of(*(10 ** (-2 - n / 10) for n in range(30))),
    },
    fixed={"n_layers": 1, "d_model": 16, "n_heads": 2, "d_ff_ratio": 2}
    | {"context_days": 8, "patch_days": 4},
)

count = partial(count_parameters, n_features=30)


def main() -> None:
    cpu = platform.processor() or platform.machine()
    print(f"{cpu}, optuna {optuna.__version__}, one thread, load {os.getloadavg()[0]:.1f}")
    print(f"median CPU time of {REPEATS} proposals in ms (and the longest)")
    print(f"{'space':16}{'searcher':12}" + "".join(f"{f'{n} told':>16}" for n in TOLD))
    for space in (budget_2m.SPACE, SMALL_GRID):
        for who in WHO:
            name = who[1] if who[0] == "optuna" else who[0]
            show(space.name, name, [timed(space, *who, n) for n in TOLD])


def timed(space: Space, searcher: str, sampler: SamplerName, n_told: int) -> list[float]:
    """CPU milliseconds of each proposal after `n_told` trials; its result is told at once."""
    drawn = Proposals(space, count, None, "auc", seed=1)
    told = [ended(number, drawn) for number in range(n_told)]
    asked = make_sampler(searcher, space, (1,), "auc", sampler)
    proposals = Proposals(space, count, asked, "auc", 1, told)
    times = []
    for number in range(n_told, n_told + REPEATS):
        begun = time.process_time()
        trial = ended(number, proposals)
        times.append(1000 * (time.process_time() - begun))
        proposals.learn(trial)
    return times


def ended(number: int, proposals: Proposals) -> Trial:
    """Takes a proposal up; its value follows from its values, with noise."""
    values = proposals.next(number)
    if values is None:
        raise RuntimeError("the space is used up")
    config = TrialConfig.from_flat(values)
    proposals.reserve(config)
    noise = np.random.default_rng(number).normal(scale=0.01)
    rate = abs(np.log10(values["learning_rate"]) + 4)
    value = 0.7 - 0.05 * rate - 0.1 * values["dropout"] + noise
    measurement = Measurement(
        epoch=1,
        value=value,
        metrics=Metrics(auc=value),
        health=Health(verdict="healthy"),
        duration_s=1.0,
    )
    return Trial(
        number=number,
        params=values,
        config=config.model_dump(mode="json"),
        n_params=1,
        in_budget=True,
        state="COMPLETE",
        measurements=(measurement,),
    )


def show(space: str, searcher: str, times: Sequence[list[float]]) -> None:
    cells = (f"{statistics.median(column):.1f} ({max(column):.1f})" for column in times)
    print(f"{space:16}{searcher:12}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
