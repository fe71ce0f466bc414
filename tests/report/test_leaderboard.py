"""The best is shown beside references and baselines, and corrected for being the best."""

import json
import re

import pytest

from phase6c.analysis.correction import correct_best
from phase6c.analysis.trials import read_search
from phase6c.report.leaderboard import best_of_file, leaderboard, shown_trials
from phase6c.report.reading import read
from phase6c.statistics.bootstrap import Estimate


@pytest.fixture
def study(tmp_path, small_study):
    return small_study(tmp_path / "study")


def rows(section, name):
    (table,) = (one for one in section.tables if one.name == name)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_the_best_comes_first_then_references_then_baselines(study):
    reading = read(read_search(study.folder), draws=50)
    found = rows(leaderboard(study, reading.validation, reading.corrected, None), "best")
    assert found[0][""] == "trial 3"
    assert [one["source"] for one in found] == ["sampled"] * 8 + ["reference", "baseline"]
    assert (found[-2][""], found[-1][""]) == ("january_best", "logistic regression")
    for one in found:
        assert isinstance(one["AUC"], Estimate)
        assert one["AUC"].low < one["AUC"].value < one["AUC"].high


def test_an_interval_is_of_the_very_figure_in_the_ledger(study):
    validation = read(read_search(study.folder), draws=20).validation
    found = rows(leaderboard(study, validation, None, None), "best")
    by_name = {one[""]: one for one in found}
    for trial in shown_trials(study):
        metrics = trial.best("auc").metrics
        row = by_name[trial.name or f"trial {trial.number}"]
        assert row["AUC"].value == pytest.approx(metrics.auc)
        assert row["log loss"].value == pytest.approx(metrics.log_loss)


def test_without_draws_the_figures_stand_alone(study):
    reading = read(read_search(study.folder), draws=0)
    section = leaderboard(study, reading.validation, reading.corrected, None)
    assert rows(section, "best")[0]["AUC"] == study.best.best("auc").metrics.auc
    assert any("was not estimated" in line for line in section.says)


def test_the_gain_over_a_baseline_is_told_with_its_interval(study):
    reading = read(read_search(study.folder), draws=200)
    section = leaderboard(study, reading.validation, reading.corrected, None)
    (line,) = (one for one in section.says if "logistic regression" in one)
    assert re.search(r"better than|worse than|no clear difference from", line)
    gain = reading.corrected.gains["logistic_regression"]
    assert ("better than" in line) == (gain.low > 0)


def test_the_corrected_value_is_that_of_the_search_itself(study):
    reading = read(read_search(study.folder), draws=100)
    again = correct_best(study.folder, study.config, study.trials, draws=100)
    assert reading.corrected.value == again.value


def test_where_nothing_may_be_called_best_it_says_so(
    tmp_path, write_trials, study_config, trial_of
):
    trials = [trial_of(0, None, state="FAILED")]
    study = write_trials(tmp_path, study_config(), trials)
    (line,) = leaderboard(study, None, None, None).says
    assert "No trial may be called the best" in line


def test_whether_there_is_a_winner_is_said_with_what_would_decide(study):
    reading = read(read_search(study.folder), draws=0)
    says = leaderboard(study, reading.validation, None, reading.winner).says
    assert reading.winner.says in says
    assert reading.winner.wins or f"What would decide it: {reading.winner.command}" in says


def test_of_a_file_the_highest_values_are_shown_and_no_more_is_claimed(tmp_path):
    trials = [{"params": {"n_heads": n, "dropout": 0.1 * n}, "auc": n / 10} for n in range(1, 9)]
    path = tmp_path / "january.json"
    path.write_text(json.dumps(trials))
    section = best_of_file(read_search(path), None)
    assert section.tables[0].rows[0][:3] == (7, 0.8, "8")
    assert "cannot tell" in section.says[0]


@pytest.mark.parametrize(("share", "said"), [(0.5, True), (0.99, False)])
def test_a_rival_that_other_dates_would_have_chosen_is_told(study, share, said):
    reading = read(read_search(study.folder), draws=20)
    corrected = reading.corrected.model_copy(update={"shares": {3: share, 4: 1 - share}})
    lines = leaderboard(study, reading.validation, corrected, None).says
    told = [line for line in lines if "another trial could have won" in line]
    assert bool(told) == said
    if said:
        assert "2 trials" in told[0]
        assert "50%" in told[0]
