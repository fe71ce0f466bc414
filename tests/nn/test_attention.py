from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from phase6c.nn.attention import attend, attend_once

WIDTH, WINDOWS = 32, 3
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2}

precisions = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
lengths = pytest.mark.parametrize("n_tokens", [2, 8, 16, 17])
heads = pytest.mark.parametrize("n_heads", [1, 8])


def drawn(n_tokens: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(n_tokens)
    qkv = torch.randn(WINDOWS, n_tokens, 3 * WIDTH, generator=generator)
    return qkv.to(dtype).requires_grad_()


def textbook(qkv: Tensor, n_heads: int) -> Tensor:
    """The formula in double precision."""
    parts = [
        part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in qkv.double().chunk(3, dim=-1)
    ]
    return functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(-2)


def gradient_of(output: Tensor, qkv: Tensor) -> Tensor:
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    (gradient,) = torch.autograd.grad((output * weights).sum(), qkv)
    return gradient


def assert_near(found: Tensor, expected: Tensor, dtype: torch.dtype) -> None:
    expected = expected.to(found.dtype)
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@precisions
@lengths
@heads
def test_every_kernel_computes_the_textbooks_attention(
    n_tokens: int, n_heads: int, dtype: torch.dtype
) -> None:
    qkv = drawn(n_tokens, dtype)
    found, expected = attend(qkv, n_heads), textbook(qkv, n_heads)
    assert_near(found, expected, dtype)
    assert_near(gradient_of(found, qkv), gradient_of(expected, qkv), dtype)


@precisions
@lengths
@heads
def test_a_single_query_gets_what_it_gets_among_all(
    n_tokens: int, n_heads: int, dtype: torch.dtype
) -> None:
    qkv = drawn(n_tokens, dtype)
    query, key, value = qkv.chunk(3, dim=-1)
    found, expected = attend_once(query[:, -1], key, value, n_heads), textbook(qkv, n_heads)[:, -1]
    assert_near(found, expected, dtype)
    assert_near(gradient_of(found, qkv), gradient_of(expected, qkv), dtype)
