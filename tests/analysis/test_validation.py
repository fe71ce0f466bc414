"""Predictions are compared on the very same rows, with intervals over dates."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from phase6c.analysis.validation import read_validation
from phase6c.errors import StorageError
from phase6c.report.leaderboard import shown_trials
from phase6c.statistics.logits import sigmoid
from phase6c.study.study_config import BASELINES_FILE
from phase6c.study.trial_folder import PREDICTIONS_FILE


@pytest.fixture
def study(tmp_path, small_study):
    return small_study(tmp_path)


def test_figures_agree_with_scikit_learn(study):
    found = read_validation(study, shown_trials(study), draws=30)
    for logits in (*found.trials.values(), *found.baselines.values()):
        assert found.auc(logits).value == pytest.approx(roc_auc_score(found.y, logits))
        assert found.log_loss(logits).value == pytest.approx(log_loss(found.y, sigmoid(logits)))
        falls = found.auc_of(logits, found.down)
        assert falls.value == pytest.approx(roc_auc_score(found.down, logits))


def test_a_part_of_the_rows_is_measured_alone(study):
    found = read_validation(study, shown_trials(study), draws=30)
    rows = np.arange(len(found.y)) < 150
    auc = found.auc_of(found.trials[3], found.y == 1, rows)
    assert auc.value == pytest.approx(roc_auc_score(found.y[rows], found.trials[3][rows]))
    assert found.auc_of(found.trials[3], found.y == 1, rows=found.y == 1) is None


def test_without_draws_there_are_no_intervals(study):
    found = read_validation(study, shown_trials(study), draws=0)
    assert found.auc(found.trials[3]) is None


def test_trials_of_other_rows_are_refused(study):
    path = study.folder / "trial_004" / PREDICTIONS_FILE
    stored = pd.read_parquet(path)
    stored.assign(y=1 - stored["y"]).to_parquet(path)
    with pytest.raises(StorageError, match="trial 4"):
        read_validation(study, shown_trials(study), draws=0)


def test_a_study_without_predictions_has_none(tmp_path, write_trials, study_config, trial_of):
    study = write_trials(tmp_path, study_config(), [trial_of(0, 0.7)])
    assert read_validation(study, study.trials, draws=10) is None


def test_missing_baselines_are_left_out_and_damaged_ones_named(study):
    path = study.folder / BASELINES_FILE
    path.write_bytes(b"no parquet")
    with pytest.raises(StorageError, match=BASELINES_FILE):
        read_validation(study, study.trials, draws=0)
    path.unlink()
    assert read_validation(study, study.trials, draws=0).baselines == {}
