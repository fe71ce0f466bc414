"""What a search shows when it has ended, audited trials told apart."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from phase6c.config import TrainConfig
from phase6c.statistics.bootstrap import Estimate
from phase6c.study.study import Study
from phase6c.terminal import tables

BELOW = {"epoch": 1, "value": 0.5, "cutoff": 0.6}


@pytest.fixture
def study(tmp_path, study_config, trial_of):
    """Three trials that the rungs let through, two that they stopped, and those given."""

    def build(*more):
        trials = [trial_of(n, 0.6 + n / 100) for n in range(3)]
        trials += [trial_of(n, 0.5, state="PRUNED", stopped=BELOW) for n in (3, 4)]
        return Study(tmp_path, study_config(audit_share=0.5), (*trials, *more))

    return build


def text_of(shown):
    console = Console(file=io.StringIO(), width=200)
    console.print(shown)
    return console.file.getvalue()


def test_the_audit_is_told_in_one_line_and_in_the_document(study, trial_of):
    audited = [trial_of(n, 0.5, 0.55, audited=True, stopped=BELOW) for n in (5, 6)]
    found = study(*audited)
    (line,) = [line for line in tables.closing_lines(found) if "Audit" in line]
    assert line == (
        "Audit of the rungs: 2 of 4 trials below a rung were finished all the same; 0 became as "
        "good as the best 1/3 of those let through, which makes 0% to 66% of all below "
        "(95% interval)."
    )
    document = tables.result_document(found)["rung_audit"]
    assert (document["n_stopped"], document["n_audited"], document["n_good"]) == (4, 2, 0)
    assert document["good_share"] == pytest.approx([0, 0.6576], abs=1e-4)


def test_where_nothing_was_audited_nothing_is_said_of_it(study):
    assert not [line for line in tables.closing_lines(study()) if line.startswith("Audit")]
    assert tables.result_document(study())["rung_audit"] is None


@pytest.mark.parametrize(("audited", "name"), [(True, "epoch 2, audited"), (False, "epoch 2 ")])
def test_a_best_trial_that_was_audited_is_marked(study, trial_of, audited, name):
    best = trial_of(7, 0.5, 0.9, audited=audited, stopped=BELOW if audited else None)
    assert f"trial 7, {name}" in text_of(tables.closing_table(study(best)))


def test_an_objective_within_the_day_has_a_column_of_its_own(tmp_path, study_config, trial_of):
    config = study_config(train=TrainConfig(objective="rank_ic"))
    shown = text_of(tables.closing_table(Study(tmp_path, config, (trial_of(0, 0.0712),))))
    assert "rank ic" in shown
    assert "rank ic" not in text_of(
        tables.closing_table(Study(tmp_path, study_config(), (trial_of(0, 0.6),)))
    )


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.01, 0.02, "No clear difference from gradient boosting on the same rows: +0.005"),
        (0.01, 0.02, "Better than gradient boosting on the same rows: +0.015 [+0.010, +0.020]"),
        (-0.02, -0.01, "Worse than gradient boosting on the same rows: -0.015 [-0.020, -0.010]"),
    ],
)
def test_the_corrected_best_is_compared_on_the_same_rows(
    tmp_path, study_config, trial_of, low, high, said
):
    gain = Estimate(value=(low + high) / 2, low=low, high=high)
    weaker = Estimate(value=0.1, low=0.05, high=0.15)
    config = study_config(
        value_corrected=0.6,
        gains_corrected={"logistic_regression": weaker, "gradient_boosting": gain},
        complete=True,
    )
    lines = tables.closing_lines(Study(tmp_path, config, (trial_of(0, 0.62),)))
    assert [line for line in lines if line.startswith(said)]


def test_without_draws_nothing_is_compared(tmp_path, study_config, trial_of):
    config = study_config(value_corrected=0.6, complete=True)
    lines = tables.closing_lines(Study(tmp_path, config, (trial_of(0, 0.62),)))
    assert not [line for line in lines if "on the same rows" in line]


def test_the_closing_lines_use_the_words_of_display_and_report(tmp_path, study_config, trial_of):
    config = study_config(value_corrected=0.6, complete=True)
    trials = (trial_of(0, 0.62), trial_of(1, 0.5, state="PRUNED", stopped=BELOW))
    lines = tables.closing_lines(Study(tmp_path / "a study", config, trials))
    assert lines[0] == "Trials: 1 complete, 1 stopped early."
    assert lines[1].endswith(": AUC 0.600 instead of 0.620.")
    assert f"What it found, as a page: phase6c report '{tmp_path / 'a study'}'" in lines


def test_no_interval_of_a_card_is_broken_on_a_terminal_of_80():
    gain = Estimate(value=-0.0009, low=-0.0076, high=0.0052)
    auc = Estimate(value=0.8443, low=0.7829, high=0.8871)
    row = {
        "model": "fading boosting and gradient boosting",
        "log loss": {"value": 0.2737},
        "gain over best baseline": gain.model_dump(),
        "AUC": auc.model_dump(),
    }
    console = Console(file=io.StringIO(), width=80)
    console.print(tables.card_table([row], "test"))
    shown = console.file.getvalue()
    assert "-0.0009 [-0.0076, 0.0052]" in shown
    assert "0.844 [0.783, 0.887]" in shown
