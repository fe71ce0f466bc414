"""The time of a training step of a shape on this machine."""

from __future__ import annotations

from phase6c.config import ModelConfig, TrainConfig
from phase6c.data.windows import SearchData
from phase6c.nn.device import measure_step_s, pick_device

# A forward pass on the validation block against forward, backward and update on train; the backward
# pass takes about twice the time of the forward pass.
_VALIDATION_SHARE = 1 / 3


def measured_step_s(data: SearchData, shape: ModelConfig, train: TrainConfig) -> float:
    """Seconds of a training step of a shape with all its layers, measured on a single layer."""
    # All layers but the last are alike, so that a large shape is measured as fast as a flat one.
    one_layer = shape.model_copy(update={"n_layers": 1, "pooling": "mean"})
    n_features, device = len(data.feature_names), pick_device()
    layer_s = measure_step_s(one_layer, n_features, train.batch_size, train.precision, device)
    return layer_s * shape.n_layers


def steps_an_epoch(data: SearchData, train: TrainConfig) -> float:
    """Number of training steps that an epoch with its validation is worth."""
    n_val = train.rung_windows(len(data.val))
    n_windows = train.epoch_windows(len(data.train)) + _VALIDATION_SHARE * n_val
    return n_windows / train.batch_size
