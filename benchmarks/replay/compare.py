"""Replays searches over known learning curves and compares methods by regret against time.

Repeat with: make bench-search
It takes an hour of a single core for each two dozen seeds; two workers halve that.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path

# numpy reads this when it is imported, and so do the processes that are started below.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from methods import Phase6c, PlainOptuna, random_asha, ray_optuna
from simulate import History, Method, simulate
from tasks import Task, generated, recorded

SEARCHES = Path(__file__).parent / "searches.parquet"

# The time of a search, in whole trainings; its workers share it.
FULL_TRAININGS = 15
N_WORKERS = (2, 8)
TICKERS = ("sp500", "nasdaq")
GENERATED = ("slow", "crossing", "plain")
N_GENERATED_SEEDS = 20
N_TIMES = 100

# Searches of a fixed number of trials, to see whether the best of them is stopped.
N_KEEP_SEARCHES = 400
N_KEEP_TRIALS = 50

Make = Callable[[Task, int, int], Method]
OURS = "phase6c"
METHODS: dict[str, Make] = {
    OURS: Phase6c,
    "random + ASHA, grace 1": lambda task, seed, _: random_asha(task, seed, 1),
    "Ray OptunaSearch + ASHA, grace 1": lambda task, seed, _: ray_optuna(task, seed, 1),
    "Ray OptunaSearch + ASHA, grace 10 %": lambda task, seed, _: ray_optuna(task, seed, 0.1),
    "Optuna TPE + successive halving": lambda task, seed, _: PlainOptuna(task, seed),
    "Optuna TPE, full fidelity": lambda task, seed, _: ray_optuna(task, seed, None),
}
# Without patience, so that a rung alone can stop a trial early.
KEEPING: dict[str, Make] = {
    OURS: lambda task, seed, workers: Phase6c(
        task, seed, workers, n_trials=N_KEEP_TRIALS, patience=task.epochs
    ),
    **{name: make for name, make in METHODS.items() if name.startswith("Ray")},
}


@dataclass(frozen=True)
class Search:
    """Outcome of a replayed search.

    Attributes:
        family: Kind of the learning curves: recorded, generated or keeping.
        task: Name of the task.
        n_workers: Number of trials side by side.
        seed: Number of the search among the searches of its task.
        method: Name of the method.
        end: Regret when the time of the search is over, 0 to 1.
        area: Mean regret over the time of the search; 1 before the first result.
        n_trials: Number of configurations started.
        epochs_share: Trained epochs, as a share of the whole trainings of all started trials.
        kept_best: Whether the best of the started trials had all its epochs.
    """

    family: str
    task: str
    n_workers: int
    seed: int
    method: str
    end: float
    area: float
    n_trials: int
    epochs_share: float
    kept_best: bool


Job = tuple[str, str, int, int, str]


def jobs(n_seeds: int) -> list[Job]:
    """(family, task, workers, seed, method) of every search; a whole seed before the next."""
    on_grid = (
        ("recorded", name, workers, seed, method)
        for seed, name, workers, method in product(range(n_seeds), TICKERS, N_WORKERS, METHODS)
    )
    n_keep = min(N_KEEP_SEARCHES, 4 * n_seeds)
    keeping = (
        ("keeping", f"slow_{seed}", N_WORKERS[seed % 2], seed, method)
        for seed, method in product(range(n_keep), KEEPING)
    )
    n_generated = min(N_GENERATED_SEEDS, n_seeds)
    by_formula = (
        ("generated", f"{name}_{seed}", workers, seed, method)
        for seed, name, workers, method in product(
            range(n_generated), GENERATED, N_WORKERS, METHODS
        )
    )
    return [*on_grid, *keeping, *by_formula]


@cache
def task_of(name: str) -> Task:
    """The recorded curves of a ticker, or generated curves of the family and seed in the name."""
    if name in TICKERS:
        return recorded(name)
    family, seed = name.split("_")
    return generated(family, int(seed))


def replay(job: Job) -> Search:
    """Runs a search; its seed is the same for all methods, so that they compare in pairs."""
    family, name, n_workers, number, method = job
    task = task_of(name)
    seed = zlib.crc32(f"{name}/{n_workers}/{number}".encode())
    limited = family == "keeping"
    budget_s = float("inf") if limited else FULL_TRAININGS * task.full_s / n_workers
    n_trials = N_KEEP_TRIALS if limited else None
    make = (KEEPING if limited else METHODS)[method]
    history = simulate(task, make(task, seed, n_workers), n_workers, budget_s, n_trials)
    end, area = (float("nan"),) * 2 if limited else regrets(task, history, budget_s)
    return Search(
        *job[:3],
        number,
        method,
        end,
        area,
        len(history.runs),
        history.epochs / (len(history.runs) * task.epochs),
        kept_best(history),
    )


def regrets(task: Task, history: History, budget_s: float) -> tuple[float, float]:
    """Regret at the end, and its mean over the time."""
    bests = history.best_at(np.linspace(0, budget_s, N_TIMES + 1)[1:])
    regret = np.array([1.0 if np.isinf(best) else min(1.0, task.regret(best)) for best in bests])
    return float(regret[-1]), float(regret.mean())


def kept_best(history: History) -> bool:
    """Whether the started trial with the best whole curve was trained to its end."""
    best = max(history.runs, key=lambda run: np.nanmax(run.curve.scores))
    return best.epochs == len(best.curve.scores)


def interval(values: np.ndarray) -> str:
    """The mean with its 95 % interval."""
    half = 1.96 * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():+.4f} [{values.mean() - half:+.4f}, {values.mean() + half:+.4f}]"


def regret_table(searches: pd.DataFrame) -> str:
    """Mean regrets of each method, and phase6c's regrets minus the method's in pairs."""
    lines = [
        "| workers | method | at the end | area | phase6c minus it, end | area | trials |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for n_workers, rows in searches.groupby("n_workers"):
        pairs = rows.pivot(index=["task", "seed"], columns="method", values=["end", "area"])
        for method in METHODS:
            means = [f"{pairs[part, method].mean():.4f}" for part in ("end", "area")]
            differences = [
                "" if method == OURS else interval((pairs[part, OURS] - pairs[part, method]).values)
                for part in ("end", "area")
            ]
            trials = f"{rows.loc[rows['method'] == method, 'n_trials'].mean():.0f}"
            lines.append(
                "| " + " | ".join([str(n_workers), method, *means, *differences, trials]) + " |"
            )
    return "\n".join(lines)


def keeping_table(searches: pd.DataFrame) -> str:
    """Share of searches that kept the best of their started trials, and its cost in epochs."""
    lines = ["| method | best kept | epochs |", "| --- | --- | --- |"]
    for method, rows in searches.groupby("method", sort=False):
        kept, share = rows["kept_best"].mean(), rows["epochs_share"].mean()
        lines.append(f"| {method} | {kept:.1%} | {share:.1%} |")
    return "\n".join(lines)


def report(searches: pd.DataFrame) -> None:
    """Prints all tables."""
    of = dict(iter(searches.groupby("family")))
    n = of["recorded"].groupby(["task", "n_workers"])["seed"].nunique().min()
    print(f"\nRecorded curves, {n} seeds a ticker\n\n{regret_table(of['recorded'])}")
    for name in GENERATED:
        own = of["generated"][of["generated"]["task"].str.startswith(name)]
        print(f"\nGenerated curves, {name}\n\n{regret_table(own)}")
    n = of["keeping"]["seed"].nunique()
    print(
        f"\n{n} searches of {N_KEEP_TRIALS} slow and fast learners\n\n"
        f"{keeping_table(of['keeping'])}"
    )


def main(n_seeds: int, n_processes: int) -> None:
    """Replays everything on so many processes; keeps the searches and prints the tables."""
    todo = jobs(n_seeds)
    done = []
    with ProcessPoolExecutor(n_processes) as pool:
        for number, search in enumerate(pool.map(replay, todo, chunksize=7), start=1):
            done.append(asdict(search))
            if number % 100 == 0 or number == len(todo):
                print(f"{number} of {len(todo)}", file=sys.stderr, flush=True)
                pd.DataFrame(done).to_parquet(SEARCHES, index=False)
    report(pd.DataFrame(done))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
