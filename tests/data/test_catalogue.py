"""Every feature is causal, free of scale, finite after its lookback and reads what it declares."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.data.catalogue import FEATURES, TIERS, compute_features, tier_features
from phase6c.data.splits import WARMUP_DAYS

PRICES = ("open", "high", "low", "close")
COLUMNS = ("date", *PRICES, "volume")
FAMILIES = sorted({feature.family for feature in FEATURES.values()})
MODEST = settings(deadline=None, max_examples=10)
each_family = pytest.mark.parametrize("family", FAMILIES)
# The longest context of the search spaces.
LONGEST_CONTEXT_DAYS = 32


def of_family(family):
    return [feature for feature in FEATURES.values() if feature.family == family]


def flat(frame):
    return frame.assign(**dict.fromkeys(PRICES, 12.34), volume=0.0)


def rising(frame):
    close = 10.0 * 1.01 ** np.arange(len(frame))
    return frame.assign(**dict.fromkeys(PRICES, close), volume=100.0)


def with_a_flat_stretch(frame):
    held = frame.copy()
    held.loc[20:180, PRICES] = held["close"].iloc[0]
    held.loc[20:180, "volume"] = 0.0
    return held


def as_it_is(frame):
    return frame


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_has_as_many_features_as_its_name_says(tier):
    names = TIERS[tier]
    assert len(set(names)) == len(names) == int(tier.removeprefix("a"))
    assert [feature.name for feature in tier_features(tier, COLUMNS)] == list(names)


def test_tiers_are_nested_and_hold_every_feature_once():
    for smaller, larger in pairwise(TIERS.values()):
        assert larger[: len(smaller)] == smaller
    assert set(TIERS["a200"]) == set(FEATURES)


@MODEST
@given(data=st.data())
def test_a_feature_whose_log_may_be_taken_is_a_size(random_frame, data):
    logged = [feature for feature in FEATURES.values() if feature.log]
    values = compute_features(random_frame(data.draw(st.integers(300, 400))), logged)
    assert {"rv_20", "natr_14", "range_1", "volume_ratio_5_20"} <= {one.name for one in logged}
    assert not {"ret_1", "logvol_z_20", "jump_ratio_20"} & {one.name for one in logged}
    assert np.nanmin(values) >= 0


def test_every_feature_says_what_it_is():
    for feature in FEATURES.values():
        assert feature.family, feature.name
        assert feature.meaning.strip(), feature.name
        assert set(feature.needs) <= set(COLUMNS[1:]), feature.name
        assert len(feature.meaning) <= 90, feature.name
    meanings = [feature.meaning for feature in FEATURES.values()]
    assert len(set(meanings)) == len(meanings)


def test_the_warm_up_holds_every_lookback_and_the_longest_context():
    longest = max(feature.lookback_days for feature in FEATURES.values())
    assert longest + LONGEST_CONTEXT_DAYS - 1 <= WARMUP_DAYS


def test_a_tier_drops_what_the_columns_do_not_allow():
    closes = tier_features("a200", ("date", "close"))
    assert 80 <= len(closes) < 200
    assert all(set(feature.needs) <= {"close"} for feature in closes)
    without_volume = tier_features("a200", ("date", *PRICES))
    assert not any("volume" in feature.needs for feature in without_volume)
    assert {feature.name for feature in closes} < {feature.name for feature in without_volume}


@each_family
@MODEST
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 399))
def test_no_feature_looks_ahead(random_frame, family, seed, cut):
    frame, features = random_frame(400, seed), of_family(family)
    whole = compute_features(frame, features)
    np.testing.assert_allclose(
        compute_features(frame[:cut], features), whole[:cut], rtol=1e-9, atol=1e-12
    )


@each_family
@MODEST
@given(seed=st.integers(0, 10_000), by=st.sampled_from([0.01, 10.0, 1000.0]))
def test_the_scale_of_prices_and_volumes_does_not_matter(random_frame, family, seed, by):
    frame, features = random_frame(350, seed), of_family(family)
    expected = compute_features(frame, features)
    for columns in (PRICES, ("volume",)):
        scaled = frame.assign(**{name: frame[name] * by for name in columns})
        found = compute_features(scaled, features)
        for feature, one, other in zip(features, found.T, expected.T, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8, err_msg=feature.name)


@each_family
@pytest.mark.parametrize("kind", [as_it_is, flat, rising, with_a_flat_stretch])
@pytest.mark.parametrize("n_days", [1, 30, 300])
def test_every_feature_is_finite_from_its_lookback_on_and_nan_before(
    random_frame, family, kind, n_days
):
    features = of_family(family)
    values = compute_features(kind(random_frame(n_days, 7)), features)
    for feature, column in zip(features, values.T, strict=True):
        assert np.isnan(column[: feature.lookback_days]).all(), feature.name
        assert np.isfinite(column[feature.lookback_days :]).all(), feature.name


@each_family
def test_a_lookback_is_no_longer_than_it_must_be(random_frame, family):
    """One day earlier, the formula itself has no value yet."""
    from phase6c.data.indicators.feature import TickerBars

    bars = TickerBars.of(random_frame(400, 3))
    for feature in of_family(family):
        with np.errstate(divide="ignore", invalid="ignore"):
            values = feature.compute(bars)
        start = feature.lookback_days
        assert len(values) == 400, feature.name
        assert np.isfinite(values[start]), feature.name
        assert start == 0 or np.isnan(values[start - 1]), feature.name


@each_family
def test_a_feature_varies_and_stays_within_reason_on_real_bars(sp500, family):
    features = of_family(family)
    values = compute_features(sp500.frame, features)[WARMUP_DAYS:]
    for feature, column in zip(features, values.T, strict=True):
        assert column.std() > 1e-6, feature.name
        assert np.isfinite(column).all(), feature.name
        assert np.abs(column - column.mean()).max() < 60 * column.std(), feature.name


@each_family
def test_a_feature_reads_only_the_columns_that_it_declares(random_frame, family):
    frame = random_frame(320)
    for feature in of_family(family):
        others = [name for name in COLUMNS[1:] if name not in feature.needs]
        found = compute_features(frame.drop(columns=others), [feature])
        np.testing.assert_array_equal(found, compute_features(frame, [feature]), feature.name)
        for name in feature.needs:
            incomplete = compute_features(frame.drop(columns=[name]), [feature])
            assert not np.array_equal(incomplete, found, equal_nan=True), (feature.name, name)
