"""Every feature is causal, free of scale, finite after its lookback and what its name says."""

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.data.indicators import FEATURES, TIERS, compute_features, tier_features
from phase6c.errors import ConfigError

NAMES = TIERS["a20"]
MODEST = settings(deadline=None, max_examples=15)


def column(values, name):
    return values[:, NAMES.index(name)]


def test_a20_has_twenty_features_each_declared_once():
    assert len(NAMES) == len(set(NAMES)) == 20
    assert [feature.name for feature in tier_features("a20")] == list(NAMES)
    assert all(FEATURES[name].meaning and FEATURES[name].family for name in NAMES)


def test_another_tier_is_refused_with_the_one_to_use():
    with pytest.raises(ConfigError, match=r"Tier a50 is not available yet\. Use a20\.") as caught:
        tier_features("a50")
    assert caught.value.exit_code == 2


@MODEST
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 399))
def test_no_feature_looks_ahead(random_frame, seed, cut):
    frame = random_frame(400, seed)
    whole = compute_features(frame, "a20")
    np.testing.assert_allclose(compute_features(frame[:cut], "a20"), whole[:cut], rtol=1e-9)


@MODEST
@given(seed=st.integers(0, 10_000), by=st.sampled_from([0.01, 10.0, 1000.0]))
def test_the_scale_of_prices_and_volumes_does_not_matter(random_frame, seed, by):
    frame = random_frame(300, seed)
    expected = compute_features(frame, "a20")
    dearer = frame.assign(**{name: frame[name] * by for name in ("open", "high", "low", "close")})
    np.testing.assert_allclose(compute_features(dearer, "a20"), expected, rtol=1e-6, atol=1e-9)
    busier = frame.assign(volume=frame["volume"] * by)
    np.testing.assert_allclose(compute_features(busier, "a20"), expected, rtol=1e-6, atol=1e-9)


@MODEST
@given(seed=st.integers(0, 10_000), n_days=st.integers(1, 300))
def test_every_feature_is_finite_from_its_lookback_on_and_nan_before(random_frame, seed, n_days):
    values = compute_features(random_frame(n_days, seed), "a20")
    for feature, of_feature in zip(tier_features("a20"), values.T, strict=True):
        assert np.isnan(of_feature[: feature.lookback_days]).all(), feature.name
        assert np.isfinite(of_feature[feature.lookback_days :]).all(), feature.name


def test_days_without_trade_or_range_take_the_neutral_value(random_frame):
    frame = random_frame(300)
    for name in ("open", "high", "low", "close"):
        frame[name] = 12.34
    values = compute_features(frame.assign(volume=0.0), "a20")
    neutral = {"rsv_20": 0.5, "bb_pctb_20": 0.5, "mfi_14": 50.0, "logvol_z_20": 0.0, "dd_252": 0.0}
    for name, expected in neutral.items():
        assert column(values, name)[-1] == expected
    one_quiet_day = compute_features(
        frame.assign(volume=frame["volume"].where(frame.index != 299, 0)), "a20"
    )
    assert column(one_quiet_day, "logvol_z_20")[-1] == 0.0


def test_formulas_agree_with_talib_and_with_plain_arithmetic(sp500):
    frame = sp500.frame
    close, volume = frame["close"].to_numpy(), frame["volume"].to_numpy()
    high, low = frame["high"].to_numpy(), frame["low"].to_numpy()
    values = compute_features(frame, "a20")
    last = {name: column(values, name)[-1] for name in NAMES}
    returns = np.diff(np.log(close))
    upper, _, lower = talib.BBANDS(close, 20, 2, 2)
    expected = {
        "ret_5": np.log(close[-1] / close[-6]),
        "rv_20": returns[-20:].std(ddof=1),
        "dd_252": close[-1] / close[-252:].max() - 1,
        "rsv_20": talib.STOCHF(high, low, close, 20, 1)[0][-1] / 100,
        "sma_ratio_50": close[-1] / close[-50:].mean() - 1,
        "bb_pctb_20": ((close - lower) / (upper - lower))[-1],
        "mfi_14": talib.MFI(high, low, close, volume, 14)[-1],
        "parkinson_10": np.sqrt((np.log(high / low)[-10:] ** 2).mean() / (4 * np.log(2))),
        "range_1": np.log(high[-1] / low[-1]),
        "logvol_z_20": (np.log(volume[-1]) - np.log(volume[-20:]).mean())
        / np.log(volume[-20:]).std(),
    }
    for name, value in expected.items():
        assert last[name] == pytest.approx(value, rel=1e-6), name
