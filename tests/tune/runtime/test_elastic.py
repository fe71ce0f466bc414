"""The number of trials side by side follows the machines of a cluster that come and go."""

from __future__ import annotations

import pytest

from phase6c.tune.runtime.elastic import ASKED_EVERY_S, LiveLimit
from phase6c.tune.runtime.job import RunOptions
from phase6c.tune.runtime.nodes import Node
from phase6c.tune.runtime.resources import plan_resources

ONE_GPU = Node(cpus=8, gpus=1, gpu_kind="H200", gpu_memory_gib=139.0)
FOUR_GPUS = Node(cpus=64, gpus=4, gpu_kind="H200", gpu_memory_gib=139.0)
NO_GPU = Node(cpus=8)


class Cluster:
    """A cluster whose machines are set by hand, and a clock that goes on when it is asked."""

    def __init__(self, *nodes: Node, **options: object) -> None:
        self.nodes, self.now, self.n_asked = list(nodes), 0.0, 0
        given = RunOptions.model_validate(options)
        began = plan_resources(
            nodes, None, gpus=given.gpus, gpus_per_trial=given.gpus_per_trial, cpus=given.cpus
        )
        self._limit = LiveLimit(began, given, self._there, lambda: self.now)

    def _there(self) -> list[Node]:
        self.n_asked += 1
        return self.nodes

    def after(self, seconds: float) -> int:
        self.now += seconds
        return self._limit()


def test_a_machine_that_joins_is_used_within_seconds_and_its_loss_is_followed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = Cluster(ONE_GPU)
    assert cluster.after(0) == 1
    cluster.nodes.append(FOUR_GPUS)
    with caplog.at_level("INFO", "phase6c"):
        assert cluster.after(ASKED_EVERY_S) == 5
    assert caplog.messages == ["The cluster has 5 GPUs for this run now: 5 trials at a time."]
    cluster.nodes.pop()
    assert cluster.after(ASKED_EVERY_S) == 1


def test_the_cluster_is_not_asked_for_every_proposal() -> None:
    cluster = Cluster(ONE_GPU)
    for _ in range(100):
        cluster.after(ASKED_EVERY_S / 50)
    assert cluster.n_asked <= 2


def test_what_was_asked_for_stays_a_limit() -> None:
    cluster = Cluster(ONE_GPU, FOUR_GPUS, gpus=4)
    assert cluster.after(0) == 4
    cluster.nodes.append(FOUR_GPUS)
    assert cluster.after(ASKED_EVERY_S) == 4


def test_after_a_loss_below_what_was_asked_for_the_limit_stays() -> None:
    cluster = Cluster(FOUR_GPUS, gpus=4)
    cluster.nodes[:] = [ONE_GPU]
    assert cluster.after(ASKED_EVERY_S) == 4


def test_the_share_of_a_gpu_stays_what_the_run_began_with() -> None:
    cluster = Cluster(FOUR_GPUS, gpus_per_trial=0.25)
    assert cluster.after(0) == 16
    cluster.nodes.append(ONE_GPU)
    assert cluster.after(ASKED_EVERY_S) == 20


@pytest.mark.parametrize(
    ("first", "joined", "expected"), [(NO_GPU, FOUR_GPUS, 72), (ONE_GPU, NO_GPU, 1)]
)
def test_a_run_stays_on_the_kind_of_machine_that_it_began_on(
    first: Node, joined: Node, expected: int
) -> None:
    cluster = Cluster(first)
    cluster.nodes.append(joined)
    assert cluster.after(ASKED_EVERY_S) == expected


def test_without_any_of_its_gpus_a_run_waits_for_them() -> None:
    cluster = Cluster(ONE_GPU)
    cluster.nodes[:] = [NO_GPU]
    assert cluster.after(ASKED_EVERY_S) == 1
