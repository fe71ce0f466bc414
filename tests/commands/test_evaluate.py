"""The commands `evaluate` and `predict`, as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import phase6c
from phase6c.config import DataConfig
from phase6c.data.bars import load_bars

from ..support.spaces import SMALL_MODELS
from .conftest import load_command, run_command

pytestmark = pytest.mark.ray

STUDY = "outputs/phase6c_a20/searched"
BARS, N_DAYS, NEWEST = "made.csv", 800, "2013-01-25"
SMALL = ("--top", 1, "--seeds", 1, "--cpus", 1)


@pytest.fixture(scope="module")
def folder(two_cpus, made_bars, tmp_path_factory) -> Path:
    """Where a small search is, and its evaluation will be."""
    folder = tmp_path_factory.mktemp("user")
    made_bars(0, N_DAYS).to_csv(folder / BARS, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small = {"n_trials": 2, "epochs": 1, "cpus": 1, "data": DataConfig(tier="a20")}
        phase6c.run_study(SMALL_MODELS, load_bars(BARS), **small, name="searched")
    return folder


@pytest.fixture(scope="module")
def endings(folder) -> list[str]:
    """What an evaluation says that is ended twice: by a first and a second signal.

    The second comes while the baselines are fitted, between two stages of trainings.
    """
    return [
        interrupted(folder, signal.SIGINT, "complete at epoch"),
        interrupted(folder, signal.SIGTERM, "baselines", "--resume"),
    ]


@pytest.fixture(scope="module")
def evaluated(endings, folder) -> subprocess.CompletedProcess[str]:
    """The evaluation that goes on from there to its end."""
    return run_command(folder, "evaluate", STUDY, *SMALL, "--resume")


def test_it_prints_the_tables_and_ends_with_the_verdicts_and_where_all_is(evaluated, folder):
    assert evaluated.returncode == 0, evaluated.stderr
    assert "the transformer" in evaluated.stdout
    card = json.loads((folder / "outputs/models/best/card.json").read_text())
    answers = [question["sentence"] for question in card["questions"].values()]
    *others, alone, added, verdict, _, _ = evaluated.stdout.rstrip().split("\n")
    assert [alone, added, verdict] == [*answers, card["sentence"]]
    assert not {alone, added, verdict} & set(others)
    for name in ("gradient boosting", "trailing base rate", "linear window"):
        assert evaluated.stdout.count(name) >= 2
    assert evaluated.stdout.rstrip().endswith(str(folder / "outputs/models/best"))
    assert "to do" in evaluated.stderr


def test_a_round_trip_ends_with_a_probability_for_the_newest_day(evaluated, folder):
    assert evaluated.returncode == 0
    done = run_command(folder, "predict", "outputs/models/best", "--data", BARS, "--out", "p.csv")
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(folder / "p.csv")
    assert list(frame) == ["date", "ticker", "p"]
    assert frame["date"].iloc[-1] == NEWEST
    assert f"after {NEWEST}" in done.stdout
    assert "lie in the time that it was fitted on" in done.stdout
    again = run_command(
        folder, "predict", "outputs/models/best", "--data", BARS, "--out", "p.parquet"
    )
    assert again.returncode == 0
    pd.testing.assert_series_equal(pd.read_parquet(folder / "p.parquet")["p"], frame["p"])


def test_the_card_comes_as_json_too_and_a_finished_evaluation_is_not_run_again(evaluated, folder):
    assert evaluated.returncode == 0
    options = (STUDY, *SMALL, "--resume", "--json")
    ledger = folder / "outputs/models/best/fits/ledger.jsonl"
    before = ledger.read_bytes()
    done = run_command(folder, "evaluate", *options)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "phase6c.card/1"
    assert "Starting Ray" not in done.stderr
    assert ledger.read_bytes() == before
    assert len((folder / "outputs/test_openings.jsonl").read_text().splitlines()) == 1


def test_what_cannot_be_is_refused_with_its_code(evaluated, folder, monkeypatch):
    assert evaluated.returncode == 0
    monkeypatch.chdir(folder)
    model = "outputs/models/best"
    for code, name, *options in (
        (2, "evaluate", STUDY, "--folds", 3),
        (2, "evaluate"),
        (2, "evaluate", STUDY, STUDY, "--name", "twice"),
        (2, "evaluate", STUDY, "--top", 1, "--seeds", 2, "--resume"),
        (73, "evaluate", "nowhere"),
        (73, "evaluate", STUDY),
        (69, "evaluate", STUDY, "--name", "gpu", "--gpus", 7),
        (2, "predict", model, "--data", "sp500", "--out", "p.xlsx"),
        (65, "predict", model, "--data", "nowhere.csv", "--out", "p.csv"),
        (73, "predict", "outputs", "--data", "sp500", "--out", "p.csv"),
    ):
        done = CliRunner().invoke(load_command(name), [str(option) for option in options])
        assert done.exit_code == code, (name, options, done.stderr)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_a_dry_run_names_contenders_steps_and_cost_and_leaves_nothing(folder, monkeypatch):
    monkeypatch.chdir(folder)
    command = load_command("evaluate")
    options = [STUDY, "--top", "2", "--name", "dry", "--dry-run"]
    shown = CliRunner().invoke(command, options)
    assert shown.exit_code == 0, shown.output
    for word in ("contender", "fold_5", "cal", "test", "at most 65 runs", "GiB"):
        assert word in shown.stdout
    as_json = json.loads(CliRunner().invoke(command, [*options, "--json"]).stdout)
    assert as_json["estimate"]["n_fits_at_most"] == 65
    assert not (folder / "outputs/models/dry").exists()


def interrupted(folder: Path, number: signal.Signals, after: str, *options: object) -> str:
    """What an evaluation says on stderr that gets a signal once a line has said `after`."""
    command = [sys.executable, "-m", "phase6c", "evaluate", STUDY, *SMALL, *options]
    with subprocess.Popen(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if after in line:
                process.send_signal(number)
                after = "\0"
    assert process.returncode == 128 + number, told
    return told


def test_signals_end_it_with_their_code_and_the_command_that_goes_on(endings):
    assert all("--resume" in told for told in endings)
