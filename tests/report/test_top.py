"""The top of a report says what was found with its interval, and no more than it bears."""

from dataclasses import replace

import pytest

from phase6c.analysis.trials import read_search
from phase6c.report.reading import read
from phase6c.report.top import about, key_figures, verdict_on, verdicts
from phase6c.statistics.bootstrap import Estimate


@pytest.fixture
def reading(tmp_path, small_study):
    return read(read_search(small_study(tmp_path / "study").folder), draws=50)


def test_verdict_and_figures_are_of_the_corrected_value_and_the_strongest_baseline(reading):
    corrected = reading.corrected
    expected, gain, probabilities = key_figures(reading)
    assert expected.value == corrected.value
    assert gain.value == min(corrected.gains.values(), key=lambda one: one.value)
    assert probabilities.value == "no fault found"
    said = verdicts(reading)[-1]
    assert said.startswith("Trial 3 ")
    assert "logistic regression" in said
    assert "on fresh data" in said


def test_without_draws_the_value_is_said_to_be_too_good(reading):
    bare = replace(reading, corrected=None)
    assert "too good" in verdicts(bare)[-1]
    assert key_figures(bare)[0].name == "Validation AUC"
    assert "too good" in key_figures(bare)[0].note


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.03, "is better than"),
        (-0.03, -0.01, "is worse than"),
        (-0.01, 0.03, "shows no clear difference from"),
    ],
)
def test_a_verdict_needs_an_interval_on_one_side_of_zero(low, high, said):
    gain = Estimate(value=(low + high) / 2, low=low, high=high)
    verdict = verdict_on(3, "ridge_logistic", gain, "AUC")
    assert verdict.startswith(f"Trial 3 {said} ridge logistic, the strongest baseline: ")
    assert verdict.endswith("] in AUC.")


def test_bars_and_date_are_named(reading):
    bars, date = about(reading)
    assert bars
    assert len(date) == len("2026-01-02")


def test_where_no_trial_is_the_best_there_is_no_figure(
    tmp_path, write_trials, study_config, trial_of
):
    write_trials(tmp_path, study_config(), [trial_of(0, None, state="FAILED")])
    failed = read(read_search(tmp_path), draws=0)
    assert key_figures(failed) == ()
    assert "No trial may be called the best" in verdicts(failed)[0]


def test_of_a_search_that_goes_on_it_is_said_first(reading):
    study = reading.search.study
    going_on = replace(study, config=study.config.model_copy(update={"complete": False}))
    said = verdicts(replace(reading, search=replace(reading.search, study=going_on)))
    assert said[0] == "The search is not complete: this is what its trials say so far."


def test_without_a_baseline_only_the_expected_value_is_said(reading):
    alone = replace(reading, corrected=reading.corrected.model_copy(update={"gains": {}}))
    assert verdicts(alone)[-1].startswith("Expect AUC ")
