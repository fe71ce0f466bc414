"""MLflow has each trial once, with its curve, its end and its reason, whatever came in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from urllib.request import urlopen

import pytest

from phase6c.study.ledger import FILE_NAME
from phase6c.study.study_config import read_study_config, write_study_config
from phase6c.study.views.trackers.replay import track_study

from ....support.ports import free_port

if find_spec("mlflow") is None or find_spec("flask") is None:
    pytest.skip("MLflow's server is not installed: make test-trackers", allow_module_level=True)

pytestmark = [
    pytest.mark.slow,
    # Of MLflow's own libraries.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server of MLflow's on this machine."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    command = ["--backend-store-uri", "sqlite:///runs.db", "--port", str(port), "--workers", "1"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", *command],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    while process.poll() is None:
        with suppress(OSError), urlopen(f"{address}/health"):  # noqa: S310 - our own address
            break
        time.sleep(0.1)
    assert process.poll() is None, (folder / "server.log").read_text()
    yield address
    # With its workers; nobody needs what they would still write.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def client(uri):
    from mlflow import MlflowClient

    return MlflowClient(uri)


def runs(uri, folder):
    """The study's own run and the runs of its trials by number."""
    asked, study_id = client(uri), read_study_config(folder).study_id
    experiment = asked.get_experiment_by_name("phase6c")
    found = asked.search_runs(
        [experiment.experiment_id], f"tags.`phase6c.study` = '{study_id}'", max_results=1000
    )
    of_trials = [run for run in found if "phase6c.trial" in run.data.tags]
    (study,) = [run for run in found if run not in of_trials]
    numbers = [int(run.data.tags["phase6c.trial"]) for run in of_trials]
    assert len(set(numbers)) == len(numbers)
    return study, dict(zip(numbers, of_trials, strict=True))


def curve(uri, run, name="value"):
    history = client(uri).get_metric_history(run.info.run_id, name)
    return sorted((one.step, one.value) for one in history)


def test_a_server_has_every_trial_of_a_study_that_was_sent(server, played):
    track_study(played, mlflow=server)
    study, trials = runs(server, played)
    status = {number: run.info.status for number, run in trials.items()}
    assert status == {0: "FINISHED", 1: "FINISHED", 2: "FINISHED", 3: "FAILED", 4: "KILLED"}
    assert curve(server, trials[1]) == [(1, 0.6), (2, 0.7)]
    # An epoch that diverged has no value.
    assert curve(server, trials[3]) == [(1, 0.65)]
    tags = {name.removeprefix("phase6c."): value for name, value in trials[2].data.tags.items()}
    assert (tags["state"], tags["stopped"]) == ("PRUNED", "epoch 1: 0.5 against 0.6")
    assert (tags["budget"], tags["code_version"]) == ("tiny", "0")
    assert trials[3].data.tags["phase6c.error"].startswith("diverged: ")
    assert trials[1].data.params["learning_rate"] == "0.0001"
    assert trials[1].data.metrics["best_value"] == 0.7
    assert trials[1].data.tags["mlflow.parentRunId"] == study.info.run_id
    assert (study.info.status, study.data.tags["phase6c.best_trial"]) == ("KILLED", "1")
    rows = [json.loads(line) for line in (played / FILE_NAME).read_text().splitlines()]
    at = [row["at"] for row in rows if row["number"] == 1]
    assert trials[1].info.start_time == round(1000 * at[0])
    assert trials[1].info.end_time == round(1000 * at[-1])


def test_nothing_is_sent_twice_and_a_resumed_study_is_completed(server, played, go_on):
    track_study(played, mlflow=server)
    _, before = runs(server, played)
    go_on()
    config = read_study_config(played)
    done = {"complete": True, "value_corrected": 0.65}
    write_study_config(played, config.model_copy(update=done))
    track_study(played, mlflow=server)
    track_study(played, mlflow=server)
    study, after = runs(server, played)
    assert {one.info.run_id for one in before.values()} == {
        one.info.run_id for one in after.values()
    }
    assert (after[4].info.status, curve(server, after[4])) == (
        "FINISHED",
        [(1, 0.75), (2, 0.85)],
    )
    assert curve(server, after[1]) == [(1, 0.6), (2, 0.7)]
    assert study.info.status == "FINISHED"
    assert study.data.metrics["value_corrected"] == 0.65


def test_epochs_whose_count_was_lost_are_not_sent_twice(server, played):
    track_study(played, mlflow=server)
    _, trials = runs(server, played)
    # As if the connection had broken after the metrics were written, before the answer came.
    client(server).set_tag(trials[1].info.run_id, "phase6c.epochs", "0")
    track_study(played, mlflow=server)
    _, trials = runs(server, played)
    assert curve(server, trials[1]) == [(1, 0.6), (2, 0.7)]
    assert trials[1].data.tags["phase6c.epochs"] == "2"
