"""What a search or a probe will take: seconds from measured steps, the rest from counts."""

from __future__ import annotations

import statistics

from phase6c.config import ModelConfig, Record, TrainConfig, TrialConfig, parse
from phase6c.nn.device import measure_step_s, pick_device
from phase6c.study.evaluation_config import Contender
from phase6c.study.ledger import Trials
from phase6c.tune.evaluation.plan import EvaluationPlan
from phase6c.tune.probe.plan import ProbePlan
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.search.plan import StudyPlan

# Weights, gradients and two moments in float32.
_TRAINING_BYTES = 16
# A Python process with torch, scikit-learn and the bars.
_PROCESS_GIB = 0.8
# A forward pass on the validation block against forward, backward and update on train.
_VALIDATION_SHARE = 1 / 3


class Estimate(Record):
    """What a search of a plan takes on given resources.

    Attributes:
        shape: The shape that was measured: the space's median.
        n_params: Its count.
        step_s: One training step of it, all layers, measured on one of them.
        epoch_s: One epoch with its validation.
        search_s: The expected epochs of all trials, side by side.
        memory_gib: Of the host while all trials run, without activations.
        disk_gib: Of the study's folder at its largest.
    """

    shape: ModelConfig
    n_params: int
    step_s: float
    epoch_s: float
    search_s: float
    memory_gib: float
    disk_gib: float


class ProbeEstimate(Record):
    """What a probe takes on given resources.

    Attributes:
        n_runs: What is to be trained, or trained on.
        probe_s: All of that side by side.
        disk_gib: Of the study's folder at its largest.
    """

    n_runs: int
    probe_s: float
    disk_gib: float


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


def estimate(plan: StudyPlan, resources: Resources) -> Estimate:
    """Measures one training step of one layer on this machine and counts the rest."""
    shape, n_params = _median_shape(plan)
    step_s = _measured_step_s(plan, shape, plan.config.train)
    epoch_s = step_s * _steps_an_epoch(plan, plan.config.train)
    epochs = plan.rung_plan.epochs_expected
    side_by_side = min(resources.max_concurrent, plan.config.n_trials)
    gib = n_params / 2**30
    return Estimate(
        shape=shape,
        n_params=n_params,
        step_s=step_s,
        epoch_s=epoch_s,
        search_s=epoch_s * epochs / side_by_side,
        memory_gib=side_by_side * (_PROCESS_GIB + _TRAINING_BYTES * gib),
        disk_gib=plan.disk_bytes(resources.max_concurrent) / 2**30,
    )


def estimate_probe(plan: ProbePlan, trials: Trials, resources: Resources) -> ProbeEstimate:
    """Measures one training step of one layer of each shape and counts the rest."""
    step_s: dict[tuple[ModelConfig, TrainConfig], float] = {}
    probe_s = 0.0
    missing = plan.missing(trials)
    for run in missing:
        train = run.config.train
        shape = run.config.model.model_copy(update={"dropout": 0.0})
        if (shape, train) not in step_s:
            step_s[shape, train] = _measured_step_s(plan.study, shape, train)
        probe_s += step_s[shape, train] * _steps_an_epoch(plan.study, train) * train.epochs
    side_by_side = max(1, min(resources.max_concurrent, len(missing)))
    return ProbeEstimate(
        n_runs=len(missing),
        probe_s=probe_s / side_by_side,
        disk_gib=plan.disk_bytes(trials, resources.max_concurrent) / 2**30,
    )


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
    step_s = _measured_step_s(plan.study, shape, config.train)
    inner = min(config.train.epochs, contender.best_epoch + config.train.patience_epochs)
    epochs = inner + contender.best_epoch
    return step_s * _steps_an_epoch(plan.study, config.train) * epochs


def _measured_step_s(plan: StudyPlan, shape: ModelConfig, train: TrainConfig) -> float:
    """One training step of a shape, all layers, measured on one of them."""
    one_layer = shape.model_copy(update={"n_layers": 1})
    n_features, device = len(plan.data.feature_names), pick_device()
    layer_s = measure_step_s(one_layer, n_features, train.batch_size, train.precision, device)
    return layer_s * shape.n_layers


def _steps_an_epoch(plan: StudyPlan, train: TrainConfig) -> float:
    """Training steps that an epoch with its validation is worth."""
    n_windows = len(plan.data.train) + _VALIDATION_SHARE * len(plan.data.val)
    return n_windows / train.batch_size


def _median_shape(plan: StudyPlan) -> tuple[ModelConfig, int]:
    """The shape whose work per window, parameters times tokens, is the median of the space."""
    shapes = plan.space.shapes(plan.count)
    middle = statistics.median_low(count * model.n_tokens for model, count in shapes)
    return next((model, count) for model, count in shapes if count * model.n_tokens == middle)
