"""Memory that does not suffice: the errors that say so, and memory given back."""

from __future__ import annotations

import torch

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
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MESSAGES)


def release_unused() -> None:
    """Gives the GPU's memory that no tensor needs any more back to other processes."""
    # torch keeps freed blocks for itself; a trial in another process cannot use them.
    torch.cuda.empty_cache()
