"""Weights that fade with age: of mean 1, by calendar days, from the last train day on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.data.recency import recency_weights


def dates_of(days):
    return np.datetime64("2000-01-01") + np.asarray(days, dtype=int)


@given(
    days=st.lists(st.integers(0, 20_000), min_size=1, max_size=50),
    half_life_days=st.integers(200, 5000),
)
def test_a_weight_halves_with_every_half_life(days, half_life_days):
    weights = recency_weights(dates_of(days), half_life_days).astype(np.float64)
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    age = max(days) - np.array(days)
    np.testing.assert_allclose(weights, weights.max() * 0.5 ** (age / half_life_days), rtol=1e-5)


def test_days_of_several_tickers_weigh_alike():
    weights = recency_weights(dates_of([0, 0, 3000, 3000]), 3000)
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 4 / 3, 4 / 3], rtol=1e-6)


def test_without_a_half_life_all_windows_weigh_the_same():
    assert (recency_weights(dates_of([0, 5000]), "none") == 1).all()
    assert len(recency_weights(dates_of([]), 750)) == 0
