"""Affine maps of the logit are those of maximum likelihood, and finite whatever the data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from phase6c.statistics.logits import cross_fitted, fit_affine, fit_logistic, log_losses, sigmoid


def drawn(n=2000, a=-1.5, b=1.0, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1.5, n)
    return logits, (rng.random(n) < sigmoid(a + b * logits)).astype(float)


@pytest.mark.parametrize("b", [0.3, 1.0, 4.0])
def test_the_fit_is_that_of_scikit_learn(b):
    logits, y = drawn(b=b)
    reference = LogisticRegression(C=1e9, tol=1e-10).fit(logits[:, None], y)
    expected = (reference.intercept_[0], reference.coef_[0, 0])
    assert fit_affine(logits, y) == pytest.approx(expected, rel=1e-3)


def test_a_reversed_ranking_is_given_up_not_turned_round():
    logits, y = drawn(b=-1.0)
    a, b = fit_affine(logits, y)
    assert b == 0
    assert sigmoid(np.array([a])) == pytest.approx(y.mean())
    assert fit_logistic(logits, y)[1] < 0


def test_constant_logits_leave_the_base_rate():
    y = np.array([1.0, 0, 0, 0])
    assert fit_affine(np.full(4, 3.7), y) == (pytest.approx(np.log(1 / 3)), 0)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-9, 1e-3, 1.0, 1e3]),
    shift=st.sampled_from([-500.0, 0.0, 40.0]),
    separable=st.booleans(),
)
def test_the_fit_is_finite_and_no_worse_than_the_base_rate(seed, scale, shift, separable):
    rng = np.random.default_rng(seed)
    logits = scale * rng.standard_normal(80) + shift
    y = (logits > np.median(logits) if separable else rng.random(80) < 0.2).astype(float)
    y[:2] = [0, 1]
    a, b = fit_affine(logits, y)
    assert np.isfinite([a, b]).all()
    assert b >= 0
    rate = y.mean()
    entropy = -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)
    assert log_losses(a + b * logits, y).mean() <= entropy + 1e-6


def test_each_half_is_recalibrated_by_the_other():
    logits, y = drawn(400)
    a, b = fit_affine(logits[:200], y[:200])
    np.testing.assert_allclose(cross_fitted(logits, y)[200:], a + b * logits[200:])
    assert cross_fitted(logits, np.r_[np.zeros(200), y[200:]]) is None
