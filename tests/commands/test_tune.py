"""The tune command as a person uses it: a search, Ctrl-C, and going on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phase6c.study.study import load_study

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "launch/tune.py"), "--budget", "tiny", "--name", "one"]
# Short windows, whose epochs take a second.
COMMAND += ["--cpus", "1", "--tier", "a20", "--set", "context_days=8"]

pytestmark = pytest.mark.ray


def start(*options: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_results(search: subprocess.Popen[str], ledger: Path, n_results: int) -> None:
    while not (ledger.exists() and ledger.read_text().count('"kind": "result"') >= n_results):
        assert search.poll() is None, f"it ended before {n_results} results"
        time.sleep(0.05)


def test_search_ended_by_ctrl_c_goes_on_to_a_result_without_rays_noise(tmp_path: Path) -> None:
    options = ("--trials", "3", "--epochs", "4", "--scheduler", "none", "--quiet")
    first = start(*options, folder=tmp_path)
    study_folder = tmp_path / "outputs/phase6c_a20/one"
    wait_for_results(first, study_folder / "ledger.jsonl", 1)
    os.killpg(first.pid, signal.SIGINT)
    output, errors = first.communicate()
    assert first.returncode == 130, errors
    assert output == ""
    ending, message, way_on = errors.splitlines()
    assert ending.startswith("SIGINT: ending; ")
    assert "SIGINT" in message
    assert way_on == f"Go on with: {shlex.join([*COMMAND, *options, '--resume'])}"
    assert str(study_folder) in errors
    shown = load_study(study_folder)
    assert not shown.config.complete

    second = start(*options[:-1], "--resume", folder=tmp_path)
    output, errors = second.communicate()
    assert second.returncode == 0, errors
    for expected in ("logistic regression", "gradient boosting", "tensorboard --logdir"):
        assert expected in output
    assert "not looked at" in errors
    assert "ray" not in errors.lower().replace("starting ray.", "")
    assert (study_folder / "run.log").exists()
    ended = load_study(study_folder)
    assert ended.config.complete
    assert len(ended.trials) == 3
    for before in shown.trials:
        after = ended.trials[before.number]
        assert after.measurements[: before.epochs] == before.measurements
        assert [one.epoch for one in after.measurements] == list(range(1, after.epochs + 1))
    assert len({json.dumps({**one.config, "seed": 0}) for one in ended.trials}) == 3
