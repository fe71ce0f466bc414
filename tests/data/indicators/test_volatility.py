"""Volatilities, against their definitions day by day, and on bars whose volatility is known."""

from itertools import pairwise
from math import log, pi, sqrt
from statistics import fmean, stdev, variance

import numpy as np
import pandas as pd
import pytest
import talib

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.volatility import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}
PRICES = ["open", "high", "low", "close"]


def values(frame, name):
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def of_closes(close):
    """Bars with these closes, and the previous close as the open."""
    open_ = np.append(close[0], close[:-1])
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    dates = pd.bdate_range("2001-01-01", periods=len(close))
    return pd.DataFrame({"date": dates, "open": open_, "high": high, "low": low, "close": close})


def returns(bars, days):
    closes = list(bars["close"])[-days - 1 :]
    return [log(now / before) for before, now in pairwise(closes)]


def candles(bars, days):
    return list(bars[PRICES].tail(days).itertuples(index=False))


def rv(bars, days):
    return stdev(returns(bars, days))


def parkinson(bars, days):
    ranges = [log(day.high / day.low) for day in candles(bars, days)]
    return sqrt(sum(x * x for x in ranges) / (4 * days * log(2)))


def gk(bars, days):
    terms = [
        0.5 * log(day.high / day.low) ** 2 - (2 * log(2) - 1) * log(day.close / day.open) ** 2
        for day in candles(bars, days)
    ]
    return sqrt(fmean(terms))


def rs(bars, days):
    terms = []
    for day in candles(bars, days):
        up, down, body = (log(x / day.open) for x in (day.high, day.low, day.close))
        terms.append(up * (up - body) + down * (down - body))
    return sqrt(fmean(terms))


def yz(bars, days):
    known = candles(bars, days + 1)
    nights = [log(now.open / last.close) for last, now in pairwise(known)]
    bodies = [log(day.close / day.open) for day in known[1:]]
    k = 0.34 / (1.34 + (days + 1) / (days - 1))
    return sqrt(variance(nights) + k * variance(bodies) + (1 - k) * rs(bars, days) ** 2)


def natr(bars, days):
    """Wilder's average of the true range, from the first bar on."""
    ranges = talib.TRANGE(*(bars[name].to_numpy() for name in ("high", "low", "close")))[1:]
    average = fmean(ranges[:days])
    for value in ranges[days:]:
        average += (value - average) / days
    return 100 * average / bars["close"].iloc[-1]


def downside_dev(bars, days):
    return sqrt(sum(x * x for x in returns(bars, days) if x < 0) / days)


def bipower(bars, days):
    sizes = [abs(x) for x in returns(bars, days)]
    products = [one * other for one, other in pairwise(sizes)]
    return sqrt(pi / 2 * fmean(products))


def jump_ratio(bars, days):
    squares = [x * x for x in returns(bars, days)]
    return max(0.0, 1 - bipower(bars, days) ** 2 / fmean(squares))


def ewma(bars):
    recent = returns(bars, 74)
    weights = [0.94**age for age in range(len(recent))]
    squares = [weight * x * x for weight, x in zip(weights, reversed(recent), strict=True)]
    return sqrt(sum(squares) / sum(weights))


def past_rv(bars, inner, days):
    return [rv(bars[: len(bars) - ago], inner) for ago in range(days)]


def vol_of_vol(bars):
    past = past_rv(bars, 5, 20)
    return stdev(past) / fmean(past)


def rv_rank(bars):
    past = past_rv(bars, 20, 250)
    return sum(x <= past[0] for x in past) / 250


OVER_DAYS = {
    rv: (5, 10, 20, 30, 60, 120, 250),
    parkinson: (5, 10, 20, 60),
    gk: (20, 60),
    rs: (20, 60),
    yz: (20, 60),
    natr: (7, 14, 28),
    downside_dev: (20,),
    bipower: (20,),
    jump_ratio: (20,),
}
DEFINITIONS = {
    f"{formula.__name__}_{n}": lambda bars, formula=formula, n=n: formula(bars, n)
    for formula, windows in OVER_DAYS.items()
    for n in windows
} | {
    "abs_ret_1": lambda bars: abs(returns(bars, 1)[0]),
    "range_1": lambda bars: log(bars["high"].iloc[-1] / bars["low"].iloc[-1]),
    "ewma_vol_94": ewma,
    "vol_ratio_5_60": lambda bars: rv(bars, 5) / rv(bars, 60),
    "vol_ratio_20_250": lambda bars: rv(bars, 20) / rv(bars, 250),
    "vol_of_vol_20": vol_of_vol,
    "rv_pctrank_250": rv_rank,
}


def test_every_volatility_has_a_definition_to_agree_with():
    assert set(DEFINITIONS) == set(OF_NAME)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_volatility_agrees_with_its_definition(sp500, name):
    bars = sp500.frame[:1200]
    found = values(bars, name)
    for day in (300, 777, 1199):
        assert found[day] == pytest.approx(DEFINITIONS[name](bars[: day + 1]), rel=1e-9), day


def test_the_estimators_agree_on_a_random_walk_without_nights():
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.normal(0, 0.01 / sqrt(1000), (2000, 1000)).ravel()).reshape(2000, 1000)
    frame = of_closes(np.exp(path[:, -1]))
    frame["high"] = np.exp(np.maximum(path.max(axis=1), np.log(frame["open"])))
    frame["low"] = np.exp(np.minimum(path.min(axis=1), np.log(frame["open"])))
    for name in ("rv_60", "parkinson_60", "gk_60", "rs_60", "yz_60", "ewma_vol_94", "bipower_20"):
        assert np.nanmean(values(frame, name)) == pytest.approx(0.01, rel=0.05), name


def test_steady_growth_has_no_volatility_and_its_rounding_errors_are_not_compared():
    steady = of_closes(10 * 1.001 ** np.arange(400))
    for name in ("rv_5", "rv_250", "vol_of_vol_20", "downside_dev_20"):
        assert values(steady, name)[-1] == 0, name
    assert values(steady, "vol_ratio_5_60")[-1] == values(steady, "vol_ratio_20_250")[-1] == 1
    # All equal: the middle of 1/250 to 1.
    assert values(steady, "rv_pctrank_250")[-1] == pytest.approx(0.502)


def test_flat_days_have_no_volatility_and_no_jumps():
    flat = of_closes(np.full(400, 12.34))
    for name in OF_NAME.keys() - {"vol_ratio_5_60", "vol_ratio_20_250", "rv_pctrank_250"}:
        assert values(flat, name)[-1] == 0, name


def test_volatilities_of_the_same_returns_in_another_order_tie():
    close = np.where(np.arange(400) % 50 < 25, 10.0, 12.34)
    ranks = values(of_closes(close), "rv_pctrank_250")[269:]
    assert set(np.round(ranks * 500)) == {51, 301}  # 50 days in 250 hold no change, 200 hold one


def test_one_jump_between_calm_days_is_the_variance_of_its_days():
    calm = 0.001 * np.where(np.arange(100) % 2, 1, -1)
    calm[90] = 0.2
    frame = of_closes(np.exp(np.cumsum(calm)))
    assert values(frame, "jump_ratio_20")[-1] > 0.95
    assert values(frame, "jump_ratio_20")[85] == 0


def test_the_exponential_volatility_forgets_what_is_older_than_its_days(sp500):
    whole = values(sp500.frame, "ewma_vol_94")
    assert values(sp500.frame[-75:], "ewma_vol_94")[-1] == pytest.approx(whole[-1], rel=1e-12)
    squares = np.log(sp500.frame["close"]).diff() ** 2
    endless = np.sqrt(squares.ewm(alpha=0.06).mean())
    np.testing.assert_allclose(whole[74:], endless[74:], rtol=0.05)
