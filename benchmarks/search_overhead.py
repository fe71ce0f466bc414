"""Cost of a search beyond its trials: no-op and one-second trials through the product's run.

Run: OMP_NUM_THREADS=1 python benchmarks/search_overhead.py
Aims, on two CPUs: 0.1 s a no-op trial; 1.14 times the least that one-second trials can take.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import ray

import phase6c
from phase6c.nn.trial_run import TrialRun
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.study.ledger import Row
from phase6c.tune.runtime.session import run_job
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.search.run import search_job
from search_spaces import tiny

if TYPE_CHECKING:
    from phase6c.nn.trainer import Trainer

N_CPUS = 2
N_NO_OPS = 100
N_SECONDS = 40
SLEEP_S = 1.0


class NoOpRun(TrialRun):
    """Trains nothing: one fixed measurement, with the worker's process in its evidence."""

    sleep_s = 0.0

    def _make_trainer(self) -> Trainer:
        return cast("Trainer", None)  # No epoch ever asks for it.

    def _train_epoch(self) -> Measurement:
        time.sleep(self.sleep_s)
        measurement = Measurement(
            epoch=1,
            value=0.75,
            metrics=Metrics(auc=0.75, log_loss=0.45, pred_min=0.1, pred_max=0.6),
            health=Health(verdict="healthy", evidence=(str(os.getpid()),)),
            duration_s=self.sleep_s,
        )
        self.measurements.append(measurement)
        self.kept_epoch = len(self.measurements)
        return measurement


class OneSecondRun(NoOpRun):
    """Trains nothing, for a second."""

    sleep_s = SLEEP_S


class NoOpTrainable(phase6c.TransformerTrainable):
    run_type = NoOpRun


class OneSecondTrainable(phase6c.TransformerTrainable):
    run_type = OneSecondRun


@dataclass
class Clock:
    """A listener that notes when each result came, and from which worker."""

    times: list[float] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)

    def __call__(self, row: Row, trial: Trial) -> None:
        if row["kind"] == "result":
            self.times.append(time.perf_counter())
            self.workers.append(trial.measurements[-1].health.evidence[0])

    def since(self, n_workers: int) -> tuple[float, int]:
        """Seconds since `n_workers` were up, as a result of each shows, and results since then."""
        known: set[str] = set()
        for position, worker in enumerate(self.workers):
            known.add(worker)
            if len(known) == n_workers:
                return self.times[-1] - self.times[position], len(self.times) - position - 1
        raise RuntimeError(f"only {len(known)} of {n_workers} workers took part")


def search(
    trainable: type[phase6c.TransformerTrainable], n_trials: int, searcher: str
) -> tuple[Clock, float]:
    """Runs a whole search; its clock and its wall time, start-up and conclusion included."""
    clock = Clock()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        options = SearchOptions(
            n_trials=n_trials, epochs=1, cpus=N_CPUS, searcher=searcher, out=out
        )
        plan = plan_study(tiny.SPACE, phase6c.load_bars("sp500"), options)
        study = run_job(search_job(plan, trainable), [clock])
    assert len(clock.times) == len(study.trials) == n_trials
    ray.shutdown()
    return clock, time.perf_counter() - begun


def main() -> None:
    load = os.getloadavg()[0]
    print(f"{platform.processor() or platform.machine()}, ray {ray.__version__}, {N_CPUS} CPUs")
    print(f"load before: {load:.1f}; no-ops from the first result, others once both workers are up")
    print(f"{'trials':24}{'workers':>8}{'s each':>10}{'x least':>10}{'aim':>8}{'in all, s':>12}")
    for searcher in ("random", "hyperopt", "optuna"):
        clock, wall_s = search(NoOpTrainable, N_NO_OPS, searcher)
        seconds, count = clock.since(1)
        show(f"{N_NO_OPS} no-ops, {searcher}", clock, seconds / count, "-", "0.1 s", wall_s)
    clock, wall_s = search(OneSecondTrainable, N_SECONDS, "optuna")
    seconds, count = clock.since(N_CPUS)
    ratio = seconds / (count * SLEEP_S / N_CPUS)
    show(f"{N_SECONDS} of 1 s, optuna", clock, seconds / count, f"{ratio:.3f}", "1.14", wall_s)


def show(name: str, clock: Clock, each_s: float, ratio: str, aim: str, wall_s: float) -> None:
    workers = len(set(clock.workers))
    print(f"{name:24}{workers:8}{each_s:10.3f}{ratio:>10}{aim:>8}{wall_s:12.1f}", flush=True)


if __name__ == "__main__":
    main()
