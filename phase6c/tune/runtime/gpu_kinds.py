"""GPUs that are not there: their published rates, and a training step assumed from them.

Memory, dense rates and bandwidth are those of NVIDIA's data sheets: A100 (2020, 40 GB SXM), A10
(2021), H100 SXM (2022), L4 and L40S (2023), H200 SXM (2023), B200 (2024, of an HGX board). How much
of them a small transformer reaches is an assumption; a step measured on the GPU replaces it.
"""

from __future__ import annotations

from typing import NamedTuple

from phase6c.config import ModelConfig, Precision
from phase6c.errors import ConfigError
from phase6c.tune.runtime.nodes import Node
from phase6c.wording import listed

# A batched product over the rows of 64 windows reaches about this share of the published rate.
_SHARE_OF_RATE = 0.4
# Launched one after the other: 1,488 operations of 21 layers were counted, at 5 to 8 us each.
_LAUNCH_S_PER_LAYER = 1488 / 21 * 6.5e-6
# Weights, gradients, moments and their copies, as far as a step reads and writes them.
_TRAFFIC_BYTES_PER_PARAMETER = 50
# Forward, and twice as much backward, a multiplication and an addition each.
_OPERATIONS_PER_PARAMETER = 6
# CPUs of a machine that is not there are no limit: a trial takes a single CPU.
_CPUS_PER_GPU = 8


class GpuKind(NamedTuple):
    """What is published of a kind of GPU.

    Attributes:
        memory_gb: Memory in 10^9 bytes.
        bfloat16_tflops, float32_tflops: Dense rates in 10^12 operations a second.
        bandwidth_tb_s: Bandwidth of the memory in 10^12 bytes a second.
    """

    memory_gb: float
    bfloat16_tflops: float
    float32_tflops: float
    bandwidth_tb_s: float

    @property
    def memory_gib(self) -> float:
        """Memory in units of 2^30 bytes."""
        return self.memory_gb * 1e9 / 2**30


GPU_KINDS = {
    "A10": GpuKind(24, 125, 31.2, 0.60),
    "A100": GpuKind(40, 312, 19.5, 1.56),
    "H100": GpuKind(80, 989, 67, 3.35),
    "H200": GpuKind(141, 989, 67, 4.8),
    "B200": GpuKind(180, 2250, 75, 7.7),
    "L4": GpuKind(24, 121, 30.3, 0.30),
    "L40S": GpuKind(48, 362, 91.6, 0.86),
}


def assumed_node(text: str) -> Node:
    """A machine that is not there, such as 4xH200.

    Raises:
        ConfigError: The text names no number and kind of GPUs that are in the table.
    """
    number, _, kind = text.upper().partition("X")
    if kind not in GPU_KINDS or not number.isdecimal() or not int(number):
        raise ConfigError(
            "`assume` must name a number of GPUs and their kind",
            text,
            f"Use 4xH200; known are {listed(list(GPU_KINDS))}.",
        )
    gpus = int(number)
    return Node(
        cpus=_CPUS_PER_GPU * gpus,
        gpus=gpus,
        gpu_memory_gib=GPU_KINDS[kind].memory_gib,
        gpu_kind=kind,
    )


def assumed_step_s(
    kind: GpuKind,
    model: ModelConfig,
    n_params: int,
    batch_size: int,
    precision: Precision,
    side_by_side: int,
) -> float:
    """Seconds of a training step on a GPU that is not there.

    The GPU is busy with the products at a share of its published rate, and with reading and writing
    the weights; meanwhile the host launches operation after operation. A step takes the longer of
    the two: trials side by side launch in processes of their own and share the GPU.

    Args:
        kind: Published rates.
        model: Shape of the model.
        n_params: Number of its parameters.
        batch_size: Number of windows of a step.
        precision: Precision of the products.
        side_by_side: Number of trials on the GPU.
    """
    rate = kind.bfloat16_tflops if precision == "bfloat16" else kind.float32_tflops
    operations = _OPERATIONS_PER_PARAMETER * n_params * batch_size * model.n_tokens
    products_s = operations / (_SHARE_OF_RATE * rate * 1e12)
    traffic_s = _TRAFFIC_BYTES_PER_PARAMETER * n_params / (kind.bandwidth_tb_s * 1e12)
    launches_s = _LAUNCH_S_PER_LAYER * model.n_layers
    return max(launches_s, side_by_side * (products_s + traffic_s))
