"""The moments of returns, against SciPy, TA-Lib and plain sums."""

import numpy as np
import pandas as pd
import pytest
import talib
from scipy import stats

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.moments import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}


def values(close, name):
    dates = pd.bdate_range("2001-01-01", periods=len(close))
    frame = pd.DataFrame({"date": dates, "close": close})
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def returns(close, days):
    return [np.log(close[i] / close[i - 1]) for i in range(len(close) - days, len(close))]


def share_of_falls(close):
    falling = sum(x * x for x in returns(close, 20) if x < 0)
    return falling / sum(x * x for x in returns(close, 20))


def band_width(close):
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    return ((upper - lower) / middle)[-1]


DEFINITIONS = {
    "skew_20": lambda close: stats.skew(returns(close, 20)),
    "skew_60": lambda close: stats.skew(returns(close, 60)),
    "kurt_20": lambda close: stats.kurtosis(returns(close, 20)),
    "kurt_60": lambda close: stats.kurtosis(returns(close, 60)),
    "semivar_ratio_20": share_of_falls,
    "max_ret_20": lambda close: max(returns(close, 20)),
    "min_ret_20": lambda close: min(returns(close, 20)),
    "bb_width_20": band_width,
}


def test_every_moment_has_a_definition_to_agree_with():
    assert set(DEFINITIONS) == set(OF_NAME)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_moment_agrees_with_its_definition(sp500, name):
    close = sp500.frame["close"].to_numpy()
    found = values(close, name)
    for day in (60, 1234, len(close) - 1):
        assert found[day] == pytest.approx(DEFINITIONS[name](close[: day + 1]), rel=1e-8), day


@pytest.mark.parametrize("daily_return", [0.0, 0.001])
def test_equal_returns_have_no_shape(daily_return):
    close = 12.34 * np.exp(daily_return * np.arange(100))
    for name in ("skew_20", "skew_60", "kurt_20", "kurt_60"):
        assert values(close, name)[-1] == 0, name


def test_days_without_change_fall_as_much_as_they_rise():
    assert values(np.full(100, 12.34), "semivar_ratio_20")[-1] == 0.5


def test_one_rise_among_flat_days_is_all_of_their_skewness():
    close = np.where(np.arange(100) < 90, 10.0, 11.0)
    # 19 equal values and one apart: (n - 2) / sqrt(n - 1).
    assert values(close, "skew_20")[-1] == pytest.approx(18 / np.sqrt(19))
    assert values(close, "semivar_ratio_20")[-1] == 0
    assert values(close[::-1], "semivar_ratio_20")[-1] == 0.5
    assert values(close[::-1], "semivar_ratio_20")[20] == 1
