"""A machine that lacks what a trial needs gets none, by name, from the start or when it joins."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from ray import tune
from ray.tune.experiment import Trial as RayTrial

from phase6c.errors import ResourceError
from phase6c.tune.runtime.cluster import cluster_nodes
from phase6c.tune.runtime.joining.checks import CheckedNodes, examine, fault_in, versions
from phase6c.tune.runtime.nodes import Node

NODE = Node(cpus=8, gpus=2, name="worker")


@pytest.fixture
def answer(tmp_path):
    """What this machine answers, of which parts can be set by name."""
    marker = tmp_path / "marker"
    marker.write_text("shown")
    return lambda **others: examine(str(marker), "shown") | {"has_silent_driver": False} | others


def test_a_machine_like_this_lacks_nothing(answer):
    assert fault_in(answer(), NODE) is None


@pytest.mark.parametrize(("other", "fault"), [
    ({"versions": versions() | {"torch": "1.0"}}, "torch 1.0 in place of "),
    ({"versions": {}}, "Python None in place of "),
    ({"sees_folder": False}, "it does not see the study's folder"),
    ({"can_write": False}, "it must not write into the study's folder"),
    ({"free_bytes": 2**20}, "only 1 MiB are free for temporary files"),
    ({"has_silent_driver": True}, "its driver names none of its 2 GPUs"),
])  # fmt: skip
def test_each_lack_is_named(answer, other, fault):
    assert str(fault_in(answer(**other), NODE)).startswith(fault)


def test_a_driver_that_names_no_gpu_is_no_matter_where_none_is_used(answer):
    assert fault_in(answer(has_silent_driver=True), Node(cpus=8)) is None


def test_another_folder_at_the_same_path_is_not_the_studys(tmp_path):
    marker = tmp_path / "marker"
    marker.write_text("of another machine")
    assert not examine(str(marker), "shown")["sees_folder"]


# The folder of what the other machines lack stands in place of LACKS.
SCRIPT = """
import json, logging, sys, time
from dataclasses import replace
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import phase6c
from phase6c.nn.trial_run import TrialRun
from phase6c.records import Health, Measurement, Metrics
from phase6c.tune.runtime.session import run_job
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.search.run import search_job
from search_spaces import tiny

logging.basicConfig(level="INFO", stream=sys.stdout)


class Notes(logging.Handler):
    n_left_out = 0

    def emit(self, record):
        self.n_left_out += "gets no trial" in record.getMessage()
        if self.n_left_out == 2:
            Path(LACKS, "noticed").touch()


class PlacedRun(TrialRun):
    def _make_trainer(self):
        pass

    def _train_epoch(self):
        # The others are placed once the second machine has been looked at.
        while int(self.folder.name.partition("_")[2]) > 3 and not Path(LACKS, "noticed").exists():
            time.sleep(0.1)
        node = ray.get_runtime_context().get_node_id()
        (self.folder / "node.json").write_text(json.dumps(node))
        # Nor do they end before the bare machine, whose worker starts slowly, has got its first.
        until = time.monotonic() + 120
        while (
            int(self.folder.name.partition("_")[2]) > 3
            and len({one.read_text() for one in self.folder.parent.glob("*/node.json")}) < 2
            and time.monotonic() < until
        ):
            time.sleep(0.1)
        healthy = Health(verdict="healthy")
        self.measurements.append(
            Measurement(
                epoch=1, value=0.6, metrics=Metrics(auc=0.6), health=healthy, duration_s=1.0
            )
        )
        return self.measurements[-1]


class Placed(TransformerTrainable):
    run_type = PlacedRun


if __name__ == "__main__":
    logging.getLogger("phase6c").addHandler(Notes())
    def without(name):
        return {"PYTHONPATH": LACKS, "LACKS": name}

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    bare = cluster.add_node(num_cpus=1, env_vars=without("phase6c"))
    bad = [cluster.add_node(num_cpus=8, env_vars=without("pydantic"))]

    def join(row, trial):
        if row["kind"] == "result" and trial.number == 2:
            bad.append(cluster.add_node(num_cpus=8, env_vars=without("pydantic")))

    options = SearchOptions(
        n_trials=8, epochs=1, address=cluster.address, out=sys.argv[1],
        pins={"precision": "float32"}, scheduler="none", searcher="random",
    )
    space = replace(tiny.SPACE, references=())
    job = search_job(plan_study(space, phase6c.load_bars("sp500"), options), Placed)
    study = run_job(job, [join])
    cluster.shutdown()
    bad_ids = [node.node_id for node in bad]
    print(json.dumps([bare.node_id, bad_ids, len(study.trials), str(study.folder)]))
"""

# A machine on which a package is not installed, as its Python sees it: nowhere but where Ray has
# unpacked what travelled.
LACKING = """
import os, sys
from importlib.machinery import PathFinder


class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != os.environ.get("LACKS"):
            return None
        found = PathFinder.find_spec(name, [one for one in sys.path if "py_modules_files" in one])
        if found is None:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return found


sys.meta_path.insert(0, Missing)
"""


@pytest.mark.ray
@pytest.mark.slow
def test_a_machine_needs_the_dependencies_and_not_phase6c_to_get_trials(tmp_path):
    (tmp_path / "lacks").mkdir()
    (tmp_path / "lacks/sitecustomize.py").write_text(LACKING)
    script = tmp_path / "search.py"
    script.write_text(SCRIPT.replace("LACKS,", f"{str(tmp_path / 'lacks')!r},"))
    done = subprocess.run(
        [sys.executable, script, tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    *_, last = done.stdout.splitlines()
    bare, bad, n_trials, folder = json.loads(last)
    placed = [json.loads(path.read_text()) for path in Path(folder).glob("trial_*/node.json")]
    assert len(placed) == n_trials == 8
    assert bare in placed
    assert len(bad) == 2
    assert not set(placed) & set(bad)
    said = [line for line in done.stdout.splitlines() if "gets no trial: " in line]
    assert len(said) == 2
    assert all("pydantic" in line for line in said)
    assert not list(Path(folder).glob(".node_check*"))


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_without_a_machine_that_can_train_a_run_does_not_begin(tmp_path, caplog):
    gone = Node(cpus=8, name="gone", node_id="a" * 56)
    nodes = CheckedNodes(tmp_path, lambda: [gone])
    with closing(nodes), pytest.raises(ResourceError, match="found: gone: "):
        nodes.first()
    assert caplog.text.count("gone gets no trial: ") == 1
    # Asked a single time, and nothing is left in the study's folder.
    assert nodes() == []
    assert caplog.text.count("gone gets no trial: ") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_only_a_machine_that_came_after_a_trial_may_have_it_without_having_answered(tmp_path):
    there = cluster_nodes()
    with closing(CheckedNodes(tmp_path, lambda: there)) as nodes:
        share = tune.PlacementGroupFactory([{"CPU": 1}])
        early, late = (RayTrial("trainable", stub=True) for _ in range(2))
        late.placement_group_factory = share
        nodes.keep_away(early)
        assert not nodes.may_have_misplaced(early)
        there.append(Node(cpus=8, name="gone", node_id="a" * 56))
        assert nodes.may_have_misplaced(early)
        nodes.first()
        nodes.keep_away(late)
        assert nodes.may_have_misplaced(early)
        assert not nodes.may_have_misplaced(late)


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_the_machine_of_the_run_itself_is_not_asked(tmp_path):
    nodes = CheckedNodes(tmp_path, cluster_nodes)
    assert [node.cpus for node in nodes.first()] == [2]
    assert not list(tmp_path.iterdir())
