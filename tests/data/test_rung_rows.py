"""Epochs of a large panel are measured on whole weeks from all over the validation block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.data.rung_rows import WEEK_DAYS, rung_rows


def panel(n_days, n_tickers):
    days = np.busday_offset("2010-01-04", np.arange(n_days))
    return np.repeat(days, n_tickers)


@given(n_days=st.integers(1, 300), n_tickers=st.integers(1, 5), share=st.floats(0.01, 1))
def test_days_are_whole_and_about_as_many_as_asked_for(n_days, n_tickers, share):
    dates = panel(n_days, n_tickers)
    n_windows = max(1, int(share * len(dates)))
    kept = rung_rows(dates, n_windows)
    by_day = kept.reshape(n_days, n_tickers)
    assert (by_day.all(axis=1) == by_day.any(axis=1)).all()
    assert kept.any()
    # Half a week of rounding, and a last week that may be short.
    assert abs(kept.sum() - n_windows) <= 2 * WEEK_DAYS * n_tickers


@given(n_weeks=st.integers(20, 150), share=st.floats(0.05, 0.95))
def test_every_stretch_of_the_block_has_its_share(n_weeks, share):
    dates = panel(n_weeks * WEEK_DAYS, 2)
    kept = rung_rows(dates, int(share * len(dates)))
    by_week = kept.reshape(n_weeks, -1).all(axis=1)
    for begin in range(0, n_weeks - 19, 10):
        stretch = by_week[begin : begin + 20]
        assert abs(stretch.sum() - by_week.mean() * 20) <= 1


def test_a_kept_week_has_each_of_its_days():
    kept = rung_rows(panel(500, 1), 200).reshape(-1, WEEK_DAYS)
    assert set(kept.sum(axis=1)) == {0, WEEK_DAYS}


@pytest.mark.parametrize("n_windows", [None, 60, 61])
def test_of_few_rows_all_are_kept(n_windows):
    assert rung_rows(panel(30, 2), n_windows).all()
