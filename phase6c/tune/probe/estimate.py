"""The cost of a probe beforehand: seconds from measured steps, the rest from counts."""

from __future__ import annotations

from phase6c.config import ModelConfig, Record, TrainConfig
from phase6c.study.ledger import Trials
from phase6c.tune.probe.plan import ProbePlan
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.step_time import measured_step_s, steps_an_epoch


class ProbeEstimate(Record):
    """The cost of a probe on given resources.

    Attributes:
        n_runs: Number of runs to be trained, or trained on.
        probe_s: Seconds of all these runs, side by side.
        disk_gib: Size of the study's folder at its largest.
    """

    n_runs: int
    probe_s: float
    disk_gib: float


def estimate_probe(plan: ProbePlan, trials: Trials, resources: Resources) -> ProbeEstimate:
    """Measures a training step of a single layer of each shape and counts the rest."""
    step_s: dict[tuple[ModelConfig, TrainConfig], float] = {}
    probe_s = 0.0
    missing = plan.missing(trials)
    for run in missing:
        train = run.config.train
        # Variants of dropout alone take as long, and are measured once.
        shape = run.config.model.model_copy(update={"dropout": 0.0})
        if (shape, train) not in step_s:
            step_s[shape, train] = measured_step_s(plan.study.data, shape, train)
        probe_s += step_s[shape, train] * steps_an_epoch(plan.study.data, train) * train.epochs
    side_by_side = max(1, min(resources.max_concurrent, len(missing)))
    return ProbeEstimate(
        n_runs=len(missing),
        probe_s=probe_s / side_by_side,
        disk_gib=plan.disk_bytes(trials, resources.max_concurrent) / 2**30,
    )
