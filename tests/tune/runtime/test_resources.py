"""The same machines give the same plan, whether they are here, in a cluster, or assumed."""

from __future__ import annotations

import pytest

from phase6c.config import ModelConfig
from phase6c.errors import ConfigError, ResourceError
from phase6c.tune.runtime.cluster import node_of
from phase6c.tune.runtime.gpu_kinds import GPU_KINDS, assumed_node, assumed_step_s
from phase6c.tune.runtime.nodes import Node
from phase6c.tune.runtime.resources import Resources, TrialSize, plan_resources

SMALL = TrialSize(n_params=2_000_000, model_gib=0.2, panel_gib=0.0)
LARGE = TrialSize(n_params=200_000_000, model_gib=4.0, panel_gib=0.1)
H200S = Node(cpus=32, gpus=4, gpu_memory_gib=140.4, gpu_kind="H200")


def planned(nodes: list[Node], size: TrialSize | None = SMALL, **asked: float | None) -> Resources:
    options = {"gpus": None, "gpus_per_trial": None, "cpus": None} | asked
    return plan_resources(nodes, size, **options)  # type: ignore[arg-type]


def test_local_and_cluster_gpus_and_assumed_ones_give_the_same_plan() -> None:
    in_cluster = node_of({"CPU": 32.0, "GPU": 4.0, "accelerator_type:H200": 1.0})
    for node in (H200S, in_cluster, assumed_node("4xH200")):
        assert planned([node]).max_concurrent == 32
        assert planned([node]).gpus_per_trial == 1 / 8
        assert planned([node], LARGE).gpus_per_trial == 1
        assert planned([node], LARGE).max_concurrent == 4
    assert planned([Node(cpus=8, gpus=1)] * 4).max_concurrent == 4


def test_memory_that_holds_few_trials_is_shared_by_few() -> None:
    size = TrialSize(n_params=20_000_000, model_gib=6.0, panel_gib=1.0)
    small = Node(cpus=32, gpus=4, gpu_memory_gib=24.0)
    assert planned([small], size).trials_per_gpu == 2
    assert planned([H200S, small], size).trials_per_gpu == 2
    assert planned([small], LARGE.model_copy(update={"model_gib": 90.0})).trials_per_gpu == 1


def test_a_gpu_of_unknown_memory_or_a_trial_of_unknown_size_is_not_shared() -> None:
    assert planned([Node(cpus=8, gpus=1, gpu_kind="MPS")]).max_concurrent == 1
    assert planned([H200S], None).max_concurrent == 4


def test_a_trial_needs_a_cpu_and_its_share_on_the_same_machine() -> None:
    few_cpus = H200S.model_copy(update={"cpus": 4})
    assert planned([few_cpus, Node(cpus=64)]).max_concurrent == 4
    # Three shares of 0.3 fill a GPU: thirteen would need pieces of two.
    assert planned([H200S], gpus_per_trial=0.3).max_concurrent == 12
    assert planned([H200S], gpus_per_trial=1 / 3).max_concurrent == 12


def test_fewer_machines_may_be_asked_for_and_not_more() -> None:
    assert planned([H200S, H200S], gpus=5, gpus_per_trial=1.0).max_concurrent == 5
    assert planned([H200S], gpus=0).max_concurrent == 32
    assert planned([H200S], cpus=3).max_concurrent == 3
    assert planned([Node(cpus=2)]).gpus_per_trial == 0
    with pytest.raises(ResourceError, match="5 asked for, 4 there"):
        planned([H200S], gpus=5)
    with pytest.raises(ResourceError, match="`cpus`"):
        planned([H200S], cpus=33)
    with pytest.raises(ConfigError, match="at most 1"):
        planned([H200S], gpus_per_trial=2.0)


@pytest.mark.parametrize("text", ["H200", "0xH200", "4xZX81", "x", "", "4 H200", "-1xH200"])
def test_an_unknown_machine_is_not_assumed(text: str) -> None:
    with pytest.raises(ConfigError, match="4xH200"):
        assumed_node(text)


def test_an_assumed_step_waits_for_launches_or_for_the_gpu() -> None:
    model = ModelConfig(
        n_layers=21, d_model=880, n_heads=8, d_ff_ratio=4, context_days=16, patch_days=1
    )
    h200 = GPU_KINDS["H200"]

    def step_s(side_by_side: int, batch_size: int = 64) -> float:
        parts = (h200, model, 200_000_000, batch_size, "bfloat16", side_by_side)
        return assumed_step_s(*parts)

    # Launches take 7 to 12 ms, memory 2.1 ms, products 3 ms at this share of the rate.
    assert 0.007 < step_s(1) < 0.012
    assert step_s(1, 65) == step_s(1)
    assert step_s(8) > 2 * step_s(1)
    assert step_s(1, 4096) == pytest.approx(64 * 0.0031 + 0.0021, rel=0.05)
