"""Trackers from the command line: refused before anything starts, or without harm to the search."""

from __future__ import annotations

import json
import shlex
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from phase6c.study.study import load_study
from phase6c.study.views.trackers import destination

from ..support.ports import free_port, silent_server
from .conftest import load_command

SMALL = ("--budget", "tiny", "--tier", "a20", "--trials", "2", "--epochs", "2", "--name", "small")
TRACKED = ("--mlflow", "http://127.0.0.1:1")


def needs(package):
    return pytest.mark.skipif(
        find_spec(package) is None, reason=f"{package} is not installed: make test-trackers"
    )


@pytest.fixture
def track():
    """Runs `phase6c track` in this process."""
    command = load_command("track")
    return lambda *options: CliRunner().invoke(command, [str(one) for one in options])


@pytest.fixture
def not_installed(monkeypatch):
    monkeypatch.setattr(destination, "find_spec", lambda _: None)


@pytest.mark.usefixtures("not_installed")
def test_without_the_package_a_search_ends_with_69_before_bars_are_read(tune, tmp_path):
    done = tune(*SMALL, *TRACKED, "--data", "nowhere.csv")
    assert done.exit_code == 69
    assert done.stderr == (
        "Error: --mlflow needs the package mlflow; found: mlflow is not installed. "
        "Install it with: pip install 'phase6c[mlflow]'\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("not_installed")
def test_a_dry_run_names_the_missing_package_and_goes_on_to_the_bars(tune):
    done = tune(*SMALL, *TRACKED, "--dry-run", "--data", "nowhere.csv")
    missing, bars = done.stderr.splitlines()
    assert missing.startswith("Missing: --mlflow needs the package mlflow")
    assert (done.exit_code, "nowhere.csv" in bars) == (65, True)


@pytest.mark.parametrize("name", ["probe", "evaluate"])
@pytest.mark.usefixtures("not_installed")
def test_probes_and_evaluations_take_the_same_options(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = {"probe": ["nowhere", "--base", "best"], "evaluate": ["nowhere"]}[name]
    done = CliRunner().invoke(load_command(name), [*words, *TRACKED])
    assert done.exit_code == 69
    assert "pip install 'phase6c[mlflow]'" in done.stderr


def test_a_key_among_the_options_is_refused_and_not_repeated(track, small_study, tmp_path):
    study = small_study(tmp_path / "study")
    done = track(study.folder, "--mlflow", "http://me:secret@127.0.0.1:1")
    assert done.exit_code == 2
    assert "secret" not in done.stderr


def test_a_tracker_is_named_and_a_study_is_there(track, small_study, tmp_path, monkeypatch):
    study = small_study(tmp_path / "study")
    done = track(study.folder)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Name it with --mlflow or --wandb." in done.stderr
    monkeypatch.setattr(destination, "_is_installed", lambda _: True)
    assert track(tmp_path / "nowhere", *TRACKED).exit_code == 73


@needs("mlflow")
@pytest.mark.slow
def test_a_tracker_that_does_not_answer_is_a_missing_resource(track, small_study, tmp_path):
    study = small_study(tmp_path / "study")
    done = track(study.folder, "--mlflow", f"http://127.0.0.1:{free_port()}")
    assert (done.exit_code, done.stdout) == (69, "")
    assert "with 9 trials left" in done.stderr
    assert "Connection refused" in done.stderr


@needs("wandb")
@pytest.mark.slow
def test_a_finished_study_is_sent(track, small_study, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    study = small_study(tmp_path / "study")
    done = track(study.folder, "--wandb", "project", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["wandb"]) == ("phase6c.track/1", "project")
    assert len(list(study.folder.glob("wandb/offline-run-*"))) == 10


@needs("mlflow")
@pytest.mark.ray
@pytest.mark.usefixtures("one_worker", "short_demo_bars")
@pytest.mark.parametrize("kind", ["dead", "silent"])
def test_a_search_ends_well_beside_a_tracker_that_takes_nothing(
    tune, tmp_path, kind, monkeypatch, capfd
):
    from phase6c.study.views.trackers import followers

    monkeypatch.setattr(followers, "END_S", 4.0)
    with silent_server() as silent:
        place = silent if kind == "silent" else f"http://127.0.0.1:{free_port()}"
        done = tune(*SMALL, "--mlflow", place)
    assert done.exit_code == 0, done.stderr
    folder = tmp_path / "outputs/phase6c_a20/small"
    assert load_study(folder).config.complete
    text = capfd.readouterr().err
    assert text.count("was not told all of 2 of 2 trials") == 1
    assert f"phase6c track {shlex.quote(str(folder))} --mlflow {place}" in text


@needs("wandb")
@pytest.mark.ray
@pytest.mark.usefixtures("one_worker", "short_demo_bars")
def test_a_search_tells_while_it_runs_and_its_resume_only_what_is_new(
    tune, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("WANDB_MODE", "offline")
    done = tune(*SMALL, "--wandb", "project", "--quiet")
    assert done.exit_code == 0
    assert "was not told" not in capfd.readouterr().err
    kept = tmp_path / "outputs/phase6c_a20/small/wandb"
    assert len(list(kept.glob("offline-run-*-[01]"))) == 2
    more = [*SMALL, "--trials", "3", "--resume"]
    assert tune(*more, "--wandb", "project", "--quiet").exit_code == 0
    assert sorted(path.name[-1] for path in kept.glob("offline-run-*-?")) == ["0", "1", "2"]
