"""The cost of a search beforehand: seconds from measured steps, the rest from counts."""

from __future__ import annotations

import statistics

from phase6c.config import ModelConfig, Record
from phase6c.tune.runtime.planned import Planned
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.step_time import steps_an_epoch, steps_of_final
from phase6c.tune.search.plan import SearchPlan

# Weights and two moments in float32, and the best weights.
_STATE_BYTES = 16
# Measured: the search's own process, Ray's, and each of the workers, beside data and models.
_DRIVER_GIB, _RAY_GIB, _WORKER_GIB = 0.37, 0.33, 0.33
# Bytes of a row of bars, of a window's labels and dates, and of a validation window's predictions
# of an epoch: in memory, and as they are written.
_BAR_BYTES, _WINDOW_BYTES, _PREDICTION_BYTES = 64, 40, 20


class SearchEstimate(Record):
    """The cost of a planned search on given resources.

    Attributes:
        shape: Shape that was measured: the median of the space.
        n_params: Number of parameters of the shape.
        step_s: Seconds of a training step of all its layers; None, as the next two, where nothing
            can tell.
        epoch_s: Seconds of an epoch with its validation.
        search_s: Seconds of the expected epochs of all trials, and of what is measured when they
            end, side by side.
        memory_gib: Memory of the host while all trials run, the panel once for the search and once
            for all of its workers; on a CPU with the activations of the largest trial.
        gpu_memory_gib: Memory that the largest trial takes of a GPU; None without GPUs.
        disk_gib: Size of the study's folder at its largest.
    """

    shape: ModelConfig
    n_params: int
    step_s: float | None
    epoch_s: float | None
    search_s: float | None
    memory_gib: float
    gpu_memory_gib: float | None
    disk_gib: float


def estimate(plan: SearchPlan, planned: Planned) -> SearchEstimate:
    """Takes the time of a training step from the planned machines and counts the rest."""
    shape, n_params = _median_shape(plan)
    resources, train = planned.resources, plan.config.train
    step_s = planned.step_s(shape, train)
    epoch_steps = steps_an_epoch(plan.data, train)
    final_steps = steps_of_final(plan.data, train)
    steps = epoch_steps * plan.rung_plan.epochs_expected + final_steps * plan.config.n_trials
    side_by_side = min(resources.max_concurrent, plan.config.n_trials)
    return SearchEstimate(
        shape=shape,
        n_params=n_params,
        step_s=step_s,
        epoch_s=None if step_s is None else step_s * epoch_steps,
        search_s=None if step_s is None else step_s * steps / side_by_side,
        memory_gib=_memory_gib(plan, resources, n_params, side_by_side),
        gpu_memory_gib=plan.trial_size("cuda").gpu_gib if resources.n_gpus else None,
        disk_gib=plan.disk_bytes(resources.max_concurrent) / 2**30,
    )


def _memory_gib(plan: SearchPlan, resources: Resources, n_params: int, side_by_side: int) -> float:
    data, epochs = plan.data, plan.config.train.epochs
    n_windows = len(data.train) + len(data.val)
    panel = data.features.nbytes + _WINDOW_BYTES * n_windows
    predictions = _PREDICTION_BYTES * len(data.val) * epochs
    # Beside a GPU the host keeps the best weights and whatever a checkpoint is written from.
    each_gib = _STATE_BYTES * n_params / 2**30
    if not resources.n_gpus:
        each_gib = plan.trial_size("cpu").model_gib
    of_data = 2 * panel + _BAR_BYTES * len(data.dates) + side_by_side * predictions
    workers_gib = side_by_side * (_WORKER_GIB + each_gib)
    return _DRIVER_GIB + _RAY_GIB + workers_gib + of_data / 2**30


def _median_shape(plan: SearchPlan) -> tuple[ModelConfig, int]:
    """The shape whose work per window, parameters times tokens, is the median of the space."""
    # The low median is a shape of the space, which the mean of two middle shapes would not be.
    middle = statistics.median_low(count * model.n_tokens for model, count in plan.shapes)
    return next((model, count) for model, count in plan.shapes if count * model.n_tokens == middle)
