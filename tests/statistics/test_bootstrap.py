"""Dates are drawn in blocks, and every figure that is drawn is the figure itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from phase6c.statistics.bootstrap import (
    auc_score,
    estimate,
    mean_score,
    row_weights,
    stationary_counts,
)

DATES = np.datetime64("2011-06-23") + np.arange(300)


def test_days_are_drawn_in_blocks_as_often_as_there_are_days():
    counts = stationary_counts(500, 20, 200, np.random.default_rng(0))
    assert (counts.sum(axis=0) == 500).all()
    assert counts.mean(axis=1).std() < 0.15
    assert (counts == 0).mean() == pytest.approx(np.exp(-1), abs=0.03)
    neighbours_alike = (counts[1:] == counts[:-1]).mean()
    assert neighbours_alike > 0.8


@given(st.integers(0, 2**31))
def test_a_weight_counts_a_row_that_often(seed):
    rng = np.random.default_rng(seed)
    y, logits = np.r_[0, 1, rng.integers(2, size=20)], np.round(rng.standard_normal(22), 1)
    weights = rng.integers(1, 4, size=22)
    often = np.repeat(np.arange(22), weights)
    columns = weights[:, None].astype(float)
    assert auc_score(logits, y)(columns)[0] == pytest.approx(roc_auc_score(y[often], logits[often]))
    assert mean_score(logits)(columns)[0] == pytest.approx(logits[often].mean())


def test_all_rows_of_a_date_have_one_weight_and_chunks_change_nothing(monkeypatch):
    dates = np.repeat(DATES, 3)
    options = {"horizon_days": 1, "draws": 40, "seed": 3}
    (whole,) = row_weights(dates, **options)
    assert (whole.reshape(300, 3, 40) == whole[::3][:, None]).all()
    monkeypatch.setattr("phase6c.statistics.bootstrap.MAX_WEIGHTS", 900 * 15)
    assert [one.shape for one in row_weights(dates, **options)] == [(900, 15), (900, 15), (900, 10)]


def test_overlapping_labels_are_drawn_in_longer_blocks():
    def runs(horizon_days):
        (weights,) = row_weights(DATES, horizon_days=horizon_days, draws=100, seed=0)
        return (weights[1:] == weights[:-1]).mean()

    assert runs(100) > runs(1)


def test_an_estimate_holds_the_middle_of_its_draws():
    found = estimate(5.0, np.r_[np.arange(101) / 10, np.nan])
    assert (found.value, found.low, found.high) == pytest.approx((5.0, 0.25, 9.75))
    assert found.excludes_zero
    assert not estimate(0.0, np.array([-1.0, 1.0])).excludes_zero
    assert estimate(5.0, np.array([np.nan])) is None
    assert estimate(np.nan, np.array([1.0])) is None
