"""Which GPUs and CPUs a process may use, from the driver's answers and the environment."""

from __future__ import annotations

import pytest

from phase6c.tune.runtime import nodes
from phase6c.tune.runtime.nodes import Gpu, local_cpus, local_node, read_gpus, visible_gpus

LISTING = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaaa)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbb)
GPU 2: NVIDIA GeForce RTX 4090 (UUID: GPU-cccc)
"""
MEMORY = "GPU-aaaa, 143771\nGPU-bbbb, 81920\nGPU-cccc, [N/A]\n"
DIVIDED = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaaa)
  MIG 3g.71gb     Device  0: (UUID: MIG-1111)
  MIG 1g.18gb     Device  1: (UUID: MIG-2222)
"""
FOUR = [Gpu(f"GPU-{name}", "H200", 140.4) for name in ("aaaa", "bbbb", "cccc", "dddd")]


def test_gpus_are_read_with_kind_and_memory() -> None:
    h200, a100, other = read_gpus(LISTING, MEMORY)
    assert (h200.kind, a100.kind, other.kind) == ("H200", "A100", None)
    assert h200.memory_gib == pytest.approx(140.4, abs=0.1)
    assert a100.memory_gib == 80
    assert other.memory_gib is None
    assert read_gpus("", "") == []


def test_a_divided_gpu_is_its_parts() -> None:
    parts = read_gpus(DIVIDED, MEMORY)
    assert parts == [Gpu("MIG-1111", "H200", 71.0), Gpu("MIG-2222", "H200", 18.0)]
    # CUDA shows a single part, unless several are named.
    assert visible_gpus(parts, {}) == parts[:1]
    assert visible_gpus(parts, {"CUDA_VISIBLE_DEVICES": "MIG-2222,MIG-1111"}) == parts[::-1]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"CUDA_VISIBLE_DEVICES": "0,2"}, [0, 2]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-bb,GPU-dddd"}, [1, 3]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, []),
        ({"CUDA_VISIBLE_DEVICES": "1,7,2"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": "1", "SLURM_JOB_GPUS": "0,1,2"}, [1]),
        ({"SLURM_JOB_GPUS": "4-5"}, [0, 1]),
        ({"SLURM_STEP_GPUS": "3", "SLURM_JOB_GPUS": "0-3"}, [0]),
        ({"SLURM_GPUS_ON_NODE": "2"}, [0, 1]),
    ],
)
def test_the_variables_of_cuda_and_slurm_count(
    environment: dict[str, str], expected: list[int]
) -> None:
    assert visible_gpus(FOUR, environment) == [FOUR[place] for place in expected]


def test_slurms_cpus_are_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    there = local_cpus()
    for given, expected in (("1", 1), (str(there + 1), there), ("", there)):
        monkeypatch.setenv("SLURM_CPUS_ON_NODE", given)
        assert local_cpus() == expected


def test_apple_silicon_has_a_single_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes.sys, "platform", "darwin")
    monkeypatch.setattr(nodes.platform, "machine", lambda: "arm64")
    node = local_node()
    assert (node.gpus, node.gpu_kind, node.gpu_memory_gib) == (1, "MPS", None)
