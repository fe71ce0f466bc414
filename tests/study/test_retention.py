"""JSON is written now and then, and no more weights and checkpoints stay than are of use."""

import json
import math

import pytest

from phase6c.study.retention import Retention
from phase6c.study.trial_folder import BEST_WEIGHTS_FILE, LAST_FILE, PREVIOUS_FILE, trial_folder
from phase6c.study.views import json_files as views

FILES = {BEST_WEIGHTS_FILE, LAST_FILE, PREVIOUS_FILE}


@pytest.fixture
def train(tmp_path, ledger, birth, measured):
    """Gives a trial its files and ends it with this value; None leaves it running."""

    def build(number, value, decision="complete", **fields):
        ledger.append("trial", number, **birth(**fields))
        folder = trial_folder(tmp_path, number)
        folder.mkdir()
        for name in FILES:
            (folder / name).touch()
        if value is not None:
            measurement = measured(1, value).model_dump(mode="json")
            stopped = {"epoch": 1, "value": value, "cutoff": 0.99} if decision == "stop" else None
            row = {"measurement": measurement, "decision": decision, "stopped": stopped}
            ledger.append("result", number, **row)

    return build


def kept(folder, name):
    return {int(path.parent.name.removeprefix("trial_")) for path in folder.glob(f"*/{name}")}


@pytest.mark.parametrize(
    "order", [(0.6, 0.8, 0.5, 0.7), (0.8, 0.7, 0.6, 0.5), (0.5, 0.6, 0.7, 0.8)]
)
def test_the_best_weights_of_the_best_trials_stay(tmp_path, ledger, study_config, train, order):
    ledger.listen(Retention(tmp_path, study_config(keep=2), ledger))
    for number, value in enumerate(order):
        train(number, value)
    assert kept(tmp_path, BEST_WEIGHTS_FILE) == {order.index(0.8), order.index(0.7)}


def test_a_running_trial_keeps_its_checkpoints_and_a_finished_one_does_not(
    tmp_path, ledger, study_config, train
):
    ledger.listen(Retention(tmp_path, study_config(keep=1), ledger))
    train(0, None)
    train(1, 0.6)
    train(2, 0.5, "continue")
    ledger.append("retry", 0, message="lost")
    assert kept(tmp_path, LAST_FILE) == kept(tmp_path, PREVIOUS_FILE) == {0, 2}
    assert kept(tmp_path, BEST_WEIGHTS_FILE) == {0, 1, 2}


def test_weights_of_a_trial_that_may_not_be_the_best_go_first(
    tmp_path, ledger, study_config, train
):
    ledger.listen(Retention(tmp_path, study_config(keep=2, grace_epochs=3), ledger))
    train(0, 0.9, source="reference", in_budget=False)
    train(1, 0.8, "stop")
    train(2, 0.6)
    assert kept(tmp_path, BEST_WEIGHTS_FILE) == {0, 2}
    train(3, 0.5)
    assert kept(tmp_path, BEST_WEIGHTS_FILE) == {2, 3}


def test_of_losses_the_lowest_are_the_best(tmp_path, ledger, study_config, train):
    ledger.listen(Retention(tmp_path, study_config(keep=1, objective="log_loss"), ledger))
    for number, value in enumerate([0.6, 0.4, 0.5]):
        train(number, value)
    assert kept(tmp_path, BEST_WEIGHTS_FILE) == {1}


def test_the_score_that_keeps_weights_is_that_of_the_last_that_are_kept(
    tmp_path, ledger, study_config, train
):
    retention = Retention(tmp_path, study_config(keep=2), ledger)
    ledger.listen(retention)
    found = []
    for number, value in enumerate([0.6, 0.8, 0.5, 0.7]):
        train(number, value)
        found.append(retention.least_score())
    assert found == [-math.inf, 0.6, 0.6, 0.7]


def test_any_score_may_keep_weights_while_a_trial_that_may_not_be_the_best_does(
    tmp_path, ledger, study_config, train
):
    retention = Retention(tmp_path, study_config(keep=1), ledger)
    ledger.listen(retention)
    train(0, 0.9, source="reference", in_budget=False)
    assert retention.least_score() == -math.inf
    train(1, 0.6)
    assert retention.least_score() == 0.6


def test_views_are_written_at_once_and_then_now_and_then(
    tmp_path, ledger, study_config, train, monkeypatch
):
    now = 1.0
    monkeypatch.setattr(views.time, "monotonic", lambda: now)
    ledger.listen(views.Views(tmp_path, study_config(), ledger))

    def seen():
        trials = json.loads((tmp_path / "all_trials.json").read_text())["trials"]
        return [trial["value"] for trial in trials]

    train(0, None)
    assert seen() == [None]
    train(1, 0.6)
    assert seen() == [None]
    now += views.VIEW_INTERVAL_S
    train(2, 0.7)
    assert seen() == [None, 0.6, None]


def test_a_probe_takes_the_place_of_no_trial_of_the_search(tmp_path, ledger, study_config, train):
    ledger.listen(Retention(tmp_path, study_config(keep=2), ledger))
    train(0, 0.5, source="reference", in_budget=False)
    train(1, 0.9, source="probe", contrast_of=0)
    train(2, 0.4)
    assert kept(tmp_path, BEST_WEIGHTS_FILE) == {0, 2}
