"""What an evaluation will take: seconds from measured steps, the rest from counts."""

from __future__ import annotations

from phase6c.config import Record, TrialConfig, parse
from phase6c.study.evaluation_config import Contender
from phase6c.tune.evaluation.plan import EvaluationPlan
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.step_time import measured_step_s, steps_an_epoch


class EvaluationEstimate(Record):
    """What an evaluation takes on given resources.

    Attributes:
        n_fits_at_most: Trainings, if no contender drops out.
        evaluation_s: All of them, side by side.
        disk_gib: Of the trainings' folder at its largest.
    """

    n_fits_at_most: int
    evaluation_s: float
    disk_gib: float


def estimate_evaluation(plan: EvaluationPlan, resources: Resources) -> EvaluationEstimate:
    """Measures one training step of one layer of each contender and counts the rest.

    That no contender drops out, and that each is trained as long as in its search, makes it
    longer rather than shorter than it will be.
    """
    seconds = {one.name: _fit_s(plan, one) for one in plan.contenders}
    n_steps = len(plan.walk.folds) + 1
    final = max(seconds.values())
    total_s = len(plan.seeds) * (n_steps * sum(seconds.values()) + final)
    side_by_side = min(resources.max_concurrent, len(plan.contenders) * n_steps)
    return EvaluationEstimate(
        n_fits_at_most=plan.n_fits_at_most,
        evaluation_s=total_s / side_by_side,
        disk_gib=plan.disk_bytes(resources.max_concurrent) / 2**30,
    )


def _fit_s(plan: EvaluationPlan, contender: Contender) -> float:
    """Of one training, inner epochs and refit, on as many windows as the search trained on."""
    config = parse(TrialConfig, contender.config)
    shape = config.model.model_copy(update={"dropout": 0.0})
    step_s = measured_step_s(plan.study.data, shape, config.train)
    inner = min(config.train.epochs, contender.best_epoch + config.train.patience_epochs)
    epochs = inner + contender.best_epoch
    return step_s * steps_an_epoch(plan.study.data, config.train) * epochs
