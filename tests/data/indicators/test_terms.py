"""The terms of Alpha158, against their definitions on each window by itself."""

import numpy as np
import pytest
from scipy import stats

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.terms import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}
PRICES = ("open", "high", "low", "close")


def values(frame, name):
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def line(window):
    return stats.linregress(np.arange(len(window)), window["close"])


def last_residual(window):
    fit = line(window)
    return window["close"].iloc[-1] - fit.intercept - fit.slope * (len(window) - 1)


def changes(window):
    return np.diff(window["close"])


def rises(window):
    return sum(change for change in changes(window) if change > 0)


def falls(window):
    return sum(-change for change in changes(window) if change < 0)


def days_since(prices, extreme):
    latest_first = list(prices)[::-1]
    return latest_first.index(extreme(latest_first))


def correlation_of_traded(window):
    traded = window[window["volume"] > 0]
    return np.corrcoef(traded["close"], np.log(traded["volume"]))[0, 1]


def by_close(price):
    return lambda window: price(window) / window["close"].iloc[-1]


def by_days(count):
    return lambda window: count(window) / len(window)


# The term of one window, whose last row is the day itself.
OF_LEVELS = {
    "beta": by_close(lambda window: line(window).slope),
    "rsqr": lambda window: line(window).rvalue ** 2,
    "resi": by_close(last_residual),
    "rank": lambda window: window["close"].rank(pct=True).iloc[-1],
    "qtlu": by_close(lambda window: np.quantile(window["close"], 0.8)),
    "qtld": by_close(lambda window: np.quantile(window["close"], 0.2)),
    "max": by_close(lambda window: window["high"].max()),
    "min": by_close(lambda window: window["low"].min()),
    "imax": by_days(lambda window: days_since(window["high"], max)),
    "imin": by_days(lambda window: days_since(window["low"], min)),
    "imxd": by_days(
        lambda window: days_since(window["high"], max) - days_since(window["low"], min)
    ),
    "corr": correlation_of_traded,
    "vma": lambda window: window["volume"].iloc[-1] / window["volume"].mean(),
}
# The same of one window and the row before it.
OF_CHANGES = {
    "cntd": lambda window: np.mean(changes(window) > 0) - np.mean(changes(window) < 0),
    "sumd": lambda window: (rises(window) - falls(window)) / (rises(window) + falls(window)),
}


@pytest.mark.parametrize("name", OF_NAME)
def test_a_term_is_what_its_definition_says_of_each_window(random_frame, name):
    term, days = name.split("_")
    define = (OF_LEVELS | OF_CHANGES)[term]
    n_rows = int(days) + (term in OF_CHANGES)
    frame = random_frame(160, seed=5)
    found = values(frame, name)
    for end in range(n_rows, 161, 3):
        expected = define(frame[end - n_rows : end])
        assert found[end - 1] == pytest.approx(expected, rel=1e-7, abs=1e-10), end


def test_of_equal_extremes_the_latest_counts_and_equal_closes_share_their_rank(random_frame):
    frame = random_frame(30)
    frame.loc[25:, "high"] = [9.0, 8.0, 9.0, 7.0, 8.0]
    frame.loc[25:, "low"] = [1.0, 2.0, 1.0, 1.0, 2.0]
    frame.loc[25:, "close"] = [5.0, 3.0, 4.0, 6.0, 5.0]
    assert values(frame, "imax_5")[-1] == pytest.approx(2 / 5)
    assert values(frame, "imin_5")[-1] == pytest.approx(1 / 5)
    assert values(frame, "rank_5")[-1] == pytest.approx((3 + 4) / 2 / 5)


@pytest.mark.parametrize("noise", [0.0, 1e-15])
def test_equal_days_have_no_trend_no_net_change_and_no_correlation(random_frame, noise):
    frame = random_frame(100)
    closes = 12.34 * (1 + noise * np.random.default_rng(0).standard_normal(100))
    flat = frame.assign(**dict.fromkeys(PRICES, closes))
    for term in ("beta", "rsqr", "resi", "sumd", "corr"):
        for days in (5, 10, 20, 60):
            assert values(flat, f"{term}_{days}")[-1] == pytest.approx(0, abs=1e-12)
    for term in ("qtlu", "qtld", "max", "min"):
        assert values(flat, f"{term}_20")[-1] == pytest.approx(1)


def test_a_close_that_only_rises_is_the_extreme_of_every_term(random_frame):
    frame = random_frame(100)
    rising = frame.assign(**dict.fromkeys(PRICES, np.linspace(10, 20, 100)))
    expected = {"rsqr": 1, "resi": 0, "rank": 1, "cntd": 1, "sumd": 1, "imax": 0, "imin": 0.95}
    found = {term: values(rising, f"{term}_20")[-1] for term in expected}
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_day_without_trade_has_volume_zero_and_days_without_any_have_the_mean(random_frame):
    frame = random_frame(100).assign(volume=100.0)
    frame.loc[80, "volume"] = 0.0
    frame.loc[90:, "volume"] = 0.0
    found = values(frame, "vma_5")
    assert found[80] == 0
    assert found[81] == pytest.approx(100 / 80)
    assert found[99] == 1
    assert values(frame, "corr_5")[99] == 0
