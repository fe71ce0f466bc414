"""CPU time of the driver by the number of trials: decisions, proposals, views, progress and resume.

A search of 64 made-up workers runs through the product's own searcher, scheduler, ledger and
listeners, without Ray's processes and without training: only their time is simulated. TPE is asked
for a tenth of the trials, and the others are drawn uniformly; the whole time is that of a search
which asks TPE each time.

Run: OMP_NUM_THREADS=1 python benchmarks/driver_at_scale.py [N_TRIALS ...] (1000 3000 10000 unless
given; each in a process of its own, about ten minutes in all)
Aims at 10,000 trials, on one CPU: 5 ms a decision, 50 ms a proposal of TPE's, 200 results a second
without proposals, a resume in 30 s, 2 GB of memory, a time that grows with the trials' number to
the power of 1.1 at most.
"""

from __future__ import annotations

import heapq
import io
import math
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from cpu_time import CpuTime
from rich.console import Console

from phase6c.config import DataConfig, TrainConfig, TrialConfig, Values
from phase6c.nn.model import count_parameters
from phase6c.records import Health, Measurement, Metrics
from phase6c.stopping.decisions import Decisions
from phase6c.stopping.rung_plan import compared_epochs
from phase6c.study.ledger import Ledger
from phase6c.study.retention import Retention
from phase6c.study.study_config import StudyConfig, write_study_config
from phase6c.study.views.json_files import Views
from phase6c.study.views.optuna_journal import OptunaJournal
from phase6c.study.views.tensorboard import Board
from phase6c.terminal.progress import Goal, Progress
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.samplers import make_sampler
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.scheduler import RungScheduler
from phase6c.tune.search.searcher import StudySearcher
from search_spaces import budget_2m

N_WORKERS = 64
EPOCHS = 27
SPACE = budget_2m.SPACE
# TPE is asked for a trial in so many.
ASKED_IN = 10


class SparseProposals(Proposals):
    """Learns of every trial and asks the sampler for some of them, to save time."""

    def next(self, number: int) -> Values | None:
        """The flat values of trial `number`."""
        if number % ASKED_IN == 0:
            return super().next(number)
        return self._drawn(np.random.default_rng(number))


# The parts of the driver that are timed, each with the method that does its work.
PARTS = {
    "decide": (Decisions, "decide"),
    "ask": (Proposals, "next"),
    "propose": (SparseProposals, "next"),
    "board": (Board, "__call__"),
    "journal": (OptunaJournal, "__call__"),
    "progress": (Progress, "__call__"),
    "views": (Views, "__call__"),
}


class Driver:
    """All that the driver's process has beside Ray, of a new or a resumed search."""

    def __init__(self, folder: Path, n_trials: int) -> None:
        config = study_config(n_trials)
        counted = partial(count_parameters, n_features=30)
        self.ledger = Ledger(folder / "ledger.jsonl")
        halt = Halt()
        trials = [self.ledger.trials[number] for number in sorted(self.ledger.trials)]
        sampler = make_sampler("optuna", SPACE, compared_epochs(config), config.objective, "tpe")
        proposals = SparseProposals(SPACE, counted, sampler, "auc", 0, trials)

        def build(values: Values, number: int) -> tuple[TrialConfig, int]:
            built = TrialConfig.from_flat({**values, "seed": number})
            return built, counted(built.model)

        payload = {"provenance": {"code_version": "0"}}
        self.searcher = StudySearcher(
            self.ledger, proposals, build, (), n_trials, lambda _: True, payload, halt
        )
        self.searcher.set_max_concurrency(N_WORKERS)
        self.scheduler = RungScheduler(self.ledger, config, halt)
        self.board = Board(folder, config, self.ledger.trials)
        self.journal = OptunaJournal(folder, config, self.ledger.trials)
        goal = Goal(n_trials, lambda trial: trial.chosen)
        console = Console(file=io.StringIO())
        for listener in (
            self.board,
            Retention(folder, config, self.ledger),
            Views(folder, config, self.ledger),
            self.journal,
            Progress(console, config, self.ledger, N_WORKERS, N_WORKERS, goal),
        ):
            self.ledger.listen(listener)

    def run(self) -> int:
        """Runs until the last trial is handed out; the number of results."""
        rng = np.random.default_rng(0)
        names, events, n_results, now = count(), list[Any](), 0, 0.0
        while True:
            while len(events) < N_WORKERS:
                name = f"ray-{next(names)}"
                config = self.searcher.suggest(name)
                if not isinstance(config, dict):
                    return n_results
                pace = rng.lognormal()
                trial = SimpleNamespace(config=config, trial_id=name)
                heapq.heappush(events, (now + pace, name, pace, curve(config), trial))
            now, name, pace, values, trial = heapq.heappop(events)
            epoch = self.ledger.trials[trial.config["number"]].epochs + 1
            told = {"epoch": epoch, "measurement": measurement(epoch, values[epoch - 1], pace)}
            told |= {"final": False, "kept_epoch": epoch}
            n_results += 1
            if self.scheduler.on_trial_result(None, trial, told) == "STOP":
                self.searcher.on_trial_complete(trial_id=name, result=told)
            else:
                heapq.heappush(events, (now + pace, name, pace, values, trial))

    def close(self) -> None:
        self.board.close()
        self.journal.close()
        self.ledger.close()


def study_config(n_trials: int) -> StudyConfig:
    """A search of the 2M space with all that a search has by default."""
    return StudyConfig(
        study_id="made-up",
        name="driver",
        budget="2m",
        space=SPACE.describe(),
        sources=("sp500",),
        data=DataConfig(),
        data_digest="0" * 64,
        data_summary={},
        train=TrainConfig(epochs=EPOCHS),
        n_trials=n_trials,
        adaptive_grace=True,
        audit_share=0.05,
        code_version="0",
    )


def curve(config: Values) -> np.ndarray:
    """The values of a trial, an epoch each: learned at its own speed up to its own level."""
    rng = np.random.default_rng(config["number"])
    chosen = config["trial"]
    rate = abs(math.log10(chosen["optim"]["learning_rate"]) + 4)
    level = 0.72 - 0.03 * rate - 0.02 * chosen["model"]["dropout"] + 0.01 * rng.normal()
    speed = rng.lognormal(1.0, 0.7)
    epochs = np.arange(1, EPOCHS + 1)
    values: np.ndarray = level - 0.15 * np.exp(-epochs / speed) + 0.004 * rng.normal(size=EPOCHS)
    return values


def measurement(epoch: int, value: float, duration_s: float) -> str:
    """A report of a worker's, with a number in each field."""
    others = {name: value + position for position, name in enumerate(Metrics.model_fields)}
    metrics = Metrics.model_validate(others | {"auc": value})
    health = Health(verdict="healthy", evidence=("The probabilities pass every check.",))
    measured = Measurement(
        epoch=epoch, value=value, metrics=metrics, health=health, duration_s=duration_s
    )
    return measured.model_dump_json()


def measure(n_trials: int) -> Values:
    """The figures of a search of so many trials, and of its resume."""
    os.environ["COLUMNS"] = "120"
    timed = CpuTime()
    for part, (owner, name) in PARTS.items():
        timed.add(part, owner, name)
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out)
        write_study_config(folder, study_config(n_trials))
        driver = Driver(folder, n_trials)
        begun = time.process_time()
        n_results = driver.run()
        rest_s = time.process_time() - begun - timed.spent["propose"]
        driver.close()
        figures = {part: 1000 * timed.spent[part] / timed.calls[part] for part in PARTS}
        views_share = timed.spent["views"] / rest_s
        begun = time.process_time()
        Driver(folder, n_trials).close()
        return {
            "trials": n_trials,
            "results": n_results,
            **figures,
            "views_share": views_share,
            "rate": n_results / rest_s,
            "total_s": rest_s + n_trials * figures["ask"] / 1000,
            "resume_s": time.process_time() - begun,
            "ledger_mb": (folder / "ledger.jsonl").stat().st_size / 1e6,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        }


COLUMNS = {
    "trials": "trials",
    "results": "results",
    "decide": "decide, ms",
    "ask": "TPE, ms",
    "board": "board, ms",
    "journal": "journal, ms",
    "progress": "progress, ms",
    "views_share": "views' share",
    "rate": "results/s without proposals",
    "total_s": "in all, s",
    "resume_s": "resume, s",
    "ledger_mb": "ledger, MB",
    "memory_mb": "memory, MB",
}


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [1000, 3000, 10_000]
    print(f"{platform.processor() or platform.machine()}, {N_WORKERS} workers, CPU time")
    print(" | ".join(COLUMNS.values()), flush=True)
    rows = []
    for size in sizes:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measure, (size,)))
        print(" | ".join(f"{rows[-1][name]:,.4g}" for name in COLUMNS), flush=True)
    if len(rows) > 1:
        trials, total_s = (np.log([row[name] for row in rows]) for name in ("trials", "total_s"))
        exponent = np.polyfit(trials, total_s, 1)[0]
        print(f"the whole time grows with the number of trials to the power of {exponent:.2f}")


if __name__ == "__main__":
    main()
