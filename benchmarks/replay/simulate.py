"""Searches in simulated time: workers train known curves, a method chooses and stops them."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from tasks import Curve, Task


@dataclass
class Run:
    """A configuration that a method has started.

    Attributes:
        handle: Name that the method knows the configuration by.
        curve: Curve of a whole training.
        epochs: Number of epochs trained so far.
    """

    handle: Any
    curve: Curve
    epochs: int = 0


class Method(Protocol):
    """A searcher with its rungs."""

    def start(self) -> tuple[Any, Mapping[str, Any]] | None:
        """A handle and the flat values to train next; None while there is nothing to train."""

    def report(self, handle: Any, epoch: int, score: float) -> bool:
        """Takes a score; whether the trial goes on."""


@dataclass
class History:
    """Course of a search.

    Attributes:
        times: Simulated seconds at which the best measured score rose.
        bests: From each of these times on, the best measured score without its noise.
        runs: Every configuration started, in order.
    """

    times: list[float] = field(default_factory=list)
    bests: list[float] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Number of epochs trained by all runs."""
        return sum(run.epochs for run in self.runs)

    def best_at(self, times: np.ndarray) -> np.ndarray:
        """The best score by each time; minus infinity before the first."""
        positions = np.searchsorted(self.times, times, side="right")
        return np.concatenate([[-np.inf], self.bests])[positions]


def simulate(
    task: Task, method: Method, n_workers: int, budget_s: float, n_trials: int | None = None
) -> History:
    """Runs a search until its time is over, or all its trials have ended.

    Args:
        task: Task with the curves that are trained.
        method: Method that chooses and stops configurations.
        n_workers: Number of trials side by side.
        budget_s: Simulated seconds of the search.
        n_trials: Largest number of trials that are started; None for no limit.
    """
    history, clock, order, highest = History(), 0.0, 0, -np.inf
    # Between events of the same time the order of entry decides, since runs do not compare.
    events: list[tuple[float, int, Run]] = []
    idle = n_workers
    while True:
        while idle and (n_trials is None or len(history.runs) < n_trials):
            begun = method.start()
            if begun is None:
                break
            handle, values = begun
            run = Run(handle, task.curve(values))
            history.runs.append(run)
            heapq.heappush(events, (clock + run.curve.epoch_s, order, run))
            idle, order = idle - 1, order + 1
        if not events:
            return history
        clock, _, run = heapq.heappop(events)
        if clock > budget_s:
            return history
        score = float(run.curve.scores[run.epochs])
        if np.isfinite(score) and score > highest:
            highest = score
            history.times.append(clock)
            history.bests.append(float(run.curve.truth[run.epochs]))
        run.epochs += 1
        if method.report(run.handle, run.epochs, score) and run.epochs < task.epochs:
            heapq.heappush(events, (clock + run.curve.epoch_s, order, run))
            order += 1
        else:
            idle += 1
