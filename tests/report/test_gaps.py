"""What was never tried next to the best is named, with a command that works."""

import json
import shlex

import pytest

from phase6c.analysis.trials import of_study, read_search
from phase6c.report.gaps import best_result, find_gaps, gaps


def found(search):
    return {one.axis: one for one in find_gaps(search, best_result(search))}


@pytest.fixture
def search(tmp_path, write_trials, study_config, trial_of):
    """The best has 4 heads; 8 heads and a dropout of 0.2 were tried next to it."""
    trials = [
        trial_of(0, 0.7, 0.71, 0.72, 0.73),
        trial_of(1, 0.6, n_heads=8),
        trial_of(2, 0.6, dropout=0.2),
        trial_of(3, 0.6, dropout=0.3, weight_decay=0.1),
    ]
    return of_study(write_trials(tmp_path / "study", study_config(), trials))


def test_what_was_tried_next_to_the_best_is_no_gap(search):
    values = found(search)["dropout"].values
    assert 0.1 not in values
    assert 0.2 not in values
    assert 0.3 in values  # tried, but with another decay too


def test_heads_that_do_not_divide_the_width_are_no_gap(search):
    # A width of 40: 2 and 8 heads divide it, 8 was tried, 16 does not.
    assert found(search)["n_heads"].values == (2,)


def test_a_window_without_two_tokens_is_no_gap(search):
    assert found(search)["patch_days"].values == (1, 2, 8)
    best = best_result(search)
    assert best.params["context_days"] == 16
    assert 32 in found(search)["context_days"].values


def test_a_width_that_follows_from_the_depth_still_counts_as_next_to_it(
    tmp_path, write_trials, study_config, trial_of
):
    trials = [trial_of(0, 0.7, 0.8, 0.8, 0.8), trial_of(1, 0.6, n_layers=3, d_model=32)]
    search = of_study(write_trials(tmp_path, study_config(), trials))
    assert found(search)["n_layers"].values == (1, 4)


def test_the_command_names_axis_values_and_study(search):
    words = shlex.split(found(search)["n_heads"].command)
    assert words == [
        "phase6c",
        "probe",
        "--base",
        "best",
        "--vary",
        "n_heads=2",
        str(search.path),
    ]


def test_the_sentence_names_the_nearest_only(search):
    first = gaps(search).says[0]
    assert "n_heads 2" in first
    assert "dropout 0.05" in first
    assert "0.7" not in first


def test_januarys_heads_are_filled_from_its_reference(tmp_path):
    best = {"d_model": 96, "n_layers": 2, "n_heads": 8, "d_ff_ratio": 4, "learning_rate": 1e-5}
    best |= {"dropout": 0.1, "weight_decay": 1e-3}
    other = best | {"n_heads": 2, "dropout": 0.5}
    far = best | {"n_heads": 4, "dropout": 0.5}
    path = tmp_path / "all_trials.json"
    trials = [{"params": one, "auc": 0.70 + 0.01 * (one is best)} for one in (best, other, far)]
    path.write_text(json.dumps(trials))
    command = found(read_search(path))["n_heads"].command
    words = shlex.split(command)
    assert words[2:] == ["--base", "reference:january_best", "--vary", "n_heads=2,4"]


def test_a_file_whose_best_is_no_reference_gets_no_command(tmp_path):
    trials = [{"params": {"n_heads": n, "dropout": d}, "auc": n + d} for n, d in ((2, 1), (4, 2))]
    path = tmp_path / "trials.json"
    path.write_text(json.dumps(trials))
    section = gaps(read_search(path))
    assert f"phase6c tune --warm-start {path}" in section.says[1]


def test_before_there_is_a_best_nothing_is_said(tmp_path, write_trials, study_config, trial_of):
    study = write_trials(tmp_path, study_config(), [trial_of(0, None, state="FAILED")])
    assert gaps(of_study(study)).says == ("There is no best trial yet.",)
