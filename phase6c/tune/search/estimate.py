"""The cost of a search beforehand: seconds from measured steps, the rest from counts."""

from __future__ import annotations

import statistics

from phase6c.config import ModelConfig, Record
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.step_time import measured_step_s, steps_an_epoch, steps_of_final
from phase6c.tune.search.plan import SearchPlan

# Weights, gradients and two moments in float32.
_TRAINING_BYTES = 16
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
        step_s: Seconds of a training step of all its layers, measured on one layer and on two.
        epoch_s: Seconds of an epoch with its validation.
        search_s: Seconds of the expected epochs of all trials, and of what is measured when they
            end, side by side.
        memory_gib: Memory of the host while all trials run, the panel once for the search and once
            for all of its workers; without activations.
        disk_gib: Size of the study's folder at its largest.
    """

    shape: ModelConfig
    n_params: int
    step_s: float
    epoch_s: float
    search_s: float
    memory_gib: float
    disk_gib: float


def estimate(plan: SearchPlan, resources: Resources) -> SearchEstimate:
    """Measures a training step of one layer and of two on this machine and counts the rest."""
    shape, n_params = _median_shape(plan)
    step_s = measured_step_s(plan.data, shape, plan.config.train)
    epoch_s = step_s * steps_an_epoch(plan.data, plan.config.train)
    final_s = step_s * steps_of_final(plan.data, plan.config.train)
    work_s = epoch_s * plan.rung_plan.epochs_expected + final_s * plan.config.n_trials
    side_by_side = min(resources.max_concurrent, plan.config.n_trials)
    return SearchEstimate(
        shape=shape,
        n_params=n_params,
        step_s=step_s,
        epoch_s=epoch_s,
        search_s=work_s / side_by_side,
        memory_gib=_memory_gib(plan, n_params, side_by_side),
        disk_gib=plan.disk_bytes(resources.max_concurrent) / 2**30,
    )


def _memory_gib(plan: SearchPlan, n_params: int, side_by_side: int) -> float:
    data, epochs = plan.data, plan.config.train.epochs
    n_windows = len(data.train) + len(data.val)
    panel = data.features.nbytes + _WINDOW_BYTES * n_windows
    predictions = _PREDICTION_BYTES * len(data.val) * epochs
    each = _TRAINING_BYTES * n_params + predictions
    of_data = 2 * panel + _BAR_BYTES * len(data.dates) + side_by_side * each
    return _DRIVER_GIB + _RAY_GIB + side_by_side * _WORKER_GIB + of_data / 2**30


def _median_shape(plan: SearchPlan) -> tuple[ModelConfig, int]:
    """The shape whose work per window, parameters times tokens, is the median of the space."""
    # The low median is a shape of the space, which the mean of two middle shapes would not be.
    shapes = plan.space.shapes(plan.count)
    middle = statistics.median_low(count * model.n_tokens for model, count in shapes)
    return next((model, count) for model, count in shapes if count * model.n_tokens == middle)
