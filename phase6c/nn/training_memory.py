"""The memory that training a shape takes on its device, computed before anything is built."""

from __future__ import annotations

from phase6c.config import ModelConfig, Precision
from phase6c.nn.attention import suits_products
from phase6c.nn.model import count_parameters
from phase6c.nn.predict import PREDICTED_AT_ONCE

_FLOAT32, _BFLOAT16 = 4, 2
# Weights, gradients and two moments in float32.
_STATE_BYTES = 16


def activation_bytes(
    model: ModelConfig,
    n_features: int,
    batch_size: int,
    precision: Precision = "float32",
    device_type: str = "cuda",
) -> int:
    """Bytes that the forward pass of a training step keeps for its backward pass.

    A row is a token of a window, w the width, r the feed-forward ratio, h the heads; a number of
    the products has p bytes: 4, or 2 in bfloat16. Everything outside the products has 4. A block
    keeps, for each row:

    - the residual stream before each of its norms, 4w twice, with mean and deviation, 16;
    - what the norms give to the products, pw twice;
    - queries, keys and values 3pw, and what attention makes of them, pw, with a sum for each
      head, 4h. With a single token a value is all that there is, pw in place of 4pw;
    - the feed-forward net before and after its activation, 2rpw;
    - with dropout a mask of each branch, 4w twice.

    With r = 4, dropout and bfloat16 a value of the width takes 44 bytes, and 72 in float32. The
    last block of `pooling="last"` has a single row a window behind its keys and values, and whole
    masks. Members keep all of this each. Before the blocks the inputs of all days are kept, and in
    bfloat16 the copy that the product reads; behind them the last residual stream, in float32.

    Args:
        model: Shape of the model.
        n_features: Number of columns of the panel.
        batch_size: Number of windows in the model at once.
        precision: Precision of the products.
        device_type: `cuda`, `mps` or `cpu`; on a CPU attention may be computed by products.
    """
    item = _item_bytes(precision)
    rows, width = batch_size * model.n_tokens, model.d_model
    by_last = model.pooling == "last" and model.n_tokens > 1
    out_rows = batch_size if by_last else rows
    whole_blocks = model.n_layers - 1 if by_last else model.n_layers
    kept = whole_blocks * rows * _of_row(model, item, device_type)
    if by_last:
        asking = _behind_attention(model, item) + 2 * item * width
        kept += rows * (_before_attention(width, item) + 2 * item * width) + batch_size * asking
    if model.dropout:
        kept += model.n_layers * 2 * _FLOAT32 * rows * width
    inputs = batch_size * model.context_days * n_features * max(1, model.bins)
    kept += _inputs(model, inputs, item) + out_rows * (_FLOAT32 * width + 8)
    return model.members * kept


def _item_bytes(precision: Precision) -> int:
    """Bytes of a number in the products."""
    return _BFLOAT16 if precision == "bfloat16" else _FLOAT32


def _of_row(model: ModelConfig, item: int, device_type: str) -> int:
    """Bytes of a row of a whole block, masks left out."""
    width = model.d_model
    outside = _before_attention(width, item) + _behind_attention(model, item)
    if model.n_tokens == 1:
        return outside + item * width
    if suits_products(device_type, item == _FLOAT32, model.n_tokens, model.n_heads):
        # The scaled queries, and the shares of all tokens for each head.
        return outside + item * (5 * width + model.n_heads * model.n_tokens)
    return outside + 4 * item * width + _FLOAT32 * model.n_heads


def _before_attention(width: int, item: int) -> int:
    return (_FLOAT32 + item) * width + 8


def _behind_attention(model: ModelConfig, item: int) -> int:
    return (_FLOAT32 + item + 2 * model.d_ff_ratio * item) * model.d_model + 8


def _inputs(model: ModelConfig, n_inputs: int, item: int) -> int:
    """Bytes of the inputs: what the first product reads, and what the shortcut does."""
    if item == _FLOAT32:
        return _FLOAT32 * n_inputs
    return item * n_inputs + (_FLOAT32 * n_inputs if model.shortcut else 0)


def training_bytes(
    model: ModelConfig,
    n_features: int,
    batch_size: int,
    precision: Precision = "float32",
    device_type: str = "cuda",
) -> int:
    """Bytes of a model that trains, at its largest: the panel and the device's own are left out.

    Weights, gradients and moments; in bfloat16 a copy of the weights; and the larger of what is
    alive as the backward pass begins, in the widest layer, and of a forward pass without gradients
    on the rows that are predicted at once.

    Args:
        model, n_features, batch_size, precision, device_type: As of `activation_bytes`.
    """
    item = _item_bytes(precision)
    copy = item if precision == "bfloat16" else 0
    state = (_STATE_BYTES + copy) * count_parameters(model, n_features)
    # The residual stream and its norm in float32, and the feed-forward net before and after its
    # activation; as many numbers forward as their gradients are backward.
    of_layer = (2 * _FLOAT32 + 2 * model.d_ff_ratio * item) * model.d_model * model.n_tokens
    inputs = _FLOAT32 * model.context_days * n_features * max(1, model.bins)
    backward = batch_size * model.members * of_layer
    kept = activation_bytes(model, n_features, batch_size, precision, device_type)
    predicting = PREDICTED_AT_ONCE * model.members * (of_layer + inputs)
    return state + max(kept + backward, predicting)
