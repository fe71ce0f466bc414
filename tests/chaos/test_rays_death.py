"""Ray itself may die: a process of its own, a node of a cluster, or the cluster's head."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from phase6c.study.study import load_study

from .victim import Victim, children, machines_of, max_side_by_side, n_repeated, real, scripted

pytestmark = pytest.mark.chaos

# Starts a cluster, says where it is, and does what it is told, a line each.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
machines = [
    cluster.add_node(num_cpus=max(1, int(gpus)), num_gpus=int(gpus)) for gpus in sys.argv[1:]
]
print(cluster.address, flush=True)
for line in sys.stdin:
    match line.split():
        case ["replace"]:
            lost = machines.pop()
            gpus = lost.get_resource_and_label_spec().num_gpus
            cluster.remove_node(lost, allow_graceful=False)
            machines.append(cluster.add_node(num_cpus=max(1, gpus), num_gpus=gpus))
        case ["head"]:
            cluster.head_node.kill_gcs_server()
    print(machines[-1].node_id, flush=True)
"""


class Cluster:
    """A Ray cluster in a process of its own.

    Args:
        gpus: Number of GPUs that each machine beside the head declares; it has a CPU for each, and
            at least one.
    """

    def __init__(self, *gpus: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER, *map(str, gpus)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.address = self._read()

    def tell(self, word: str) -> str:
        """Has it `replace` its last machine, or lose its `head`; the identity of its last one."""
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)
        return self._read()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.mark.parametrize("name", ["gcs_server", "raylet"])
def test_a_search_whose_ray_dies_says_so_and_goes_on(tmp_path: Path, name: str) -> None:
    victim = real(tmp_path)
    victim.start()
    victim.wait_for_results(5)
    assert victim.process is not None
    os.kill(children(victim.process.pid)[name], signal.SIGKILL)
    code, errors = victim.end()
    assert code == 75, errors
    assert name in errors
    assert errors.splitlines()[-1].endswith("--resume")
    victim.check()
    victim.finish()


@pytest.fixture
def cluster() -> Cluster:
    started = Cluster(0, 0)
    yield started
    started.close()


def on_cluster(folder: Path, address: str) -> Victim:
    options = ("--workers", "2", "--trials", "12", "--epoch-s", "1", "--address", address)
    return scripted(folder, *options)


def test_trials_of_a_node_that_dies_go_on_elsewhere(tmp_path: Path, cluster: Cluster) -> None:
    victim = on_cluster(tmp_path, cluster.address)
    victim.start()
    victim.wait_for_results(6)
    cluster.tell("replace")
    code, errors = victim.end()
    assert code == 0, errors
    victim.check()
    assert n_repeated(victim.folder) <= 2


def test_four_gpus_of_three_machines_train_four_trials_and_a_lost_machine_is_replaced(
    tmp_path: Path,
) -> None:
    with closing(Cluster(2, 1, 1)) as cluster:
        # Longer than a worker takes to start: Tune gives a trial that waits the freed worker of
        # another one, and the newcomer stays idle where trials end sooner than it can serve.
        options = ("--gpus", "4", "--trials", "16", "--epoch-s", "6", "--address", cluster.address)
        victim = scripted(tmp_path, *options)
        victim.start()
        victim.wait_for(lambda: len(machines_of(victim.folder)) == 3)
        newcomer = cluster.tell("replace")
        code, errors = victim.end()
    assert code == 0, errors
    victim.check()
    assert max_side_by_side(victim.folder) == 4
    assert n_repeated(victim.folder) <= 1
    assert newcomer in machines_of(victim.folder)
    assert len(load_study(victim.folder).trials) == 16


def test_a_cluster_whose_head_dies_is_left_and_another_goes_on(
    tmp_path: Path, cluster: Cluster
) -> None:
    victim = on_cluster(tmp_path, cluster.address)
    victim.start()
    victim.wait_for_results(6)
    cluster.tell("head")
    code, errors = victim.end()
    assert code == 75, errors
    victim.check()
    other = scripted(tmp_path, "--trials", "12")
    other.shown = victim.shown
    assert len(other.finish().trials) == 12
