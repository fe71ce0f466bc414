"""Optuna opens a study's optuna.db and finds there what the ledger says."""

import errno
import math
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from phase6c.errors import StorageError
from phase6c.records import Baseline, Metrics
from phase6c.space.axes import Choice, Float, Grid, Int, ZeroOr
from phase6c.study.ledger import FILE_NAME
from phase6c.study.study_config import OPTUNA_FILE
from phase6c.study.views.optuna import attributes, distributions, write_optuna


@pytest.fixture
def play(play_search):
    """A reference completes, then one trial of each end, then one that runs and one that waits."""
    return partial(play_search, 6)


@contextmanager
def reading(folder):
    """Optuna's study, its trials and its best, as long as the file is open."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / OPTUNA_FILE}")
    try:
        study = optuna.load_study(study_name=None, storage=storage)
        yield study, study.trials, study.best_trial
    finally:
        storage.remove_session()
        storage.engine.dispose()


def n_trials(folder):
    with reading(folder) as (_, trials, _):
        return len(trials)


@pytest.fixture
def opened(tmp_path, ledger, play, study_config):
    play()
    baseline = Baseline(name="logistic regression", metrics=Metrics(auc=0.74), duration_s=1)
    write_optuna(tmp_path, study_config(baselines=(baseline,)), ledger.trials)
    with reading(tmp_path) as found:
        yield found


def test_every_trial_has_its_number_and_state(opened):
    _, trials, _ = opened
    states = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL", "RUNNING", "RUNNING"]
    assert [trial.number for trial in trials] == [*range(6)]
    assert [trial.state for trial in trials] == [TrialState[name] for name in states]


def test_a_value_is_that_of_the_best_epoch_and_every_epoch_has_its_own(opened):
    _, trials, _ = opened
    assert [trial.value for trial in trials] == [0.9, 0.7, 0.5, None, None, None]
    assert trials[1].intermediate_values == {1: 0.6, 2: 0.7}
    assert trials[4].intermediate_values == {1: 0.75}
    diverged = trials[3].intermediate_values
    assert diverged[1] == 0.65
    assert math.isnan(diverged[2])


def test_optuna_itself_finds_every_trial_sound(opened):
    for trial in opened[1]:
        trial._validate()


def test_times_are_those_of_the_ledger(opened, ledger):
    _, trials, _ = opened
    for trial in trials:
        assert (trial.datetime_complete is not None) == ledger.trials[trial.number].finished
        assert trial.duration is None or 0 <= trial.duration.total_seconds() < 60


def test_parameters_are_those_that_were_searched(opened, birth, study_config):
    _, trials, _ = opened
    axes = study_config().space["axes"]
    expected = {name: value for name, value in birth()["params"].items() if name in axes}
    assert trials[1].params == expected
    assert trials[0].params == expected | {"n_layers": 6}
    assert trials[1].user_attrs["params.d_model"] == 40
    assert all(trial.distributions == trials[0].distributions for trial in trials)


def test_attributes_tell_all_else(opened):
    _, trials, _ = opened
    assert trials[0].user_attrs["source"] == "reference"
    assert trials[0].user_attrs["name"] == "january_best"
    expected = {
        "state": "PRUNED",
        "seed": 2,
        "n_params": 50_000,
        "in_budget": True,
        "audited": False,
        "best_epoch": 1,
        "epochs": 1,
        "metrics.auc": 0.5,
        "health.verdict": "healthy",
        "health.evidence": "As told by a test.",
        "stopped.epoch": 1,
        "stopped.cutoff": 0.6,
    }
    assert expected.items() <= trials[2].user_attrs.items()
    assert trials[3].user_attrs["error.kind"] == "diverged"


def test_attributes_have_the_names_of_the_frame_and_are_never_null(trial_of, study_config):
    probe = trial_of(7, 0.6, source="probe", contrast_of=3)
    told = attributes(probe, study_config())
    assert told["contrast_of"] == 3
    assert None not in told.values()
    assert not {"number", "value", "name", "error"} & told.keys()


def test_a_reference_is_never_the_best_trial(opened):
    study, trials, best = opened
    assert trials[0].value > best.value
    assert best.number == 1 == study.user_attrs["best_trial"]


def test_the_study_is_described(opened):
    study, _, _ = opened
    assert study.study_name == "hpo_tiny_h1"
    assert study.metric_names == ["auc"]
    expected = {"budget": "tiny", "data.label": "high", "baseline.logistic regression": 0.74}
    assert expected.items() <= study.user_attrs.items()


@pytest.mark.parametrize(
    ("objective", "direction"), [("auc", "MAXIMIZE"), ("log_loss", "MINIMIZE")]
)
def test_the_direction_is_that_of_the_objective(tmp_path, study_config, objective, direction):
    write_optuna(tmp_path, study_config(objective=objective), {})
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / OPTUNA_FILE}")
    assert [one.name for one in storage.get_study_directions(1)] == [direction]
    storage.remove_session()
    storage.engine.dispose()


@pytest.mark.parametrize(
    ("axis", "seen", "expected"),
    [
        (Int.of(1, 12), (3,), IntDistribution(1, 12)),
        (Int.of(1, 4), (6,), IntDistribution(1, 6)),
        (Float.of(0.1, 0.7), (), FloatDistribution(0.1, 0.7)),
        (Float.of(1e-5, 1e-3, log=True), (1e-2,), FloatDistribution(1e-5, 1e-2, log=True)),
        (Float.of(1e-5, 1e-3, log=True), (0.0,), FloatDistribution(0.0, 1e-3)),
        (ZeroOr.of(Float.of(1e-5, 0.3, log=True)), (0.0,), FloatDistribution(0.0, 0.3)),
        (Grid.of(2, 4, 8), (4,), IntDistribution(2, 8)),
        (Grid.of(1e-5, 1e-4, 1e-3), (5e-3,), FloatDistribution(1e-5, 5e-3, log=True)),
        (Grid.of(0, 0.1, 0.5), (0.3,), CategoricalDistribution([0, 0.1, 0.3, 0.5])),
        (Grid.of("low", "high"), ("mid",), CategoricalDistribution(["low", "high", "mid"])),
        (Choice.of(True, False), (False,), CategoricalDistribution([True, False])),
        (Choice.of(4, 2), (3,), CategoricalDistribution([4, 2, 3])),
    ],
)
def test_an_axis_keeps_its_order_and_holds_what_was_tried(
    trial_of, study_config, axis, seen, expected
):
    space = {"axes": {"dropout": axis.model_dump(mode="json")}}
    base = trial_of(0, 0.5)
    trials = [base.model_copy(update={"params": {"dropout": value}}) for value in seen]
    assert distributions(study_config(space=space), trials) == {"dropout": expected}


def test_what_was_there_is_replaced(tmp_path, ledger, play, study_config):
    (tmp_path / OPTUNA_FILE).write_text("anything")
    journal = tmp_path / f"{OPTUNA_FILE}-journal"
    journal.write_text("of a dashboard that was killed")
    play()
    for _ in range(2):
        write_optuna(tmp_path, study_config(), ledger.trials)
        assert n_trials(tmp_path) == 6
    assert not journal.exists()


def test_a_disk_that_is_full_leaves_what_was_there(
    tmp_path, ledger, play, study_config, monkeypatch
):
    def fail(operation, path):
        if operation == "write":
            raise OSError(errno.ENOSPC, "No space left on device")

    play()
    write_optuna(tmp_path, study_config(), ledger.trials)
    before = (tmp_path / OPTUNA_FILE).read_bytes()
    monkeypatch.setattr("phase6c.storage.files._before", fail)
    with pytest.raises(StorageError, match="No space left"):
        write_optuna(tmp_path, study_config(), ledger.trials)
    assert (tmp_path / OPTUNA_FILE).read_bytes() == before
    assert {one.name for one in Path(tmp_path).iterdir()} == {FILE_NAME, OPTUNA_FILE}
