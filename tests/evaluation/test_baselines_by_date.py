"""Baselines are fitted on the past, tuned on its latest part, and know nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare
from phase6c.data.splits import evaluation_steps
from phase6c.data.walk import Walk
from phase6c.evaluation.baselines import BASE_RATES, fit_simple, trailing_base_rate
from phase6c.statistics.logits import log_losses, sigmoid


@pytest.fixture(scope="module")
def walk() -> Walk:
    config = DataConfig(tier="a20")
    _, history, splits = prepare(load_bars("sp500"), config)
    return Walk.before_test(history, evaluation_steps(history.rows.calendar, splits, config))


@pytest.fixture(scope="module")
def fitted(walk):
    return fit_simple(walk.inner("cal"), walk.outer("cal"), 8, 0)


def test_all_of_them_are_there_with_a_logit_for_each_row(walk, fitted):
    assert set(fitted) == {
        *BASE_RATES,
        *("volatility_logistic", "ridge_logistic", "gradient_boosting", "linear_window"),
    }
    for one in fitted.values():
        assert one.logits.shape == (len(walk.outer("cal").val),)
        assert np.isfinite(one.logits).all()


def test_those_that_learn_beat_the_base_rate_on_sp500(walk, fitted):
    y = walk.outer("cal").val.y
    base = log_losses(fitted["train_base_rate"].logits, y).mean()
    for name in fitted.keys() - set(BASE_RATES):
        assert log_losses(fitted[name].logits, y).mean() < base, name
        assert roc_auc_score(y, fitted[name].logits) > 0.65, name


def test_what_is_judged_is_not_learnt_from(walk, fitted):
    """Other labels in the block that follows change nothing but the base rate of the last year."""
    data = walk.outer("cal")
    other = replace(data, val=replace(data.val, y=1 - data.val.y))
    again = fit_simple(walk.inner("cal"), other, 8, 0)
    for name in fitted.keys() - {"trailing_base_rate"}:
        np.testing.assert_array_equal(again[name].logits, fitted[name].logits, err_msg=name)


def test_the_trailing_base_rate_counts_what_was_known_on_the_day(walk):
    data = walk.outer("cal")
    found = sigmoid(trailing_base_rate(data))
    y = np.concatenate([data.train.y, data.val.y])
    ends = np.concatenate([data.train.label_ends, data.val.label_ends])
    for row in (0, 1, 100, len(data.val) - 1):
        day = data.val.dates[row]
        known = (ends < day) & (ends >= day - 365)
        assert found[row] == pytest.approx((y[known].sum() + 1) / (known.sum() + 2)), row


def test_a_window_model_fits_into_bounded_memory(walk, monkeypatch):
    monkeypatch.setattr("phase6c.evaluation.baselines.MAX_WINDOW_VALUES", 20_000)
    logits = fit_simple(walk.inner("cal"), walk.outer("cal"), 8, 0)["linear_window"].logits
    assert np.isfinite(logits).all()
