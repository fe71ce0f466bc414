"""A repeat is not convergence, and the best so far is told against trials and epochs."""

import json

import pytest

from phase6c.analysis.trials import of_study, read_search
from phase6c.report.convergence import convergence, improvements, repeated


def test_each_improvement_counts_what_it_took(tmp_path, write_trials, study_config, trial_of):
    curves = [(0.6, 0.61), (0.5,), (0.7, 0.65), (0.7,)]
    trials = [trial_of(n, *curve, seed=n) for n, curve in enumerate(curves)]
    search = of_study(write_trials(tmp_path, study_config(), trials))
    steps = improvements(search)
    assert [(one.number, one.n_trials, one.epochs) for one in steps] == [(0, 1, 2), (2, 3, 5)]
    assert [one.score for one in steps] == [0.61, 0.7]
    assert steps[1].seconds == pytest.approx(7.5)


def test_ten_results_of_one_configuration_are_a_repeat(tmp_path):
    same = [{"params": {"n_heads": 8, "dropout": 0.1}, "auc": 0.7178}] * 10
    other = [{"params": {"n_heads": 4, "dropout": 0.1}, "auc": 0.70}]
    path = tmp_path / "all_trials.json"
    path.write_text(json.dumps(other + same))
    search = read_search(path)
    assert [len(group) for group in repeated(search)] == [10]
    section = convergence(search)
    assert "11 trials are 2 different configurations: 9 repeat" in section.says[0]
    assert "a repeat, not convergence" in section.says[0]


def test_references_and_probes_repeat_nothing(tmp_path, write_trials, study_config, trial_of):
    trials = [
        trial_of(0, 0.7, source="reference"),
        trial_of(1, 0.7),
        trial_of(2, 0.7, source="probe"),
    ]
    search = of_study(write_trials(tmp_path, study_config(), trials))
    assert repeated(search) == []
    assert "All 1 trials of the search are different" in convergence(search).says[0]


def test_a_search_that_still_improved_had_not_settled(
    tmp_path, write_trials, study_config, trial_of
):
    def says(values):
        trials = [trial_of(n, value, seed=n) for n, value in enumerate(values)]
        section = convergence(
            of_study(write_trials(tmp_path / str(values), study_config(), trials))
        )
        return " ".join(section.says)

    assert "had not settled" in says([0.6, 0.61, 0.62, 0.63, 0.64, 0.7])
    assert "had not settled" not in says([0.7, 0.61, 0.62, 0.63, 0.64, 0.6])


def test_where_only_references_ran_the_search_has_chosen_nothing(
    tmp_path, write_trials, study_config, trial_of
):
    trials = [trial_of(0, 0.7, source="reference", name="january_best")]
    section = convergence(of_study(write_trials(tmp_path, study_config(), trials)))
    assert section.says == ("The search itself has chosen no trial.",)
