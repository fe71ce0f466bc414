"""The cost of an evaluation beforehand: seconds from measured steps, the rest from counts."""

from __future__ import annotations

from phase6c.config import Record, TrialConfig, parse
from phase6c.study.evaluation_config import Contender
from phase6c.tune.evaluation.plan import EvaluationPlan
from phase6c.tune.runtime.planned import Planned
from phase6c.tune.runtime.step_time import side_by_side_s, steps_an_epoch


class EvaluationEstimate(Record):
    """The cost of an evaluation on given resources.

    Attributes:
        n_fits_at_most: Number of trainings, if no contender drops out.
        evaluation_s: Seconds of all these trainings, side by side; None where nothing can tell.
        disk_gib: Size of the trainings' folder at its largest.
    """

    n_fits_at_most: int
    evaluation_s: float | None
    disk_gib: float


def estimate_evaluation(plan: EvaluationPlan, planned: Planned) -> EvaluationEstimate:
    """Takes the time of a training step of each contender from the planned machines.

    The estimate assumes that no contender drops out and that each is trained as long as in its
    search, which makes it longer rather than shorter than the evaluation.
    """
    fits = [_fit_s(plan, contender, planned) for contender in plan.contenders]
    # Folds and cal block for each contender; for the final model the dearest of them, once more.
    n_steps = len(plan.walk.folds) + 1
    final = max(fits, key=lambda fit_s: fit_s or 0.0)
    trainings = len(plan.seeds) * [*(n_steps * fits), final]
    max_concurrent = planned.resources.max_concurrent
    side_by_side = min(max_concurrent, len(plan.contenders) * n_steps)
    return EvaluationEstimate(
        n_fits_at_most=plan.n_fits_at_most,
        evaluation_s=side_by_side_s(trainings, side_by_side),
        disk_gib=plan.disk_bytes(max_concurrent) / 2**30,
    )


def _fit_s(plan: EvaluationPlan, contender: Contender, planned: Planned) -> float | None:
    """Seconds of a training, inner epochs and refit, on as many windows as in the search."""
    config = parse(TrialConfig, contender.config)
    # Dropout changes no cost that matters, and without it shapes compare as the same.
    shape = config.model.model_copy(update={"dropout": 0.0})
    step_s = planned.step_s(shape, config.train)
    if step_s is None:
        return None
    inner = min(config.train.epochs, contender.best_epoch + config.train.patience_epochs)
    epochs = inner + contender.best_epoch
    return step_s * steps_an_epoch(plan.study.data, config.train) * epochs
