"""Figures from sums over days are those of the rows that are drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from phase6c.statistics.days import Days
from phase6c.statistics.scores import MAX_EXACT_ROWS, auc_score, daily_score, mean_score


def panel(rng, n_days=8, n_rows=40):
    """Days with several rows each, both classes among them."""
    days = Days.of(np.r_[np.arange(n_days), rng.integers(n_days, size=n_rows - n_days)])
    y = np.r_[0, 1, rng.integers(2, size=n_rows - 2)]
    return days, y, np.round(rng.standard_normal(n_rows), 1)


@given(st.integers(0, 2**31))
def test_a_weight_counts_all_rows_of_a_day_that_often(seed):
    rng = np.random.default_rng(seed)
    days, y, logits = panel(rng)
    weights = rng.integers(1, 4, size=days.n)
    often = np.repeat(np.arange(len(y)), weights[days.of_row])
    columns = weights[:, None].astype(float)
    auc = auc_score(logits, y, days)(columns)
    assert auc[0] == pytest.approx(roc_auc_score(y[often], logits[often]))
    assert mean_score(logits, days)(columns)[0] == pytest.approx(logits[often].mean())


@given(st.integers(0, 2**31))
def test_a_mean_of_days_counts_days_and_leaves_out_those_without_a_figure(seed):
    rng = np.random.default_rng(seed)
    daily = np.where(rng.random(9) < 0.3, np.nan, rng.standard_normal(9))
    daily[0] = 1.0
    weights = rng.integers(1, 4, size=9)
    expected = np.nanmean(np.repeat(daily, weights))
    assert daily_score(daily)(weights[:, None].astype(float))[0] == pytest.approx(expected)


def test_a_draw_of_one_class_has_no_auc():
    days = Days.of(np.arange(4))
    score = auc_score(np.arange(4.0), np.array([0, 1, 1, 1]), days)
    assert np.isnan(score(np.array([[0.0], [1], [1], [1]]))).all()


def test_the_auc_of_many_rows_is_off_by_less_than_a_fiftieth_of_its_deviation():
    rng = np.random.default_rng(0)
    n_days, n_tickers = 300, 50
    shock, own = rng.standard_normal((n_days, 1)), rng.standard_normal(n_tickers)
    logits = (own + 0.5 * rng.standard_normal((n_days, n_tickers))).ravel()
    chance = 1 / (1 + np.exp(1.5 - logits - np.repeat(shock, n_tickers)))
    y = (rng.random(len(logits)) < chance).astype(int)
    days = Days.of(np.repeat(np.arange(n_days), n_tickers))
    assert len(y) > MAX_EXACT_ROWS
    weights = rng.multinomial(n_days, np.full(n_days, 1 / n_days), size=20).T.astype(float)
    found = auc_score(logits, y, days)(weights)
    often = weights[days.of_row]
    expected = [roc_auc_score(y, logits, sample_weight=often[:, draw]) for draw in range(20)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=np.std(expected) / 50)


def test_equal_scores_rank_nothing_however_many():
    n = MAX_EXACT_ROWS + 2
    score = auc_score(np.zeros(n), np.arange(n) % 2, Days.of(np.arange(n)))
    assert score(np.ones((n, 1)))[0] == 0.5
