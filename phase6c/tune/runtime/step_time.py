"""The time of a training step of a shape on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from phase6c.config import ModelConfig, TrainConfig
from phase6c.data.windows import SearchData
from phase6c.nn.device import measure_step_s, pick_device

# A forward pass on the validation block against forward, backward and update on train; the backward
# pass takes about twice the time of the forward pass.
_VALIDATION_SHARE = 1 / 3


def measured_step_s(n_features: int, gpu: bool, shape: ModelConfig, train: TrainConfig) -> float:
    """Seconds of a training step of a shape, measured on one of its layers and on two.

    Args:
        n_features: Number of columns of the panel.
        gpu: Whether trials may use a GPU.
        shape: Shape of the model.
        train: Training of a trial.
    """
    # All layers but the last are alike, so that a large shape is measured as fast as a flat one;
    # what is before and after them is paid once, and the last may be cheaper than the others.
    one = _step_s(n_features, gpu, shape.model_copy(update={"n_layers": 1}), train)
    if shape.n_layers == 1:
        return one
    two = _step_s(n_features, gpu, shape.model_copy(update={"n_layers": 2}), train)
    return one + (shape.n_layers - 1) * max(two - one, 0.0)


def _step_s(n_features: int, gpu: bool, shape: ModelConfig, train: TrainConfig) -> float:
    device = pick_device(gpu=gpu)
    return measure_step_s(shape, n_features, train.batch_size, train.precision, device)


def steps_an_epoch(data: SearchData, train: TrainConfig) -> float:
    """Number of training steps that an epoch with its validation is worth."""
    n_val = train.rung_windows(len(data.val))
    n_windows = train.epoch_windows(len(data.train)) + _VALIDATION_SHARE * n_val
    return n_windows / train.batch_size


def steps_of_final(data: SearchData, train: TrainConfig) -> float:
    """Number of training steps that the last measurement of a trial, on all rows, is worth."""
    if train.val_windows is None:
        return 0.0
    return _VALIDATION_SHARE * len(data.val) / train.batch_size


def side_by_side_s(seconds: Sequence[float | None], side_by_side: int) -> float | None:
    """Seconds of trainings of which so many run at a time; None if one of them is not known."""
    known = [one for one in seconds if one is not None]
    return sum(known) / side_by_side if len(known) == len(seconds) else None
