"""--dry-run shows what a search would do and take, for every budget, and starts nothing."""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path

import pytest

from phase6c.tune.runtime.nodes import local_node

pytestmark = pytest.mark.usefixtures("short_demo_bars")

TUNE = Path(__file__).parents[2] / "launch" / "tune.py"

# (parameters, tolerance) of each budget.
BUDGETS = {
    "tiny": (50_000, 0.20),
    "2m": (2_000_000, 0.05),
    "20m": (20_000_000, 0.05),
    "200m": (200_000_000, 0.05),
}


@pytest.mark.parametrize(
    "budget",
    ["tiny", "2m", *(pytest.param(one, marks=pytest.mark.slow) for one in ("20m", "200m"))],
)
def test_the_plan_of_every_budget_as_json(tune, tmp_path, budget):
    done = tune("--budget", budget, "--dry-run", "--json", "--gpus", "4")
    assert done.exit_code == 0, done.stderr
    plan = json.loads(done.stdout)
    n_params, tolerance = BUDGETS[budget]
    assert plan["shapes"]
    for shape in plan["shapes"]:
        assert abs(shape["n_params"] / n_params - 1) <= tolerance
    assert [rung["epoch"] for rung in plan["rungs"]["rungs"]] == [3, 9, 27]
    assert plan["rungs"]["epochs_expected"] < plan["rungs"]["epochs_without_rungs"] == 50 * 27
    assert plan["config"]["budget"] == budget
    for name in ("memory_gib", "gpu_memory_gib", "disk_gib"):
        assert plan["estimate"][name] > 0
    there = local_node().gpus
    assert (plan["missing"] is None) == (there >= 4)
    # The CPU of a machine without GPUs tells nothing about four of them.
    for name in ("step_s", "epoch_s", "search_s"):
        assert (plan["estimate"][name] is None) == (there == 0)
    assert not list(tmp_path.iterdir())


def test_a_free_width_can_be_planned(tune):
    done = tune("--space", "search_spaces.january_2m", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    plan = json.loads(done.stdout)
    assert {shape["d_model"] for shape in plan["shapes"]} == {64, 96, 128, 192}
    assert plan["references"] == ["january_best", "january_baseline"]


def test_the_plan_as_text_names_everything_and_what_is_missing(tune, tmp_path):
    done = tune("--budget", "2m", "--dry-run", "--gpus", "400")
    assert done.exit_code == 0, done.stderr
    assert "Shapes within 2,000,000" in done.stdout
    assert "Rungs" in done.stdout
    for word in ("study", "search", "training", "rungs", "references", "time", "memory", "disk"):
        assert f"\n{word} " in done.stdout
    assert "missing" in done.stdout
    assert "400 asked for" in done.stdout
    assert "not looked at" in done.stdout
    assert not list(tmp_path.iterdir())


def dry_run(tune, *options):
    done = tune("--budget", "tiny", "--dry-run", *options)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_the_plan_says_who_proposes_and_that_a_grace_left_to_the_search_moves(tune):
    shown = dry_run(tune)
    assert "Rungs: 360 of 1,350 epochs" in shown
    said = (
        "rungs      grace until epoch 3 to begin with, less where the search's own early epochs "
        "rank trials well, more where they mislead"
    )
    assert said in shown
    assert "sampler    A Gaussian process proposes, which is affordable up to 120" in shown
    asked = dry_run(tune, "--sampler", "tpe", "--trials", "500")
    assert "sampler    TPE proposes, which was asked for" in asked
    assert "a few of those below go on to the end, as an audit for 5% of their epochs" in shown
    assert "then until epoch 1, which so many trials can afford, unless early" in asked


def test_the_plan_of_a_fixed_grace_and_of_none_promise_no_other(tune):
    fixed = dry_run(tune, "--grace-period", "3", "--audit-share", "0")
    assert "Rungs: 350 of 1,350 epochs" in fixed
    assert "rungs      grace until epoch 3; those below are stopped without an audit" in fixed
    assert "to begin with" not in fixed
    assert "every trial trains to its end" in dry_run(tune, "--scheduler", "none")


def test_gpus_that_are_not_there_are_planned_for_and_everything_of_them_is_called_assumed(tune):
    shown = dry_run(tune, "--assume", "4xH200")
    assert "resources  4 H200 GPUs, 0.125 a trial; 32 trials side by side (assumed)" in shown
    assert "assumed from published rates of H200, not measured" in shown
    assert "of a GPU (computed, on assumed machines)" in shown
    assert "on this machine" not in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--assume", "4xH200"], "--dry-run"),
        (["--assume", "4xZX81", "--dry-run"], "known are A10"),
        (["--assume", "4xH200", "--dry-run", "--address", "auto"], "--address"),
    ],
)
def test_what_cannot_be_assumed_is_refused(tune, options, said):
    done = tune("--budget", "tiny", *options)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """An environment with nothing installed."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


@pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "in the checkout"])
def test_where_nothing_is_installed_it_says_so_in_one_line(bare_python, isolated):
    options = ["-I"] if isolated else []
    done = subprocess.run(
        [bare_python, *options, TUNE, "--budget", "2m"],
        capture_output=True,
        text=True,
        check=False,
        cwd=TUNE.parents[1],
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode != 0
    assert not done.stdout
    assert "phase6c is not installed here" in done.stderr
    assert "make demo" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_is_shown(tune):
    done = tune("--help")
    assert done.exit_code == 0
    for option in ("--budget", "--gpus", "--dry-run", "--resume", "--json"):
        assert option in done.stdout
    shown = " ".join(done.stdout.split())
    assert "--grace-period N|auto" in shown
    assert "or it has many trials, more where they mislead. [default: auto]" in shown
    assert "for this share of their epochs. [default: 0.05; x>=0]" in shown
