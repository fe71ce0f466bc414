"""A label says whether the threshold was reached within the horizon, and only where it is full."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.config import DataConfig, parse
from phase6c.data.labels import (
    coming_moves,
    label_down,
    label_outcome,
    label_up,
    trailing_volatility,
)
from phase6c.errors import ConfigError

BARS = pd.DataFrame(
    {
        "high": [100.0, 101.0, 100.5, 103.0, 100.0],
        "low": [100.0, 99.5, 99.0, 100.0, 97.0],
        "close": [100.0, 100.0, 100.0, 102.0, 98.0],
        "date": pd.bdate_range("2020-01-01", periods=5),
    }
)
NAN = np.nan


@pytest.mark.parametrize(
    ("label", "horizon", "up", "down"),
    [
        ("high", 1, [1, 0, 1, 0, NAN], [0, 1, 0, 1, NAN]),
        ("high", 2, [1, 1, 1, NAN, NAN], [1, 1, 1, NAN, NAN]),
        ("close", 1, [0, 0, 1, 0, NAN], [0, 0, 0, 1, NAN]),
        ("close", 2, [0, 1, 0, NAN, NAN], [0, 0, 1, NAN, NAN]),
    ],
)
def test_labels_follow_their_definition(label, horizon, up, down):
    config = DataConfig(label=label, horizon_days=horizon, threshold=0.01)
    np.testing.assert_array_equal(label_up(BARS, config), up)
    np.testing.assert_array_equal(label_down(BARS, config), down)


@pytest.mark.parametrize("label", ["high", "close"])
@pytest.mark.parametrize("horizon", [1, 2])
def test_an_outcome_is_what_its_label_is_cut_from(label, horizon):
    config = DataConfig(label=label, horizon_days=horizon, threshold=0.01)
    outcome, up = label_outcome(BARS, config), label_up(BARS, config)
    np.testing.assert_array_equal(np.isnan(outcome), np.isnan(up))
    known = ~np.isnan(up)
    np.testing.assert_array_equal(outcome[known] > 0.01 - 1e-9, up[known])


def test_the_outcome_of_vol_is_a_return_and_volatility_is_of_the_past():
    close = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(60)))
    bars = pd.DataFrame(
        {"close": close, "high": close, "low": close, "date": pd.bdate_range("2020", periods=60)}
    )
    config = DataConfig(label="vol")
    np.testing.assert_allclose(label_outcome(bars, config)[:-1], close[1:] / close[:-1] - 1)
    volatility = trailing_volatility(bars, config)
    assert np.isnan(volatility[:20]).all()
    assert volatility[30] == pytest.approx(np.diff(np.log(close))[10:30].std(ddof=1), rel=0.05)
    bars.loc[40:, "close"] *= 2
    np.testing.assert_array_equal(trailing_volatility(bars, config)[:40], volatility[:40])


@pytest.mark.parametrize("threshold", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("factor", [1.0, 0.7312])
def test_a_price_that_just_touches_its_target_reaches_it(threshold, factor):
    """Whole dollars and cents, as they are and after an adjustment."""
    close = np.repeat(np.arange(1.0, 401.0), 2)
    touched = np.round(close * (1 + threshold), 2)
    high = np.where(np.arange(800) % 2, touched, close)
    bars = pd.DataFrame({"high": high, "low": close, "close": close}) * factor
    bars["date"] = pd.bdate_range("2020-01-01", periods=len(bars))
    up = label_up(bars, DataConfig(threshold=threshold))
    exact = np.isclose(touched, close * (1 + threshold), rtol=1e-12, atol=0)
    assert exact[::2].sum() > 100
    assert (up[::2][exact[::2]] == 1).all()


def test_the_threshold_grows_with_the_root_of_the_horizon(sp500):
    rates = [np.nanmean(label_up(sp500.frame, DataConfig(horizon_days=h))) for h in (1, 3, 5)]
    assert max(rates) - min(rates) < 0.03


@settings(deadline=None, max_examples=20)
@given(
    horizon=st.integers(1, 60),
    n_days=st.integers(1, 80),
    label=st.sampled_from(["high", "close", "vol"]),
)
def test_the_last_rows_without_a_full_horizon_have_no_label(random_frame, horizon, n_days, label):
    frame = random_frame(n_days)
    config = DataConfig(horizon_days=horizon, label=label)
    for labels in (label_up(frame, config), label_down(frame, config)):
        full = max(n_days - horizon, 0)
        first = 20 if label == "vol" else 0
        assert len(labels) == n_days
        assert np.isin(labels[first:full], [0, 1]).all()
        assert np.isnan(labels[full:]).all()


def test_a_label_reads_no_bar_beyond_its_horizon(random_frame):
    frame = random_frame(50)
    config = DataConfig(horizon_days=3)
    changed = frame.copy()
    changed.loc[24:, "high"] *= 2
    assert (label_up(changed, config)[:21] == label_up(frame, config)[:21]).all()
    assert label_up(changed, config)[21] == 1


VOL = {"label": "vol", "horizon_days": 3}


def test_vol_compares_the_close_with_the_volatility_of_the_days_before(random_frame):
    frame = random_frame(120)
    config = DataConfig(**VOL, vol_multiple=0.5)
    up, down = label_up(frame, config), label_down(frame, config)
    close = frame["close"].to_numpy()
    returns = np.diff(np.log(close))
    for day in range(20, 117):
        rise = close[day + 3] / close[day] - 1
        target = 0.5 * np.std(returns[day - 20 : day], ddof=1) * np.sqrt(3)
        assert up[day] == (rise >= target)
        assert down[day] == (rise <= -target)
    assert np.isnan(up[:20]).all()
    assert np.isnan(up[117:]).all()


def test_without_volatility_there_is_no_vol_label(random_frame):
    frame = random_frame(120)
    frame.loc[40:80, "close"] = 50.0
    up = label_up(frame, DataConfig(**VOL))
    assert np.flatnonzero(np.isnan(up[20:117])).tolist() == list(range(40, 61))


def test_the_rise_is_one_volatility_unless_told_otherwise():
    assert DataConfig(**VOL).rise == 1.0
    assert DataConfig(**VOL, vol_multiple=1.5).rise == 1.5
    with pytest.raises(ConfigError, match="threshold is for the labels high and close"):
        parse(DataConfig, {**VOL, "threshold": 0.01})
    with pytest.raises(ConfigError, match="vol_multiple is for the label vol"):
        parse(DataConfig, {"label": "close", "vol_multiple": 1.0})


def test_a_vol_label_reads_no_bar_beyond_its_horizon(random_frame):
    frame = random_frame(80)
    changed = frame.copy()
    changed.loc[50:, "close"] *= 2
    config = DataConfig(**VOL)
    assert (label_up(changed, config)[20:47] == label_up(frame, config)[20:47]).all()
    assert label_up(changed, config)[47] == 1


@settings(deadline=None, max_examples=20)
@given(horizon=st.integers(1, 10), n_days=st.integers(1, 40))
def test_coming_moves_are_those_of_the_days_that_the_label_reads(random_frame, horizon, n_days):
    frame = random_frame(n_days)
    found = coming_moves(frame, DataConfig(horizon_days=horizon))
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    for day in range(n_days):
        following = slice(day + 1, day + 1 + horizon)
        if day + horizon >= n_days:
            assert np.isnan(found[day]).all()
            continue
        moves = [
            np.log(high[following].max() / low[following].min()),
            abs(np.log(close[day + horizon] / close[day])),
        ]
        np.testing.assert_allclose(found[day], np.log(np.maximum(moves, 1e-3)), rtol=1e-6)


def test_without_highs_and_lows_no_range_is_known():
    found = coming_moves(BARS[["date", "close"]], DataConfig())
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:-1, 1]).all()
