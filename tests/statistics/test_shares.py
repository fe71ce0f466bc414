"""A share of rows is as doubtful as its days are few."""

import numpy as np
import pytest
from scipy.stats import binomtest

from phase6c.statistics.days import Days
from phase6c.statistics.shares import share_of_days


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
