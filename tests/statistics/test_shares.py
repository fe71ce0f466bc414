"""A share of rows is as doubtful as its days are few."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from phase6c.statistics.days import Days
from phase6c.statistics.shares import share_interval, share_of_days


@pytest.mark.parametrize("n_ones", [0, 3, 40, 100])
def test_of_a_row_a_day_it_is_wilsons_interval(n_ones):
    y = np.zeros(100)
    # Spread evenly, as clusters would count.
    y[np.linspace(0, 99, n_ones).astype(int)] = 1
    exact = binomtest(int(y.sum()), 100).proportion_ci(0.95, "wilson")
    found = share_of_days(y, Days.of(np.arange(100)), 1)
    assert found == pytest.approx((exact.low, exact.high), abs=1e-6)


def test_tickers_that_rise_together_are_worth_their_days():
    y = np.repeat(np.random.default_rng(0).integers(2, size=200), 50)
    together = share_of_days(y, Days.of(np.repeat(np.arange(200), 50)), 1)
    alone = share_of_days(y[::50], Days.of(np.arange(200)), 1)
    assert together == pytest.approx(alone, abs=0.002)


def test_overlapping_horizons_are_worth_less():
    y = np.repeat(np.random.default_rng(1).integers(2, size=60), 5)
    days = Days.of(np.arange(300))
    (low, high), (lower, higher) = (share_of_days(y, days, horizon) for horizon in (1, 5))
    assert higher - lower > 1.5 * (high - low)


@pytest.mark.parametrize(
    ("n_found", "n_tried", "low", "high"),
    # Newcombe (1998), table I, method 3: the score method without continuity correction.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_that_of_wilson(n_found, n_tried, low, high):
    assert share_interval(n_found, n_tried) == pytest.approx((low, high), abs=5e-5)


@given(n_tried=st.integers(1, 200), share=st.floats(0, 1))
def test_the_interval_holds_the_share_and_more_audits_make_it_narrower(n_tried, share):
    n_found = round(share * n_tried)
    low, high = share_interval(n_found, n_tried)
    assert 0 <= low <= n_found / n_tried + 1e-12
    assert n_found / n_tried - 1e-12 <= high <= 1
    more = share_interval(10 * n_found, 10 * n_tried)
    assert more[1] - more[0] < high - low


def test_nineteen_intervals_in_twenty_hold_the_truth():
    n_tried, shares = 20, np.linspace(0.02, 0.98, 97)
    intervals = np.array([share_interval(n_found, n_tried) for n_found in range(n_tried + 1)])
    holds = (intervals[:, :1] <= shares) & (shares <= intervals[:, 1:])
    likely = binom.pmf(np.arange(n_tried + 1)[:, None], n_tried, shares)
    assert (holds * likely).sum(axis=0).mean() == pytest.approx(0.95, abs=0.01)
