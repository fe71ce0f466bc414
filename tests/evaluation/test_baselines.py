"""The baselines set the mark that a transformer must reach on the same rows."""

import dataclasses

import numpy as np
import pytest

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.evaluation.baselines import fit_baselines, write_predictions
from phase6c.records import Baseline
from phase6c.statistics.metrics import measure
from phase6c.storage.parquet import read_table
from phase6c.study.study_config import BASELINES_FILE


@pytest.fixture(scope="module")
def data():
    return prepare_search_data(load_bars("sp500"), DataConfig(tier="a20"))


@pytest.fixture(scope="module")
def fitted(data):
    return fit_baselines(data, seed=0)


@pytest.fixture(scope="module")
def baselines(fitted):
    return {one.baseline.name: one.baseline for one in fitted}


def test_last_days_features_alone_reach_these_scores_on_the_sp500(baselines):
    assert list(baselines) == ["logistic_regression", "gradient_boosting"]
    for baseline in baselines.values():
        assert 0.70 < baseline.metrics.auc < 0.80
        assert baseline.metrics.skill > 0.05
        assert baseline.metrics.loss_train < 0.55
    assert baselines["logistic_regression"].metrics.auc == pytest.approx(0.740, abs=0.005)


def test_they_are_the_same_every_time(data, baselines):
    for baseline, _ in fit_baselines(data, seed=0):
        assert baseline.metrics == baselines[baseline.name].metrics
        assert Baseline.model_validate_json(baseline.model_dump_json()) == baseline


def test_on_shuffled_labels_they_find_nothing(data):
    rng = np.random.default_rng(0)
    train = dataclasses.replace(data.train, y=rng.permutation(data.train.y))
    val = dataclasses.replace(data.val, y=rng.permutation(data.val.y))
    for baseline, _ in fit_baselines(dataclasses.replace(data, train=train, val=val), seed=0):
        assert baseline.metrics.auc == pytest.approx(0.5, abs=0.08)  # three standard errors


def test_stored_predictions_give_the_stored_figures(tmp_path, data, fitted):
    write_predictions(tmp_path, fitted, data)
    stored = read_table((tmp_path / BASELINES_FILE).read_bytes()).to_pandas()
    for baseline, _ in fitted:
        rows = stored[stored["name"] == baseline.name]
        logits, y, down = (rows[one].to_numpy() for one in ("logit", "y", "down"))
        again = measure(logits, y, down, data.base_rate, baseline.metrics.loss_train)
        assert again == baseline.metrics
