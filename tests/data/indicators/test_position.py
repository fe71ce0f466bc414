"""The close within its last days, against TA-Lib and plain loops."""

import numpy as np
import pytest
import talib

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.position import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}


def values(frame, name):
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def with_closes(frame, closes):
    return frame.assign(**dict.fromkeys(("open", "high", "low", "close"), closes))


@pytest.mark.parametrize(("name", "days"), [("dd_60", 60), ("dd_252", 252)])
def test_drawdown_is_the_close_over_its_highest_less_one(random_frame, name, days):
    frame = random_frame(400)
    close = frame["close"]
    found = values(frame, name)
    for t in range(days - 1, 400):
        assert found[t] == pytest.approx(close[t] / max(close[t - days + 1 : t + 1]) - 1)


@pytest.mark.parametrize(("name", "days"), [("rsv_20", 20), ("donchian_pos_55", 55)])
def test_the_position_in_the_range_is_talibs_raw_stochastic(random_frame, name, days):
    frame = random_frame(300)
    prices = (frame[column].to_numpy() for column in ("high", "low", "close"))
    expected = talib.STOCHF(*prices, fastk_period=days, fastd_period=1)[0] / 100
    np.testing.assert_allclose(values(frame, name), expected, rtol=1e-9, atol=1e-12)


def test_days_since_the_high_count_back_to_the_latest_of_equal_closes(random_frame):
    frame = random_frame(200, seed=4)
    frame["close"] = frame["close"].round(0)
    found = values(frame, "days_since_high_60")
    for t in range(59, 200):
        closes = list(frame["close"][t - 59 : t + 1])[::-1]
        assert found[t] == closes.index(max(closes)) / 60


@pytest.mark.parametrize("noise", [0.0, 1e-15])
def test_days_that_are_all_equal_are_in_the_middle_and_at_their_high(random_frame, noise):
    frame = random_frame(300)
    closes = 12.34 * (1 + noise * np.random.default_rng(0).standard_normal(300))
    flat = with_closes(frame, closes)
    assert values(flat, "rsv_20")[-1] == values(flat, "donchian_pos_55")[-1] == 0.5
    assert values(flat, "dd_252")[-1] == pytest.approx(0, abs=1e-12)
    if noise == 0:
        assert values(flat, "days_since_high_60")[-1] == 0
