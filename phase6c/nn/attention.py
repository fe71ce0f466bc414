"""Attention over the few tokens of a window, by whichever kernel is the fastest there."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

# Measured on CPUs with and without AMX (DECISIONS.md): the generic kernel takes up to two thirds of
# a bfloat16 step at these lengths; in float32 it is slower for many heads on many tokens alone.
_FEW_TOKENS = 16
_MANY_TOKENS, _MANY_HEADS = 9, 8


def attend(
    qkv: Float[Tensor, "window token three_widths"], n_heads: int
) -> Float[Tensor, "window token width"]:
    """Softmax attention of all tokens of a window over all of them.

    Args:
        qkv: Queries, keys and values side by side, in each of them one head's piece after another.
        n_heads: Number of heads.
    """
    # One after another in memory: query, key and value, then window, head, token.
    by_head = qkv.view(*qkv.shape[:2], 3, n_heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = by_head.unbind(0)
    if suits_products(qkv.device.type, qkv.dtype == torch.float32, qkv.shape[1], n_heads):
        # Copied as one, since products of many small matrices are slow where these lie scattered.
        query, key, value = by_head.contiguous().unbind(0)
        scores = (query * query.shape[-1] ** -0.5) @ key.mT
        mixed: Tensor = torch.softmax(scores, dim=-1) @ value
    else:
        mixed = functional.scaled_dot_product_attention(query, key, value)
    return mixed.transpose(1, 2).flatten(-2)


def attend_once(
    query: Float[Tensor, "window width"],
    key: Float[Tensor, "window token width"],
    value: Float[Tensor, "window token width"],
    n_heads: int,
) -> Float[Tensor, "window width"]:
    """Softmax attention of a single query of each window over all tokens."""
    query, key, value = (part.view(*part.shape[:-1], n_heads, -1) for part in (query, key, value))
    if query.device.type != "cpu":
        query, key, value = query.unsqueeze(2), key.transpose(1, 2), value.transpose(1, 2)
        return functional.scaled_dot_product_attention(query, key, value).flatten(1)
    # On a CPU sums of products, in the order that they lie in, are the fastest for a single query.
    scores = (query.unsqueeze(1) * query.shape[-1] ** -0.5 * key).sum(-1, keepdim=True)
    return (torch.softmax(scores, dim=1) * value).sum(1).flatten(-2)


def suits_products(device_type: str, in_float32: bool, n_tokens: int, n_heads: int) -> bool:
    """Whether `attend` computes by products of its own rather than by the generic kernel."""
    if device_type != "cpu" or n_tokens > _FEW_TOKENS:
        return False
    return not in_float32 or (n_tokens >= _MANY_TOKENS and n_heads >= _MANY_HEADS)
