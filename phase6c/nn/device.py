"""The device of a model, the faster precision there, and the time of a training step."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from functools import cache

import torch

from phase6c.config import ModelConfig, OptimConfig, Precision
from phase6c.data.labels import N_TARGETS
from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer
from phase6c.nn.optim import LaneAdamW
from phase6c.nn.training_step import training_step

logger = logging.getLogger(__name__)

# A coarser arithmetic must pay: bfloat16 only where it saves at least a tenth.
_WORTHWHILE = 0.9
# Without hardware for it, bfloat16 is some 60 times slower: a single product shows that at once.
_HOPELESS = 3.0
_PROBE_ROWS = 32
_MAX_REPEATS = 5
_ENOUGH_S = 0.3


def pick_device(*, gpu: bool = True) -> torch.device:
    """The GPU if there is one, Apple's too if it can train, else the CPU.

    Args:
        gpu: Whether a GPU may be used; a run that was given none leaves it to others.
    """
    if not gpu:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if _mps_trains() else "cpu")


@cache
def _mps_trains() -> bool:
    """Whether Apple's GPU is there and computes every operation of a training step."""
    if not torch.backends.mps.is_available():
        return False
    # A feed-forward net, attention, dropout and every kind of head.
    smallest = ModelConfig(
        n_layers=2, d_model=16, n_heads=2, d_ff_ratio=2, context_days=4, patch_days=1, bins=2
    )
    try:
        measure_step_s(smallest, 4, 4, "float32", torch.device("mps"))
    except (RuntimeError, TypeError) as error:  # as torch says of what is not made for the device
        logger.warning("Apple's GPU cannot train these models, the CPU does: %s", error)
        return False
    return True


def use_one_thread() -> None:
    """Has torch compute on one CPU thread: a trial on each core is faster than shared threads."""
    torch.set_num_threads(1)


def faster_precision(
    model: ModelConfig, n_features: int, batch_size: int, device: torch.device
) -> Precision:
    """The precision in which training this shape is faster here, by a quick measurement.

    The shape is measured at its depth: what is done once a step in float32 weighs less in a deeper
    one, and the last block may compute a single token.

    Args:
        model: Shape of the model.
        n_features: Number of columns of the panel.
        batch_size: Number of windows of a step.
        device: Device to be measured.
    """
    if device.type == "mps":
        # Autocast there knows bfloat16 from one version of macOS on and not from another.
        return "float32"
    if _product_s(model, torch.bfloat16, device) > _HOPELESS * _product_s(
        model, torch.float32, device
    ):
        return "float32"
    coarse, fine = (
        measure_step_s(model, n_features, batch_size, precision, device)
        for precision in ("bfloat16", "float32")
    )
    return "bfloat16" if coarse <= _WORTHWHILE * fine else "float32"


def measure_step_s(
    model: ModelConfig,
    n_features: int,
    batch_size: int,
    precision: Precision,
    device: torch.device,
) -> float:
    """Seconds of a training step of a single lane, its first step left out.

    Args:
        model: Shape of the model.
        n_features: Number of columns of the panel.
        batch_size: Number of windows of the step.
        precision: Precision of matrix products.
        device: Device to be measured.
    """
    with device:
        network = LaneTransformer(model, n_features, precision=precision)
        windows = torch.ones(1, batch_size, model.context_days, n_features)
        y = torch.zeros(1, batch_size)
        coming = torch.zeros(1, batch_size, N_TARGETS)
    network.initialise([0], base_rate=0.5)
    optimiser = LaneAdamW(network, [OptimConfig(learning_rate=1e-4)])
    dropout = LaneDropout([model.dropout], [0], device, model.members)
    parts = (network, optimiser, windows, y, dropout)
    return _seconds(lambda: training_step(*parts, coming=coming), device)


def _product_s(model: ModelConfig, dtype: torch.dtype, device: torch.device) -> float:
    rows = torch.ones(1, _PROBE_ROWS, model.d_model, dtype=dtype, device=device)
    weight = torch.ones(1, model.d_model, model.d_model, dtype=dtype, device=device)
    return _seconds(lambda: torch.bmm(rows, weight), device)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """The median time of a few repeats, fewer where one takes long."""
    # The first run also allocates memory and chooses kernels.
    _timed(work, device)
    times: list[float] = []
    while len(times) < _MAX_REPEATS and sum(times) < _ENOUGH_S:
        times.append(_timed(work, device))
    return statistics.median(times)


def _timed(work: Callable[[], object], device: torch.device) -> float:
    on_gpu = device.type != "cpu"
    # The processor's own time does not grow while another program has the processor.
    clock = time.perf_counter if on_gpu else time.process_time
    begun = clock()
    work()
    # A GPU only queues its work; without the wait nothing but the queueing would be timed.
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return clock() - begun
