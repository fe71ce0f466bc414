"""The computed memory of a training step against what autograd keeps for the backward pass."""

from __future__ import annotations

import pytest
import torch

from phase6c.config import ModelConfig, Precision
from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer, count_parameters
from phase6c.nn.training_memory import activation_bytes, training_bytes

N_FEATURES = 20


def shape(**changed: object) -> ModelConfig:
    usual = {
        "n_layers": 2,
        "d_model": 128,
        "n_heads": 4,
        "d_ff_ratio": 4,
        "context_days": 16,
        "patch_days": 2,
        "dropout": 0.1,
    }
    return ModelConfig.model_validate(usual | changed)


SHAPES = [
    shape(),
    shape(n_layers=1),
    shape(n_layers=5, d_model=64),
    shape(d_ff_ratio=2),
    shape(d_model=256, n_heads=16),
    shape(d_model=64, n_heads=16, context_days=16, patch_days=1),
    shape(context_days=32, patch_days=1, n_layers=1),
    shape(context_days=2, patch_days=1),
    shape(context_days=8, patch_days=8, n_layers=3),
    shape(pooling="last"),
    shape(pooling="last", n_layers=1, patch_days=1),
    shape(pooling="last", patch_days=16),
    shape(dropout=0.0),
    shape(dropout=0.0, pooling="last", n_layers=3),
    shape(bins=6),
    shape(shortcut=False),
    shape(auxiliary="range"),
    shape(members=4, d_model=64),
]


def counted_bytes(model: ModelConfig, batch_size: int, precision: Precision) -> int:
    """Bytes of all that autograd keeps of a forward pass, each storage once, weights left out."""
    network = LaneTransformer(model, N_FEATURES, precision=precision)
    network.initialise([0], base_rate=0.5)
    dropout = LaneDropout([model.dropout], [0], torch.device("cpu"), model.members)
    windows = torch.ones(1, batch_size, model.context_days, N_FEATURES)
    own = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        heads = network.heads(windows, dropout)
    # The storages stay alive in `heads`, so that no address is used twice.
    assert heads.logits.requires_grad
    return sum(storage.nbytes() for storage in kept.values())


def copied_weights(model: ModelConfig, precision: Precision) -> int:
    """Bytes of the copies of the weights that products in bfloat16 read."""
    if precision == "float32":
        return 0
    # A single token needs neither queries nor keys.
    unread = 2 * model.d_model**2 * model.n_layers if model.n_tokens == 1 else 0
    return 2 * (count_parameters(model, N_FEATURES) - unread)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch_size", [16, 64])
@pytest.mark.parametrize("model", SHAPES, ids=lambda model: str(SHAPES.index(model)))
def test_the_computed_activations_are_those_that_autograd_keeps(
    model: ModelConfig, batch_size: int, precision: Precision
) -> None:
    counted = counted_bytes(model, batch_size, precision)
    computed = activation_bytes(model, N_FEATURES, batch_size, precision, "cpu")
    assert computed + copied_weights(model, precision) == pytest.approx(counted, rel=0.15)


def test_a_value_of_the_width_takes_44_bytes_in_bfloat16_and_72_in_float32() -> None:
    for precision, expected in (("bfloat16", 44), ("float32", 72)):
        one, two = (
            activation_bytes(shape(n_layers=n, d_model=1024), N_FEATURES, 64, precision)
            for n in (1, 2)
        )
        assert (two - one) / (64 * 8 * 1024) == pytest.approx(expected, rel=0.01)


def test_a_large_model_takes_a_few_gib_and_more_with_each_window_and_token() -> None:
    large = shape(n_layers=21, d_model=880, n_heads=8, patch_days=1, d_ff_ratio=4)
    assert count_parameters(large, N_FEATURES) == pytest.approx(200e6, rel=0.05)
    small, usual = (training_bytes(large, N_FEATURES, n, "bfloat16") for n in (64, 256))
    assert 4 < small / 2**30 < 5
    assert usual > small + 2 * 2**30
    fewer_tokens = large.model_copy(update={"patch_days": 4})
    assert training_bytes(fewer_tokens, N_FEATURES, 64, "bfloat16") < small


def test_a_flat_model_takes_what_its_predictions_need() -> None:
    flat = shape(n_layers=1)
    state = 16 * count_parameters(flat, N_FEATURES)
    kept = activation_bytes(flat, N_FEATURES, 1)
    assert training_bytes(flat, N_FEATURES, 1) > state + 10 * kept
