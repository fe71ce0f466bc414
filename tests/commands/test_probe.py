"""The probe command as a person uses it: its plan, wrong usage, Ctrl-C, and going on."""

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
from click.testing import CliRunner

from phase6c.study.study import load_study
from phase6c.study.study_config import write_study_config
from phase6c.verify.study import verify

from .conftest import LAUNCH, load_command

JANUARY = ("--base", "reference:january_best", "--vary", "n_heads=2,4")


@pytest.fixture(scope="module")
def probe_command():
    return load_command("probe")


@pytest.fixture
def probe(probe_command, tmp_path, monkeypatch):
    """Runs `phase6c probe` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *options: CliRunner().invoke(probe_command, [str(one) for one in options])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--base", "best", "--vary", "n_heads=2"), "only a reference can be probed"),
        (("--base", "worst", "--vary", "n_heads=2"), "best, top:K, trial:N or reference:NAME"),
        ((*JANUARY, "--vary", "n_heads=8"), "--vary takes each name once"),
        (("--base", "best", "--vary", "n_heads"), "--vary takes NAME=V1,V2"),
        (
            ("--base", "reference:january_best", "--vary", "n_heads=5"),
            "may be 1, 2, 3, 4, 6, 8, 12",
        ),
        ((*JANUARY, "--seeds", "1"), "--seeds"),
        (
            (*JANUARY, "--tier", "a20", "here"),
            "takes data, epochs and seed from STUDY; found: --tier",
        ),
    ],
)
def test_wrong_usage_ends_with_2_and_one_message(probe, tmp_path, options, said):
    done = probe(*options)
    assert done.exit_code == 2
    assert done.stderr.count("Error: ") == 1
    assert said in done.stderr
    assert not list(tmp_path.rglob("study.json"))


def test_a_folder_that_holds_no_study_ends_with_73(probe, tmp_path):
    done = probe(tmp_path, *JANUARY)
    assert done.exit_code == 73
    assert "readable study.json" in done.stderr


def test_a_study_whose_bars_have_changed_ends_with_65(probe, tmp_path, study_config):
    write_study_config(tmp_path, study_config())
    done = probe(tmp_path, *JANUARY)
    assert done.exit_code == 65
    assert "started with" in done.stderr


def test_a_dry_run_shows_every_run_and_its_cost_and_writes_nothing(probe, tmp_path):
    options = (*JANUARY, "--tier", "a20", "--horizon", 3, "--epochs", 2, "--dry-run")
    done = probe(*options, "--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["folder"].endswith("outputs/phase6c_a20/probe_january_best_h3")
    assert [run["varied"] for run in document["runs"]] == [None, "n_heads", "n_heads"] * 3
    assert {run["params"]["d_model"] for run in document["runs"]} == {96}
    assert document["estimate"]["n_runs"] == 9
    text = probe(*options).stdout
    assert "january_best, n_heads 4: " in text
    assert "9 runs of 2 epochs on 3 seeds, of which 0 are there already" in text
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.ray
def test_a_probe_ended_by_ctrl_c_goes_on_by_the_same_command(made_bars, tmp_path: Path) -> None:
    made_bars(0, n_days=1000).to_csv(tmp_path / "made.csv", index=False)
    small = ("--data", "made.csv", "--tier", "a20", "--epochs", "2", "--seeds", "2", "--cpus", "1")
    options = ("--base", "reference:january_best", "--vary", "n_heads=2", *small)
    command = [sys.executable, str(LAUNCH / "probe.py"), *options]
    folder = tmp_path / "outputs/phase6c_a20/probe_january_best_h1_made"
    first = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    ledger = folder / "ledger.jsonl"
    while not (ledger.exists() and '"kind": "result"' in ledger.read_text()):
        assert first.poll() is None
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGINT)
    output, errors = first.communicate()
    assert (first.returncode, output) == (130, ""), errors
    assert errors.splitlines()[-1] == f"Go on with: {shlex.join(command)}"
    assert not verify(folder).findings
    shown = load_study(folder)

    second = subprocess.run(
        [*command, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 0, second.stderr
    result = json.loads(second.stdout)
    assert result["schema"] == "phase6c.probe/1"
    (contrast,) = result["contrasts"]
    assert (contrast["base_label"], contrast["base_value"], contrast["value"]) == (
        "january_best",
        8,
        2,
    )
    assert len(contrast["seeds"]) == 2
    assert contrast["interval"]["low"] < contrast["interval"]["high"]
    assert not verify(folder).findings
    ended = load_study(folder)
    assert ended.best is None
    assert [trial.epochs for trial in ended.trials] == [2] * 4
    for before in shown.trials:
        after = ended.trials[before.number]
        assert after.measurements[: before.epochs] == before.measurements
