"""Trend, against definitions written out in pandas and loops, or TA-Lib where it is not used."""

import numpy as np
import pandas as pd
import pytest
import talib

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.trend import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}
PRICES = ["open", "high", "low", "close"]


def values(frame, name):
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def exponential(x, days):
    return x.ewm(span=days, adjust=False).mean()


def weighted(x, days):
    weights = np.arange(1, days + 1)
    return x.rolling(days).apply(lambda w: w @ weights / weights.sum(), raw=True)


def hull(x, days):
    return weighted(2 * weighted(x, days // 2) - weighted(x, days), int(days**0.5))


def tillson(x, days, factor=0.7):
    for _ in range(3):
        once = exponential(x, days)
        x = (1 + factor) * once - factor * exponential(once, days)
    return x


def triple(x, days):
    once = exponential(x, days)
    twice = exponential(once, days)
    return 3 * once - 3 * twice + exponential(twice, days)


def kaufman(x, days):
    efficiency = (x - x.shift(days)).abs() / x.diff().abs().rolling(days).sum()
    pace = (efficiency * (2 / 3 - 2 / 31) + 2 / 31) ** 2
    line = x.copy()
    for i in range(days, len(x)):
        line[i] = line[i - 1] + pace[i] * (x[i] - line[i - 1])
    return line


def middle(f, days):
    return (f.high.rolling(days).max() + f.low.rolling(days).min()) / 2


def true_range(f):
    before = f.close.shift(1)
    return pd.concat([f.high, before], axis=1).max(axis=1) - pd.concat([f.low, before], axis=1).min(
        axis=1
    )


def supertrend(f, days=10, width=3):
    """The lower band while the close stays above it, else the upper; bands only tighten."""
    spread = width * true_range(f).ewm(alpha=1 / days, adjust=False).mean()
    centre = (f.high + f.low) / 2
    upper, lower = centre + spread, centre - spread
    line, is_up = lower.copy(), True
    for i in range(1, len(f)):
        if f.close[i - 1] <= upper[i - 1]:
            upper[i] = min(upper[i], upper[i - 1])
        if f.close[i - 1] >= lower[i - 1]:
            lower[i] = max(lower[i], lower[i - 1])
        is_up = f.close[i] >= lower[i] if is_up else f.close[i] > upper[i]
        line[i] = lower[i] if is_up else upper[i]
    return line


def parabolic(f, step=0.02, most=0.2):
    """Wilder's stop for the day: it follows the extreme faster with each new one."""
    is_up, stop, extreme, pace = True, f.low[0], f.high[1], step
    line = []
    for i in range(1, len(f)):
        best, worst = (f.high, f.low) if is_up else (f.low, f.high)
        sign = 1 if is_up else -1
        if sign * (worst[i] - stop) <= 0:
            is_up, stop, extreme, pace = not is_up, extreme, worst[i], step
            clamp = max if sign > 0 else min
            stop = clamp(stop, best[i - 1], best[i])
            line.append(stop)
            sign, best, worst = -sign, worst, best
        else:
            line.append(stop)
            if sign * (best[i] - extreme) > 0:
                extreme, pace = best[i], min(pace + step, most)
        stop += pace * (extreme - stop)
        clamp = min if sign > 0 else max
        stop = clamp(stop, worst[i - 1], worst[i])
    return np.array([np.nan, *line])


LINES = {
    **{f"sma_ratio_{n}": lambda f, n=n: f.close.rolling(n).mean() for n in (10, 20, 50, 200)},
    "ema_ratio_12": lambda f: exponential(f.close, 12),
    "kama_ratio_10": lambda f: kaufman(f.close, 10),
    "hma_ratio_20": lambda f: hull(f.close, 20),
    "t3_ratio_5": lambda f: tillson(f.close, 5),
    "tema_ratio_20": lambda f: triple(f.close, 20),
    "vwma_ratio_20": lambda f: (f.close * f.volume).rolling(20).sum() / f.volume.rolling(20).sum(),
    "supertrend_dist_10_3": supertrend,
    "psar_dist": parabolic,
    "tenkan_dist_9": lambda f: middle(f, 9),
    "kijun_dist_26": lambda f: middle(f, 26),
    "senkou_a_dist": lambda f: (middle(f, 9) + middle(f, 26)) / 2,
}


def aroon(f, days):
    high_at = f.high.rolling(days + 1).apply(lambda w: days - w[::-1].argmax(), raw=True)
    low_at = f.low.rolling(days + 1).apply(lambda w: days - w[::-1].argmin(), raw=True)
    return 100 * (high_at - low_at) / days


def vortex(f, days):
    rising, falling = (f.high - f.low.shift(1)).abs(), (f.low - f.high.shift(1)).abs()
    return (rising - falling).rolling(days).sum() / true_range(f).rolling(days).sum()


def mass(f):
    once = exponential(f.high - f.low, 9)
    return (once / exponential(once, 9)).rolling(25).sum()


def choppiness(f, days):
    span = f.high.rolling(days).max() - f.low.rolling(days).min()
    return 100 * np.log(true_range(f).rolling(days).sum() / span) / np.log(days)


OTHERS = {
    **{f"adx_{n}": lambda f, n=n: talib.ADX(f.high, f.low, f.close, n) for n in (14, 28)},
    "plus_di_14": lambda f: talib.PLUS_DI(f.high, f.low, f.close, 14),
    "minus_di_14": lambda f: talib.MINUS_DI(f.high, f.low, f.close, 14),
    **{f"aroonosc_{n}": lambda f, n=n: aroon(f, n) for n in (14, 25)},
    "linreg_slope_14": lambda f: (
        f.close.rolling(14).apply(lambda w: np.polyfit(np.arange(14), w, 1)[0], raw=True) / f.close
    ),
    "vortex_diff_14": lambda f: vortex(f, 14),
    "dpo_norm_20": lambda f: (f.close.shift(11) - f.close.rolling(20).mean()) / f.close,
    "qstick_norm_14": lambda f: (f.close - f.open).rolling(14).mean() / f.close,
    "massi_25": mass,
    "choppiness_14": lambda f: choppiness(f, 14),
    "er_10": lambda f: talib.ER(f.close, 10),
    "vhf_28": lambda f: (
        (f.close.rolling(28).max() - f.close.rolling(28).min())
        / f.close.diff().abs().rolling(28).sum()
    ),
}
DEFINITIONS = {
    **{name: lambda f, line=line: f.close / line(f) - 1 for name, line in LINES.items()},
    **OTHERS,
}

NEUTRAL = {"massi_25": 25.0, "choppiness_14": 50.0}


@pytest.mark.parametrize("name", OF_NAME)
def test_a_feature_is_what_its_definition_says(random_frame, name):
    """Long after the start, from where on recursions with another first value agree."""
    frame = random_frame(600, 5)
    expected = np.asarray(DEFINITIONS[name](frame))
    np.testing.assert_allclose(values(frame, name)[-60:], expected[-60:], rtol=1e-6, atol=1e-8)


def test_prices_that_stand_still_are_on_every_line_and_trend_nowhere(random_frame):
    frame = random_frame(300).assign(**dict.fromkeys(PRICES, 12.34))
    resting = {name: values(frame, name)[-1] for name in OF_NAME}
    assert resting == pytest.approx(dict.fromkeys(OF_NAME, 0.0) | NEUTRAL, abs=1e-12)


def test_no_rounding_error_of_earlier_volumes_is_taken_for_trade(random_frame):
    frame = random_frame(300)
    frame.loc[200:, "volume"] = 0.0
    assert (values(frame, "vwma_ratio_20")[219:] == 0).all()


@pytest.mark.parametrize("by", [0.01, 1.0, 3.3])
@pytest.mark.parametrize("name", ["plus_di_14", "minus_di_14", "adx_14"])
def test_a_range_that_widens_evenly_has_no_direction(random_frame, name, by):
    """The steps of both sides are equal but for the rounding errors of decimal prices."""
    frame, steps = random_frame(100), 0.1 * np.arange(100)
    frame = frame.assign(high=by * (20.3 + steps), low=by * (20.1 - steps), close=by * 20.2)
    assert (values(frame, name)[-50:] == 0).all()
