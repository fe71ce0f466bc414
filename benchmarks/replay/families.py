"""Compares searches on families of curves that share nothing, each judged where it was left out.

Repeat with: make bench-families
It needs Syne Tune and SMAC, which are no dependencies:
    pip install --no-deps syne-tune==0.16.0 dill
    pip install smac==2.4.1
Finished searches are kept in `parts/`, a file for each method, and a second run goes on from them;
after a change of the search, delete the files of phase6c.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from operator import attrgetter
from pathlib import Path

# numpy and torch read this when they are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from methods import Phase6c, PlainOptuna, random_asha, ray_optuna
from pools import names, pool
from rivals import SyneTune, bohb_rule, smac_asha
from scipy.stats import t
from simulate import History, Method, simulate
from tasks import Task, generated, recorded

PARTS = Path(__file__).parent / "parts"

# The time of a search, in whole trainings; its workers share it.
FULL_TRAININGS = 50
N_WORKERS = (8, 64, 2)
# Shares of a search's time at which its regret is kept.
SHARES = (0.1, 0.25, 0.5, 1.0)
N_TIMES = 100
# Standard deviations of the noise that is added to the smooth curves, in units of regret.
NOISES = {"lcbench, little noise": 0.01, "lcbench, much noise": 0.04}
N_GENERATED = 2
FAMILIES = ("taskset", "lcbench", "recorded", "slow", "crossing", "plain", *NOISES)

Job = tuple[str, str, int, int]
OURS = "phase6c"
METHODS: dict[str, Callable[[Task, int, int], Method]] = {
    OURS: Phase6c,
    "phase6c, TPE alone": lambda task, seed, workers: Phase6c(task, seed, workers, sampler="tpe"),
    "random + ASHA, grace 1": lambda task, seed, _: random_asha(task, seed, 1),
    "Ray OptunaSearch + ASHA, grace 1": lambda task, seed, _: ray_optuna(task, seed, 1),
    "Ray OptunaSearch + ASHA, grace 10 %": lambda task, seed, _: ray_optuna(task, seed, 0.1),
    "Optuna TPE + successive halving": lambda task, seed, _: PlainOptuna(task, seed),
    "Optuna GP + successive halving": lambda task, seed, _: PlainOptuna(task, seed, sampler="gp"),
    "BOHB rule + ASHA, grace 1": lambda task, seed, _: bohb_rule(task, seed, 1),
    "Syne Tune BOHB": lambda task, seed, _: SyneTune(task, seed),
    "Syne Tune CQR + ASHA": lambda task, seed, _: SyneTune(task, seed, "ASHACQR"),
    "SMAC + ASHA, grace 1": lambda task, seed, _: smac_asha(task, seed, 1),
}
# The settings of phase6c that are chosen among.
SETTINGS = (OURS, "phase6c, TPE alone")


@dataclass(frozen=True)
class Search:
    """Outcome of a replayed search; regret is 0 for a task's best configuration, 1 for its worst.

    Attributes:
        family: Kind of the learning curves.
        task: Name of the task.
        n_workers: Number of trials side by side.
        seed: Number of the search among the searches of its task.
        regrets: Regret at each of SHARES of the search's time.
        area: Mean regret over the time; 1 before the first result.
        never_started: Regret of the best that was started, had it been trained whole.
        times: Shares of the time at which the regret fell, and `levels` what it fell to.
        levels: See `times`.
        n_trials: Number of configurations started.
        cpu_s: Processor seconds of the whole replay.
    """

    family: str
    task: str
    n_workers: int
    seed: int
    regrets: list[float]
    area: float
    never_started: float
    times: list[float]
    levels: list[float]
    n_trials: int
    cpu_s: float

    @property
    def end(self) -> float:
        """Regret when the time is over."""
        return self.regrets[-1]

    @property
    def lost(self) -> float:
        """The part of the regret at the end that is due to stopping."""
        return self.end - self.never_started

    @property
    def key(self) -> Job:
        """What all methods share, so that they compare in pairs."""
        return self.family, self.task, self.n_workers, self.seed


Figure = Callable[[Search], float]
END: Figure = attrgetter("end")
AREA: Figure = attrgetter("area")
NEVER: Figure = attrgetter("never_started")
LOST: Figure = attrgetter("lost")


def tasks() -> dict[tuple[str, str], Callable[[], Task]]:
    """(family, task) to a function that makes the task anew, since a pool is used up."""
    made: dict[tuple[str, str], Callable[[], Task]] = {}
    for ticker in ("sp500", "nasdaq"):
        made["recorded", ticker] = partial(recorded, ticker)
    for name in names("lcbench"):
        made["lcbench", name] = partial(pool, "lcbench", name)
        for family, noise in NOISES.items():
            made[family, name] = partial(pool, "lcbench", name, noise)
    for name in names("taskset"):
        made["taskset", name] = partial(pool, "taskset", name)
    for kind, seed in product(("slow", "crossing", "plain"), range(N_GENERATED)):
        made[kind, f"{kind}_{seed}"] = partial(generated, kind, seed)
    return made


def replay(method: str, family: str, name: str, n_workers: int, number: int) -> Search:
    """Runs a search; its seed is the same for all methods."""
    started = time.process_time()
    task = tasks()[family, name]()
    seed = zlib.crc32(f"{name}/{n_workers}/{number}".encode())
    budget_s = FULL_TRAININGS * task.full_s / n_workers
    history = simulate(task, METHODS[method](task, seed, n_workers), n_workers, budget_s)
    course = regret_at(task, history, np.linspace(0, budget_s, N_TIMES + 1)[1:])
    whole = max(float(np.nanmax(run.curve.truth)) for run in history.runs)
    return Search(
        family=family,
        task=name,
        n_workers=n_workers,
        seed=number,
        regrets=[float(course[round(share * N_TIMES) - 1]) for share in SHARES],
        area=float(course.mean()),
        never_started=task.regret(whole),
        times=[moment / budget_s for moment in history.times],
        levels=[task.regret(best) for best in history.bests],
        n_trials=len(history.runs),
        cpu_s=time.process_time() - started,
    )


def regret_at(task: Task, history: History, times: np.ndarray) -> np.ndarray:
    """Regret at each time; 1 before the first result."""
    bests = history.best_at(times)
    return np.array([1.0 if np.isinf(best) else min(1.0, task.regret(best)) for best in bests])


def part_of(method: str) -> Path:
    return PARTS / f"{method.replace(' ', '_').replace('%', 'percent')}.jsonl"


def load(method: str) -> dict[Job, Search]:
    """The finished searches of a method."""
    path = part_of(method)
    lines = path.read_text().splitlines() if path.exists() else []
    searches = [Search(**json.loads(line)) for line in lines]
    return {search.key: search for search in searches}


def run(methods: Sequence[str], jobs: Iterable[Job]) -> None:
    """Runs whatever of the jobs is missing; each search is kept as soon as it has ended."""
    PARTS.mkdir(exist_ok=True)
    done = {method: load(method) for method in methods}
    for job, method in product(jobs, methods):
        if job not in done[method]:
            found = asdict(replay(method, *job))
            with part_of(method).open("a") as part:
                part.write(json.dumps(found) + "\n")


def jobs(n_seeds: int, stride: int) -> list[Job]:
    """(family, task, workers, seed) of every search, with every `stride`-th task of LCBench."""
    kept = set(names("lcbench")[::stride])
    chosen = [key for key in tasks() if not key[0].startswith("lcbench") or key[1] in kept]
    # The families that say most come first, since a run may be ended at any time.
    chosen.sort(key=lambda key: FAMILIES.index(key[0]))
    return [
        (*key, n_workers, seed)
        for seed, n_workers, key in product(range(n_seeds), N_WORKERS, chosen)
    ]


def interval(values: np.ndarray) -> str:
    """The mean with its 95 % interval; a single value has none."""
    if len(values) < 2:
        return f"{values.mean():+.3f}"
    half = float(t.ppf(0.975, len(values) - 1)) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():+.3f} [{values.mean() - half:+.3f}, {values.mean() + half:+.3f}]"


def by_task(searches: Iterable[Search], figure: Figure) -> pd.Series:
    """The mean figure of each task, over workers and seeds, since tasks are what is drawn."""
    table = pd.DataFrame({"task": one.task, "figure": figure(one)} for one in searches)
    return table.groupby("task")["figure"].mean()


def time_to_match(ours: Sequence[Search], others: Sequence[Search]) -> float:
    """The mean share of the time after which ours is as good as the other is at the end."""
    reached = []
    for own, other in zip(ours, others, strict=True):
        matched = np.flatnonzero(np.array(own.levels) <= other.end)
        reached.append(own.times[matched[0]] if len(matched) else 1.0)
    return float(np.mean(reached))


def table(family: str, n_workers: int, methods: Sequence[str]) -> str:
    """A family's regrets by method, and phase6c's minus theirs in pairs."""
    lines = [
        "| method | 10 / 25 / 50 / 100 % | mean over time | never started | lost by stopping "
        "| phase6c minus it, end | mean over time | as good after | tasks |",
        "|---|---|---:|---:|---:|---|---|---:|---:|",
    ]
    loaded = {method: load(method) for method in methods}
    for method in methods:
        pairs = [
            (loaded[OURS][key], search)
            for key, search in loaded[method].items()
            if key[0] == family and key[2] == n_workers and key in loaded[OURS]
        ]
        if not pairs:
            continue
        ours, own = zip(*pairs, strict=True)
        course = np.mean([search.regrets for search in own], axis=0)
        means = [by_task(own, figure).mean() for figure in (AREA, NEVER, LOST)]
        differences = [
            "" if method == OURS else interval((by_task(ours, of) - by_task(own, of)).to_numpy())
            for of in (END, AREA)
        ]
        shown = [method, "/".join(f"{regret:.3f}" for regret in course)]
        shown += [f"{mean:.3f}" for mean in means]
        as_good = "" if method == OURS else f"{time_to_match(ours, own):.0%}"
        shown += [*differences, as_good, str(len(by_task(own, END)))]
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def left_out(settings: Sequence[str], methods: Sequence[str]) -> str:
    """For each family the setting that is best on the others, and how it fares on this one."""
    loaded = {method: load(method) for method in methods}
    shared = set.intersection(*(set(loaded[setting]) for setting in settings))
    lines = ["| left out | chosen on the others | end | mean over time |", "|---|---|---:|---:|"]

    def mean(setting: str, family: str, figure: Figure) -> float:
        own = [loaded[setting][key] for key in shared if key[0] == family]
        return float(by_task(own, figure).mean())

    families = [family for family in FAMILIES if any(key[0] == family for key in shared)]
    for family in families if len(families) > 1 else ():
        others = [other for other in families if other != family]
        chosen = min(
            settings, key=lambda one: np.mean([mean(one, other, AREA) for other in others])
        )
        end, area = (mean(chosen, family, figure) for figure in (END, AREA))
        lines.append(f"| {family} | {chosen} | {end:.3f} | {area:.3f} |")
    return "\n".join(lines)


def report(methods: Sequence[str]) -> None:
    """Prints all tables."""
    for family, n_workers in product(FAMILIES, N_WORKERS):
        shown = table(family, n_workers, methods)
        if shown.count("\n") > 1:
            print(f"\n{family}, {n_workers} workers\n\n{shown}")
    print(f"\nOne family left out\n\n{left_out(SETTINGS, methods)}")


def main(n_seeds: int, stride: int, methods: Sequence[str]) -> None:
    """Goes on with the searches of these methods and prints the tables of all."""
    run(methods or tuple(METHODS), jobs(n_seeds, stride))
    report(tuple(METHODS))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
