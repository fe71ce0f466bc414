"""The cost of a probe beforehand: seconds from measured steps, the rest from counts."""

from __future__ import annotations

from phase6c.config import ModelConfig, Record, TrainConfig
from phase6c.study.ledger import Trials
from phase6c.tune.probe.plan import ProbePlan
from phase6c.tune.runtime.planned import Planned
from phase6c.tune.runtime.step_time import side_by_side_s, steps_an_epoch


class ProbeEstimate(Record):
    """The cost of a probe on given resources.

    Attributes:
        n_runs: Number of runs to be trained, or trained on.
        probe_s: Seconds of all these runs, side by side; None where nothing can tell.
        disk_gib: Size of the study's folder at its largest.
    """

    n_runs: int
    probe_s: float | None
    disk_gib: float


def estimate_probe(plan: ProbePlan, trials: Trials, planned: Planned) -> ProbeEstimate:
    """Takes the time of a step of each shape from the planned machines and counts the rest."""
    times: dict[tuple[ModelConfig, TrainConfig], float | None] = {}
    seconds: list[float | None] = []
    missing = plan.missing(trials)
    for run in missing:
        train = run.config.train
        # Variants of dropout alone take as long, and are timed once.
        shape = run.config.model.model_copy(update={"dropout": 0.0})
        if (shape, train) not in times:
            times[shape, train] = planned.step_s(shape, train)
        step_s = times[shape, train]
        n_steps = steps_an_epoch(plan.study.data, train) * train.epochs
        seconds.append(None if step_s is None else step_s * n_steps)
    side_by_side = max(1, min(planned.resources.max_concurrent, len(missing)))
    return ProbeEstimate(
        n_runs=len(missing),
        probe_s=side_by_side_s(seconds, side_by_side),
        disk_gib=plan.disk_bytes(trials, planned.resources.max_concurrent) / 2**30,
    )
