"""Who was pruned where and by what margin, and what that cost."""

import pytest

from phase6c.report.rungs import rungs


def study_of(folder, write_trials, study_config, trial_of, objective="auc", audited=True):
    def stopped(epoch, value, cutoff):
        return {"epoch": epoch, "value": value, "cutoff": cutoff}

    trials = [
        trial_of(0, 0.70, 0.72, 0.74, 0.75, seed=0),
        trial_of(1, 0.60, state="PRUNED", stopped=stopped(1, 0.60, 0.65), seed=1),
        trial_of(2, 0.55, state="PRUNED", stopped=stopped(1, 0.55, 0.65), seed=2),
    ]
    if audited:
        cut = stopped(1, 0.62, 0.65)
        trials.append(trial_of(3, 0.62, 0.7, 0.76, seed=3, stopped=cut, audited=True))
    return write_trials(folder, study_config(epochs=4, objective=objective), trials)


@pytest.fixture
def study(tmp_path, write_trials, study_config, trial_of):
    return study_of(tmp_path, write_trials, study_config, trial_of)


def test_the_margin_is_what_was_missing(study):
    by_rung, by_trial = rungs(study).tables
    assert by_rung.rows == ((1, 4, 3, 1, pytest.approx(0.05)),)
    assert [row[4] for row in by_trial.rows] == pytest.approx([0.05, 0.10, 0.03])


def test_of_a_loss_the_margin_is_positive_too(tmp_path, write_trials, study_config, trial_of):
    trials = [
        trial_of(0, 0.5, 0.45, 0.4, 0.4),
        trial_of(1, 0.7, state="PRUNED", stopped={"epoch": 1, "value": 0.7, "cutoff": 0.6}, seed=1),
    ]
    config = study_config(epochs=4, objective="log_loss")
    _, by_trial = rungs(write_trials(tmp_path, config, trials)).tables
    assert by_trial.rows[0][4] == pytest.approx(0.1)


def test_an_audited_trial_shows_what_it_became(study):
    _, by_trial = rungs(study).tables
    assert [row[6:] for row in by_trial.rows] == [(False, None), (False, None), (True, 0.76)]
    assert "1 of them became as good" in rungs(study).says[1]


def test_without_an_audit_nothing_is_said_of_what_rungs_cost(
    tmp_path, write_trials, study_config, trial_of
):
    study = study_of(tmp_path, write_trials, study_config, trial_of, audited=False)
    assert "early stopping is unknown" in rungs(study).says[1]


def test_a_search_without_rungs_has_no_tables(tmp_path, write_trials, study_config, trial_of):
    section = rungs(write_trials(tmp_path, study_config(), [trial_of(0, 0.7)]))
    assert section.tables == ()
    assert section.says[1] == "No trial was stopped by a rung."


@pytest.mark.parametrize(
    ("lift", "said"), [(0.1, "fell to 1 epoch: of the first 10"), (-0.5, "stays at 3 epochs: of")]
)
def test_the_grace_that_a_search_settled_on_is_given_its_reason(
    tmp_path, write_trials, study_config, trial_of, lift, said
):
    # The first epoch ranks the trials as they end, or the wrong way round.
    levels = [0.60 + 0.01 * number for number in range(12)]
    curves = [[0.5 + lift * (level - 0.6), level, *[level + 0.01] * 25] for level in levels]
    trials = [trial_of(number, *curve, seed=number) for number, curve in enumerate(curves)]
    config = study_config(epochs=27, adaptive_grace=True, patience_epochs=27)
    says = rungs(write_trials(tmp_path, config, trials)).says
    assert any(said in sentence for sentence in says)


def test_before_any_trial_has_ended_nothing_is_said_of_epochs(
    tmp_path, write_trials, study_config, trial_of
):
    section = rungs(write_trials(tmp_path, study_config(), [trial_of(0, 0.7, state="RUNNING")]))
    assert section.says[0] == "No trial has ended yet."
