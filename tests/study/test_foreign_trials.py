"""January's own all_trials.json, and what is said of a file that is none."""

import json

import pytest

from phase6c.errors import DataError
from phase6c.space.references import WINDOW
from phase6c.study.foreign_trials import read_january

PARAMS = {"d_model": 96, "n_layers": 2, "learning_rate": 1e-5}


@pytest.fixture
def file_of(tmp_path):
    def write(content):
        path = tmp_path / "all_trials.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.mark.parametrize("key", ["value", "auc", "auc_roc", "val_auc"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_list_is_read_under_any_of_the_known_keys(file_of, key, wrapped):
    trials = [{"params": PARAMS, key: 0.71}, {"params": PARAMS, key: 0.72, "state": "COMPLETE"}]
    told = read_january(file_of({"trials": trials} if wrapped else trials)).told
    assert [one.best for one in told] == [one.score for one in told] == [0.71, 0.72]
    assert told[0].values == WINDOW | PARAMS


def test_a_window_that_is_named_is_kept(file_of):
    told = read_january(file_of([{"params": {**PARAMS, "context_days": 16}, "auc": 0.7}])).told
    assert told[0].values["context_days"] == 16


def test_trials_without_a_value_are_left_out_and_counted(file_of):
    trials = [{"params": PARAMS, "value": None}, {"params": PARAMS, "value": float("nan")}]
    trials += ["words", {"params": PARAMS, "auc": "0.8"}, {"params": PARAMS, "auc": 0.7}]
    told, lacks = read_january(file_of(trials))
    assert [one.score for one in told] == [0.7]
    assert lacks == ["no value", "no value", "no parameters", "no value"]


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ({"runs": []}, "the keys runs"),
        ([{"config": {}, "score": 1}], "1 trials with the keys config, score"),
        ([{"params": PARAMS, "loss": 1}], "keys loss, params"),
        ([], "0 trials with the keys none"),
        ("words", "the keys none"),
    ],
)
def test_another_file_is_refused_with_the_keys_that_were_found(file_of, content, keys):
    with pytest.raises(DataError, match=keys) as caught:
        read_january(file_of(content))
    assert caught.value.exit_code == 65


def test_a_file_that_is_not_json_is_refused(tmp_path):
    path = tmp_path / "trials.json"
    path.write_text("no json")
    with pytest.raises(DataError, match=r"trials\.json"):
        read_january(path)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path):
    path = tmp_path / "all_trials.json"
    path.write_text(json.dumps([{"params": PARAMS, "auc": 0.7}]), "utf-8-sig")
    assert [one.score for one in read_january(path).told] == [0.7]


def test_parameters_that_are_no_plain_values_are_left_out(file_of):
    trials = [{"params": {"a": [1, 2]}, "auc": 0.8}, {"params": PARAMS, "auc": 0.7}]
    assert [one.score for one in read_january(file_of(trials)).told] == [0.7]
    with pytest.raises(DataError, match="plain parameters"):
        read_january(file_of(trials[:1]))
