"""Dependence between returns, against plain loops and on returns whose dependence is known."""

from collections import Counter
from math import log

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.dependence import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}


def values(close, name):
    dates = pd.date_range("1700-01-01", periods=len(close), unit="s")
    frame = pd.DataFrame({"date": dates, "close": close})
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def autocorrelation(x):
    apart = x - np.mean(x)
    return sum(apart[i] * apart[i - 1] for i in range(1, len(x))) / sum(apart**2)


def variance_ratio(close, lag, days):
    from arch.unitroot import VarianceRatio

    return VarianceRatio(np.log(close[-days - 1 :]), lags=lag).vr


def hurst(close):
    lags = (1, 2, 4, 8, 16)
    deviations = [1.0, *(variance_ratio(close, lag, 120) ** 0.5 * lag**0.5 for lag in lags[1:])]
    return stats.linregress(np.log(lags), np.log(deviations)).slope


def permutation_entropy(returns):
    orders = Counter(tuple(np.argsort(returns[i : i + 3])) for i in range(len(returns) - 2))
    shares = [count / orders.total() for count in orders.values()]
    return -sum(share * log(share) for share in shares) / log(6)


def returns(close, days):
    return np.diff(np.log(close[-days - 1 :]))


DEFINITIONS = {
    "acf1_20": lambda close: autocorrelation(returns(close, 20)),
    "acf1_60": lambda close: autocorrelation(returns(close, 60)),
    "acf1_abs_60": lambda close: autocorrelation(np.abs(returns(close, 60))),
    "hurst_120": hurst,
    "variance_ratio_5_60": lambda close: variance_ratio(close, 5, 60),
    "entropy_60": lambda close: permutation_entropy(returns(close, 60)),
}


def test_every_dependence_has_a_definition_to_agree_with():
    assert set(DEFINITIONS) == set(OF_NAME)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_dependence_agrees_with_its_definition(sp500, name):
    close = sp500.frame["close"].to_numpy()
    found = values(close, name)
    for day in (120, 1234, len(close) - 1):
        assert found[day] == pytest.approx(DEFINITIONS[name](close[: day + 1]), rel=1e-8), day


@pytest.mark.parametrize(
    ("persistence", "acf", "hurst", "variance_ratio"),
    [(0.0, 0.0, 0.5, 1.0), (0.3, 0.3, 0.6, 1.6), (-0.3, -0.3, 0.4, 0.6)],
)
def test_returns_that_continue_or_turn_are_told_from_a_random_walk(
    persistence, acf, hurst, variance_ratio
):
    shocks = np.random.default_rng(0).normal(0, 0.01, 20_000)
    for i in range(1, len(shocks)):
        shocks[i] += persistence * shocks[i - 1]
    close = np.exp(np.cumsum(shocks))
    assert np.nanmean(values(close, "acf1_60")) == pytest.approx(acf, abs=0.04)
    assert np.nanmean(values(close, "hurst_120")) == pytest.approx(hurst, abs=0.04)
    assert np.nanmean(values(close, "variance_ratio_5_60")) == pytest.approx(
        variance_ratio, abs=0.1
    )


@pytest.mark.parametrize("daily_return", [0.0, 0.001])
def test_equal_returns_are_a_random_walk_of_one_order(daily_return):
    close = 12.34 * np.exp(daily_return * np.arange(200))
    last = {name: values(close, name)[-1] for name in OF_NAME}
    assert last.pop("hurst_120") == 0.5
    assert last.pop("variance_ratio_5_60") == 1
    assert set(last.values()) == {0}


def test_returns_that_alternate_have_two_orders_of_three():
    close = np.exp(0.01 * (np.arange(200) % 2))
    assert values(close, "acf1_60")[-1] == pytest.approx(-59 / 60)
    # Up, down, up and down, up, down are equally frequent, and there is no other order.
    assert values(close, "entropy_60")[-1] == pytest.approx(log(2) / log(6))
    assert values(close, "hurst_120")[-1] == 0.5


def test_independent_returns_show_every_order_alike():
    close = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, 3000)))
    assert np.nanmean(values(close, "entropy_60")) > 0.97
