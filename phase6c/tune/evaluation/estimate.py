"""The cost of an evaluation beforehand: seconds from measured steps, the rest from counts."""

from __future__ import annotations

from phase6c.config import Record, TrialConfig, parse
from phase6c.study.evaluation_config import Contender
from phase6c.tune.evaluation.plan import EvaluationPlan
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.step_time import measured_step_s, steps_an_epoch


class EvaluationEstimate(Record):
    """The cost of an evaluation on given resources.

    Attributes:
        n_fits_at_most: Number of trainings, if no contender drops out.
        evaluation_s: Seconds of all these trainings, side by side.
        disk_gib: Size of the trainings' folder at its largest.
    """

    n_fits_at_most: int
    evaluation_s: float
    disk_gib: float


def estimate_evaluation(plan: EvaluationPlan, resources: Resources) -> EvaluationEstimate:
    """Measures a training step of a single layer of each contender and counts the rest.

    The estimate assumes that no contender drops out and that each is trained as long as in its
    search, which makes it longer rather than shorter than the evaluation.
    """
    seconds = {contender.name: _fit_s(plan, contender) for contender in plan.contenders}
    # Folds and cal block for each contender; for the final model the dearest of them, once more.
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
    """Seconds of a training, inner epochs and refit, on as many windows as in the search."""
    config = parse(TrialConfig, contender.config)
    # Dropout changes no cost that matters, and without it shapes compare as the same.
    shape = config.model.model_copy(update={"dropout": 0.0})
    step_s = measured_step_s(plan.study.data, shape, config.train)
    inner = min(config.train.epochs, contender.best_epoch + config.train.patience_epochs)
    epochs = inner + contender.best_epoch
    return step_s * steps_an_epoch(plan.study.data, config.train) * epochs
