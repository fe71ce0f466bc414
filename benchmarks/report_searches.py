"""Searches of known scores by the product's own sampler, proposals and rungs, without training."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import NamedTuple

import numpy as np
from report_truths import N_EPOCHS, PATIENCE_EPOCHS, Truth, count

from phase6c.analysis.trials import Search, of_study
from phase6c.config import DataConfig, TrainConfig, TrialConfig, Values
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.space.space import Space
from phase6c.stopping.decisions import Decisions
from phase6c.stopping.rung_plan import compared_epochs, starting_grace
from phase6c.study.study import Study
from phase6c.study.study_config import SamplerName, StudyConfig
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.samplers import make_sampler

N_WORKERS = 4
_HEALTHY = Health(verdict="healthy")


class Design(NamedTuple):
    """The searcher and sampler that choose configurations, and the scheduler that stops them."""

    searcher: str
    scheduler: str
    sampler: SamplerName = "auto"


DEFAULT = Design("optuna", "asha")
TPE = Design("optuna", "asha", "tpe")
UNIFORM_STOPPED = Design("random", "asha")
UNIFORM = Design("random", "none")


def searched(truth: Truth, n_trials: int, seed: int, design: Design = DEFAULT) -> Search:
    """Runs a search of `n_trials`, four side by side, and reads it as a report does."""
    space, config = truth.space, _config(truth.space, n_trials, seed, design)
    sampler = make_sampler(
        design.searcher, space, compared_epochs(config), config.objective, design.sampler
    )
    proposals = Proposals(space, count, sampler, "auc", seed)
    decisions, rng = Decisions(config), np.random.default_rng([seed, 2])
    trials: dict[int, Trial] = {}
    curves: dict[int, np.ndarray] = {}
    # A worker that has no trial yet stands at -1; staggered, so that no two ask at once.
    events: list[tuple[float, int]] = [(worker / N_WORKERS, -1) for worker in range(N_WORKERS)]
    while events:
        clock, number = heapq.heappop(events)
        if number >= 0:
            trials[number] = _after_epoch(trials[number], curves[number], decisions)
            proposals.learn(trials[number])
        if number < 0 or trials[number].finished:
            number = len(trials)
            values = proposals.next(number) if number < n_trials else None
            if values is None:
                continue
            trials[number] = _born(number, values)
            proposals.reserve(TrialConfig.model_validate(trials[number].config))
            curves[number] = truth.curves([values], rng)[0]
        heapq.heappush(events, (clock + rng.uniform(0.8, 1.2), number))
    return of_study(Study(Path("made-up"), config, tuple(trials.values())))


def _after_epoch(trial: Trial, curve: np.ndarray, decisions: Decisions) -> Trial:
    epoch = trial.epochs + 1
    # Not validated: a run of the benchmark makes some hundred thousand measurements.
    measurement = Measurement.model_construct(
        epoch=epoch,
        value=float(curve[epoch - 1]),
        metrics=Metrics(),
        health=_HEALTHY,
        duration_s=1.0,
    )
    decision, stopped = decisions.decide(trial, measurement)
    update: Values = {"measurements": (*trial.measurements, measurement)}
    match decision:
        case "stop":
            update |= {"state": "PRUNED", "stopped": stopped}
        case "audit":
            update |= {"audited": True, "stopped": stopped}
        case "complete":
            update["state"] = "COMPLETE"
    return trial.model_copy(update=update)


def _born(number: int, values: Values) -> Trial:
    config = TrialConfig.from_flat({**values, "seed": number}).model_dump(mode="json")
    known = {"number": number, "params": values, "config": config}
    return Trial.model_validate({**known, "n_params": 1, "in_budget": True})


def _config(space: Space, n_trials: int, seed: int, design: Design) -> StudyConfig:
    return StudyConfig.model_validate(
        {
            **dict.fromkeys(
                ("study_id", "name", "budget", "data_digest", "code_version"), "made-up"
            ),
            "space": space.describe(),
            "sources": ("made-up",),
            "data": DataConfig(),
            "data_summary": {},
            "train": TrainConfig(epochs=N_EPOCHS, patience_epochs=PATIENCE_EPOCHS),
            "n_trials": n_trials,
            "searcher": design.searcher,
            "scheduler": design.scheduler,
            "grace_epochs": starting_grace(N_EPOCHS, 3.0),
            "adaptive_grace": True,
            "audit_share": 0.05,
            "seed": seed,
        }
    )
