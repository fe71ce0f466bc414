"""A Ray cluster of one declared GPU, joined by three more, runs four trials side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys, time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import phase6c
from phase6c.statistics.health import Health
from phase6c.records import Measurement, Metrics
from phase6c.nn.trial_run import TrialRun
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.runtime.session import run_job
from phase6c.tune.search.run import search_job
from phase6c.tune.runtime.trainable import TransformerTrainable
from search_spaces import budget_2m


class TimedRun(TrialRun):
    def _make_trainer(self):
        self._began = time.time()

    def _train_epoch(self):
        (self.folder / "begun").touch()
        # None ends before all four have begun.
        while len(list(self.folder.parent.glob("trial_*/begun"))) < 4:
            time.sleep(0.05)
        (self.folder / "times.json").write_text(
            json.dumps([self._began, time.time(), ray.get_gpu_ids()])
        )
        healthy = Health(verdict="healthy")
        metrics = Metrics(auc=0.6)
        return self.measurements.append(
            Measurement(epoch=1, value=0.6, metrics=metrics, health=healthy, duration_s=1.0)
        ) or self.measurements[-1]


class Timed(TransformerTrainable):
    run_type = TimedRun


if __name__ == "__main__":
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "num_gpus": 1, "include_dashboard": False},
    )
    # Once the first trial is handed out, which ends only beside three others.
    def join(row, trial):
        if row["kind"] == "started" and trial.number == 0:
            cluster.add_node(num_cpus=4, num_gpus=3)
    options = SearchOptions(
        n_trials=4, epochs=1, address=cluster.address, out=sys.argv[1],
        pins={"precision": "float32"}, scheduler="none",
    )
    from dataclasses import replace
    space = replace(budget_2m.SPACE, references=())
    run_job(search_job(plan_study(space, phase6c.load_bars("sp500"), options), Timed), [join])
    cluster.shutdown()
"""


@pytest.mark.ray
@pytest.mark.slow
def test_trials_run_side_by_side_on_gpus_that_join_in_mid_search(tmp_path: Path) -> None:
    script = tmp_path / "four.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(path.read_text()) for path in tmp_path.glob("out/*/*/trial_*/times.json")]
    assert len(found) == 4
    assert max(began for began, _, _ in found) < min(ended for _, ended, _ in found)
    assert sorted(gpus[0] for _, _, gpus in found) == [0, 0, 1, 2]
    assert all(len(gpus) == 1 for _, _, gpus in found)
