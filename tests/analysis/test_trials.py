"""A report reads studies, finished or not, and files of trials such as January's."""

import json
from dataclasses import replace

import pytest

from phase6c.analysis.trials import of_study, read_search
from phase6c.errors import DataError, FolderError, StorageError
from phase6c.space.axes import Choice, Grid
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME


def test_a_study_gives_scores_that_rise(tmp_path, write_trials, study_config, trial_of):
    trials = [trial_of(0, 0.7, 0.5), trial_of(1, 0.6, None, state="FAILED", seed=1)]
    write_trials(tmp_path, study_config(objective="log_loss"), trials)
    search = read_search(tmp_path)
    assert [one.curve for one in search.results] == [(-0.7, -0.5), (-0.6,)]
    assert search.results[0].score == -0.5
    assert search.results[0].seconds == 3.0
    assert search.n_epochs == 9
    assert isinstance(search.axes["dropout"], Grid)
    assert search.study is not None


def test_a_study_is_read_through_its_file_of_trials_too(
    tmp_path, write_trials, study_config, trial_of
):
    write_trials(tmp_path, study_config(), [trial_of(0, 0.7)])
    assert read_search(tmp_path / "all_trials.json").study == read_search(tmp_path).study


def test_a_killed_study_is_read_as_far_as_it_came(tmp_path, write_trials, study_config, trial_of):
    trials = [trial_of(0, 0.7), trial_of(1, 0.6, state="RUNNING", seed=1)]
    write_trials(tmp_path, study_config(), trials)
    with (tmp_path / LEDGER_NAME).open("a") as stream:
        stream.write('{"kind": "resu')
    states = [one.state for one in read_search(tmp_path).results]
    assert states == ["COMPLETE", "RUNNING"]


def test_the_axes_of_a_file_are_what_varies_in_it(tmp_path):
    params = [
        {"n_heads": 8, "dropout": 0.5, "pooling": "mean", "d_model": 96},
        {"n_heads": 2, "dropout": 0.1, "pooling": "last", "d_model": 96},
    ]
    path = tmp_path / "january.json"
    path.write_text(json.dumps([{"params": one, "val_auc": 0.7} for one in params]))
    search = read_search(path)
    assert search.axes == {
        "n_heads": Grid.of(2, 8),
        "dropout": Grid.of(0.1, 0.5),
        "pooling": Choice.of("last", "mean"),
    }
    assert search.study is None
    assert [one.params for one in search.results] == params


def test_what_is_no_study_and_no_file_of_trials_is_refused(tmp_path):
    with pytest.raises(FolderError):
        read_search(tmp_path / "nothing")
    (tmp_path / "words.json").write_text('{"words": 1}')
    with pytest.raises(DataError, match="words"):
        read_search(tmp_path / "words.json")


def test_a_damaged_ledger_is_named(tmp_path, write_trials, study_config, trial_of):
    write_trials(tmp_path, study_config(), [trial_of(0, 0.7)])
    (tmp_path / LEDGER_NAME).write_text('{"kind": "result", "number": 0}\n{"kind"')
    with pytest.raises(StorageError, match=LEDGER_NAME):
        read_search(tmp_path)


@pytest.mark.parametrize("named", [".", "all_trials.json"])
def test_a_study_without_its_ledger_is_refused(
    named, tmp_path, write_trials, study_config, trial_of
):
    write_trials(tmp_path, study_config(), [trial_of(0, 0.7)])
    (tmp_path / LEDGER_NAME).unlink()
    with pytest.raises(StorageError, match="must have its ledger"):
        read_search(tmp_path / named)


def test_the_score_of_a_trial_that_was_measured_in_part_is_that_on_all_rows(
    tmp_path, write_trials, study_config, trial_of
):
    whole = trial_of(0, 0.7, 0.6)
    final = whole.measurements[0].model_copy(update={"value": 0.65})
    study = write_trials(tmp_path, study_config(), [whole])
    part = replace(study, trials=(whole.model_copy(update={"final": final}),))
    (result,) = of_study(part).results
    assert result.score == 0.65
    assert result.curve == (0.7, 0.6)
