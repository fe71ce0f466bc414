"""Figures within days and tickers: what a ticker's own rate cannot lift."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from phase6c.statistics.cross_section import (
    CrossSection,
    daily_rank_correlations,
    group_aucs,
    t_value,
)
from phase6c.statistics.days import Days
from phase6c.statistics.logits import sigmoid
from phase6c.statistics.metrics import measure

from ..support.pace import cost


class Panel:
    """Tickers of unequal rates under a shock that all of them share; `signal` tells the days."""

    def __init__(self, signal, seed=0, n_days=400, n_tickers=40):
        rng = np.random.default_rng(seed)
        shape = (n_days, n_tickers)
        rate, shock = rng.standard_normal(n_tickers), rng.standard_normal((n_days, 1))
        own = rng.standard_normal(shape)
        self.rate = np.broadcast_to(rate, shape).ravel()
        self.logits = (rate + own).ravel()
        self.outcomes = (rate + shock + signal * own + 2 * rng.standard_normal(shape)).ravel()
        self.y = (self.outcomes > 2.0).astype(int)
        self.dates = np.repeat(np.arange(n_days), n_tickers)
        self.tickers = np.tile(np.arange(n_tickers), n_days)

    def figures(self, logits, rows=slice(None)):
        section = CrossSection.of(self.dates, self.tickers, self.outcomes[rows], 1)
        return section.figures(logits, self.y[rows])


@given(st.integers(0, 2**31))
def test_figures_of_groups_are_those_of_each_group_alone(seed):
    rng = np.random.default_rng(seed)
    days = Days.of(np.repeat(np.arange(6), 8)[rng.permutation(48)])
    y, logits = rng.integers(2, size=48), np.round(rng.standard_normal(48), 1)
    outcomes = np.round(rng.standard_normal(48), 1)
    aucs = group_aucs(logits, y, days.of_row, days.n)
    correlations = daily_rank_correlations(logits, outcomes, days)
    for day in range(6):
        own = days.of_row == day
        if len(np.unique(y[own])) == 2:
            assert aucs[day] == pytest.approx(roc_auc_score(y[own], logits[own]))
        else:
            assert np.isnan(aucs[day])
        if len(np.unique(outcomes[own])) > 1 and len(np.unique(logits[own])) > 1:
            expected = spearmanr(logits[own], outcomes[own]).statistic
            assert correlations[day] == pytest.approx(expected)


def test_equal_scores_rank_nothing_and_equal_outcomes_cannot_be_ranked():
    days = Days.of(np.array([0, 0, 0, 1, 1, 1, 2]))
    scores, outcomes = np.array([1.0, 1, 1, 1, 2, 3, 4]), np.array([1.0, 2, 3, 5, 5, 5, 4])
    found = daily_rank_correlations(scores, outcomes, days)
    assert found[0] == 0
    assert np.isnan(found[1:]).all()


def test_what_a_ticker_is_lifts_the_pooled_auc_and_not_that_of_a_ticker():
    panel = Panel(signal=0.0)
    assert roc_auc_score(panel.y, panel.rate) > 0.65
    found = panel.figures(panel.rate)
    assert found["auc_per_ticker"] == 0.5
    assert found["auc_within_day"] > 0.65


def test_a_planted_cross_sectional_signal_is_found():
    blind, seeing = (Panel(signal) for signal in (0.0, 1.0))
    without, found = (panel.figures(panel.logits - panel.rate) for panel in (blind, seeing))
    assert found["auc_within_day"] > 0.6
    assert found["auc_per_ticker"] > 0.6
    assert found["rank_ic"] > 0.25
    assert found["rank_ic_t"] > 20
    assert without["auc_within_day"] == pytest.approx(0.5, abs=0.02)
    assert abs(without["rank_ic_t"]) < 3


def test_labels_shuffled_within_the_day_give_one_half_whatever_the_shock():
    panel = Panel(signal=1.0)
    rng = np.random.default_rng(3)
    rows = np.lexsort((rng.random(len(panel.y)), panel.dates))
    # Scores that know the market's shock have a pooled AUC, and still nothing within the day.
    daily_rate = np.bincount(panel.dates, weights=panel.y)[panel.dates]
    logits = panel.logits + daily_rate
    assert roc_auc_score(panel.y[rows], logits) > 0.6
    found = panel.figures(logits, rows)
    assert found["auc_within_day"] == pytest.approx(0.5, abs=0.015)
    assert found["rank_ic"] == pytest.approx(0, abs=0.02)
    assert abs(found["rank_ic_t"]) < 3


def test_a_single_ticker_has_none_of_them():
    y, logits = np.array([0, 1, 0, 1]), np.arange(4.0)
    section = CrossSection.of(np.arange(4), np.full(4, "ONE"), logits, 1)
    assert section is None
    metrics = measure(logits, y, y == 0, 0.5, cross_section=section)
    assert metrics.auc_within_day is metrics.auc_per_ticker is metrics.rank_ic is None


def test_without_outcomes_there_are_aucs_alone():
    panel = Panel(signal=0.0, n_days=5)
    section = CrossSection.of(panel.dates, panel.tickers, np.full(len(panel.y), np.nan), 1)
    assert set(section.figures(panel.logits, panel.y)) == {"auc_within_day", "auc_per_ticker"}


@pytest.mark.parametrize("horizon_days", [1, 5])
def test_a_t_value_of_useless_scores_is_rarely_large_although_horizons_overlap(horizon_days):
    rng = np.random.default_rng(0)
    fresh = rng.standard_normal((1000, 400 + horizon_days))
    overlapping = lfilter(np.ones(horizon_days), [1.0], fresh)[:, horizon_days:]
    large = [abs(t_value(daily, horizon_days)) > 1.96 for daily in overlapping]
    assert 0.03 < np.mean(large) < 0.08
    if horizon_days > 1:
        naive = [abs(t_value(daily, 1)) > 1.96 for daily in overlapping]
        assert np.mean(naive) > 0.3


def test_too_few_days_have_no_t_value():
    assert t_value(np.arange(14.0), 5) is None
    assert t_value(np.full(30, 0.25), 1) is None


def test_covariances_that_cancel_each_other_leave_a_positive_variance():
    assert np.isfinite(t_value(1.0 + np.tile([1.0, -1.0], 50), 2))


@pytest.mark.slow
def test_an_epoch_of_a_large_panel_is_measured_in_well_under_a_second():
    rng = np.random.default_rng(0)
    n_days, n_tickers = 750, 200
    logits = rng.standard_normal(n_days * n_tickers)
    y = (rng.random(len(logits)) < sigmoid(logits)).astype(int)
    section = CrossSection.of(
        np.repeat(np.arange(n_days), n_tickers), np.tile(np.arange(n_tickers), n_days), logits, 1
    )
    # Half a second is about 75.
    assert cost(partial(section.figures, logits, y), rounds=3) < 75
