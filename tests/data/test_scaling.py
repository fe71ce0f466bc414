"""Features are scaled by train rows, together or each ticker on its own."""

import numpy as np
import pytest

from phase6c.data.scaling import (
    CLIP,
    MIN_TICKER_WINDOWS,
    SMALLEST_LOGGED,
    Scaler,
    log_in_place,
    standardised,
)

FEW, MANY = MIN_TICKER_WINDOWS - 1, 500


def train_rows():
    """Two tickers of other levels; the second has too few rows to be scaled on its own."""
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(5, 2, (MANY, 3)), rng.normal(-1, 9, (FEW, 3))])
    return features.astype(np.float32), np.repeat([0, 1], [MANY, FEW])


def test_pooled_scaling_has_one_mean_for_all():
    features, tickers = train_rows()
    scaler = Scaler.fit(features, np.arange(len(features)), tickers, 2, "pooled")
    np.testing.assert_allclose(scaler.mean, features.mean(axis=0)[None], rtol=1e-5)
    np.testing.assert_allclose(scaler.scale, features.std(axis=0)[None], rtol=1e-5)


def test_a_ticker_with_few_rows_is_scaled_like_all_together():
    features, tickers = train_rows()
    scaler = Scaler.fit(features, np.arange(len(features)), tickers, 3, "per_ticker")
    np.testing.assert_allclose(scaler.mean[0], features[:MANY].mean(axis=0), rtol=1e-5)
    for without_enough in (1, 2):
        np.testing.assert_allclose(scaler.mean[without_enough], features.mean(axis=0), rtol=1e-5)


def test_scaling_in_place_is_by_ticker_and_clipped():
    features, tickers = train_rows()
    scaler = Scaler.fit(features, np.arange(len(features)), tickers, 2, "per_ticker")
    expected = (features - scaler.mean[tickers]) / scaler.scale[tickers]
    features[0, 0] = 1e6
    scaler.scale_in_place(features, np.array([0, MANY]))
    assert features[0, 0] == CLIP
    expected = np.clip(expected, -CLIP, CLIP)
    np.testing.assert_allclose(features[1:], expected[1:], rtol=1e-4, atol=1e-5)


def test_only_the_given_rows_are_fitted():
    features, tickers = train_rows()
    rows = np.arange(100)
    scaler = Scaler.fit(features, rows, tickers[rows], 2, "pooled")
    np.testing.assert_allclose(scaler.mean[0], features[:100].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("level", [0.0, 7.0, 1e4])
def test_a_feature_that_does_not_vary_in_train_becomes_zero_everywhere(level):
    """Also where it does vary later, and where only rounding varies."""
    features = np.full((100, 1), level, dtype=np.float32)
    features[::2] *= 1 + 1e-7
    features[90:] += 5.0
    scaler = Scaler.fit(features, np.arange(90), np.zeros(90, dtype=int), 1, "pooled")
    scaler.scale_in_place(features, np.array([0]))
    assert (features == 0).all()


def test_logs_are_taken_of_the_named_features_alone():
    panel = np.array([[1.0, 1.0], [0.0, 2.0], [np.nan, -3.0]], dtype=np.float32)
    log_in_place(panel, ["volatility", "return"], {"volatility"})
    np.testing.assert_array_equal(panel[:, 0], np.log([1.0, SMALLEST_LOGGED, np.nan], dtype="f4"))
    np.testing.assert_array_equal(panel[:, 1], [1.0, 2.0, -3.0])


def test_targets_are_standardised_by_those_that_are_known():
    coming = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]], dtype=np.float32)
    made = standardised(coming)
    np.testing.assert_array_equal(made[:, 0], np.array([-1.0, 1.0, np.nan], dtype="f4"))
    assert np.isnan(made[:, 1]).all()
    assert (standardised(np.full((4, 2), 3, dtype=np.float32)) == 0).all()
