"""Training where the memory does not suffice: the errors that say so, and steps in parts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from phase6c.nn.model import LaneDropout, LaneTransformer
from phase6c.nn.optim import LaneAdamW

# Where memory was asked for outside torch's CUDA allocator, the error is a plain RuntimeError.
_MESSAGES = (
    "DefaultCPUAllocator: can't allocate memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the host's or the GPU's memory does not suffice."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(one in str(error) for one in _MESSAGES)


def release_unused() -> None:
    """Gives the GPU's memory that no tensor needs any more back to whoever asks next."""
    torch.cuda.empty_cache()


def step_in_parts(
    model: LaneTransformer,
    optimiser: LaneAdamW,
    windows: Tensor,
    y: Tensor,
    dropout: LaneDropout | None,
    part_size: int,
) -> Tensor:
    """`training_step` with at most `part_size` windows of each lane in the model at once.

    The gradients of the parts, weighted by their sizes, add up to that of the whole batch: only
    the order of summation and the draws of the dropout differ.
    """
    batch_size = y.shape[1]
    total = torch.zeros(model.n_lanes, device=y.device)
    optimiser.zero_grad()
    parts = (torch.split(whole, part_size, dim=1) for whole in (windows, y))
    for own_windows, own_y in zip(*parts, strict=True):
        logits = model(own_windows, dropout)
        losses = functional.binary_cross_entropy_with_logits(logits, own_y, reduction="none")
        share = losses.sum(1) / batch_size
        torch.autograd.backward(share.sum())
        total += share.detach()
    optimiser.step(total)
    return total
