"""Intervals hold the truth as often as they say, although all tickers share the market's shocks."""

import numpy as np
import pytest

from phase6c.statistics.bootstrap import tails_of

from ..support.shocked import FIGURES, coverage, rows_of


@pytest.mark.parametrize("horizon_days", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_intervals_of_days_cover_the_truth_about_as_often_as_they_say(horizon_days):
    """`benchmarks/interval_coverage.py` counts more panels and horizons."""
    found = coverage(horizon_days, n_studies=100, draws=200)
    assert set(found) == set(FIGURES)
    assert 0.90 <= np.mean(list(found.values())) <= 0.98
    for name, share in found.items():
        # The share of 100 panels has a standard error of .02.
        assert 0.88 <= share <= 1.0, name


def test_rows_taken_one_by_one_cover_far_too_little():
    figures = ("log loss", "AUC")
    found = coverage(1, 30, 60, 300, figures, rows_of)
    assert max(found.values()) < 0.75


def test_few_blocks_reach_further_into_the_tails_and_many_to_the_usual_ones():
    tails = [tails_of(n)[0] for n in (1, 2, 5, 25, 100)]
    assert tails == sorted(tails)
    assert tails_of(1e9) == pytest.approx((0.025, 0.975))
