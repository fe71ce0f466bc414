"""Oscillators, against definitions written out in pandas, or TA-Lib where it is not used."""

import numpy as np
import pytest
import talib

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.oscillators import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}
PRICES = ["open", "high", "low", "close"]
MIDDLES = (
    *((f"rsi_{n}", 50.0) for n in (2, 7, 14, 28)),
    *((name, 50.0) for name in ("stoch_d_14_3", "stoch_k_5_3", "ultosc", "stochrsi_14")),
    *((name, -50.0) for name in ("willr_14", "willr_28")),
    ("bb_pctb_20", 0.5),
)


def values(frame, name):
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def exponential(x, days):
    return x.ewm(span=days, adjust=False).mean()


def macd(x):
    line = exponential(x, 12) - exponential(x, 26)
    return line - exponential(line, 9)


def triple(x, days):
    return exponential(exponential(exponential(x, days), days), days)


def true_strength(x):
    change = x.diff().fillna(0)
    size = exponential(exponential(change.abs(), 25), 13)
    return 100 * exponential(exponential(change, 25), 13) / size


def channel_index(f, days):
    typical = (f.high + f.low + f.close) / 3
    window = typical.rolling(days)
    apart = window.apply(lambda w: np.abs(w - w.mean()).mean(), raw=True)
    return (typical - window.mean()) / (0.015 * apart)


DEFINITIONS = {
    **{f"rsi_{n}": lambda f, n=n: talib.RSI(f.close, n) for n in (2, 7, 14, 28)},
    "macd_hist_norm": lambda f: macd(f.close) / f.close,
    "bb_pctb_20": lambda f: (
        (f.close - f.close.rolling(20).mean() + 2 * f.close.rolling(20).std(ddof=0))
        / (4 * f.close.rolling(20).std(ddof=0))
    ),
    "stoch_d_14_3": lambda f: talib.STOCH(f.high, f.low, f.close, 14, 3, 0, 3, 0)[1],
    "stoch_k_5_3": lambda f: talib.STOCH(f.high, f.low, f.close, 5, 3, 0, 3, 0)[0],
    **{f"willr_{n}": lambda f, n=n: talib.WILLR(f.high, f.low, f.close, n) for n in (14, 28)},
    "ultosc": lambda f: talib.ULTOSC(f.high, f.low, f.close, 7, 14, 28),
    "trix_15": lambda f: 100 * triple(f.close, 15).pct_change(),
    "ppo_12_26": lambda f: 100 * (exponential(f.close, 12) / exponential(f.close, 26) - 1),
    "cmo_14": lambda f: (
        100 * f.close.diff().rolling(14).sum() / f.close.diff().abs().rolling(14).sum()
    ),
    "tsi_25_13": lambda f: true_strength(f.close),
    "stochrsi_14": lambda f: talib.STOCHRSI(f.close, 14, 14, 3, 0)[0],
    **{f"cci_{n}": lambda f, n=n: channel_index(f, n) for n in (10, 20, 40)},
}


@pytest.mark.parametrize("name", OF_NAME)
def test_a_feature_is_what_its_definition_says(random_frame, name):
    """Long after the start, from where on recursions with another first value agree."""
    frame = random_frame(600, 5)
    expected = np.asarray(DEFINITIONS[name](frame))
    np.testing.assert_allclose(values(frame, name)[-60:], expected[-60:], rtol=1e-6, atol=1e-8)


def test_prices_that_stand_still_are_in_the_middle_not_at_an_end(random_frame):
    frame = random_frame(200).assign(**dict.fromkeys(PRICES, 12.34))
    resting = {name: values(frame, name)[-1] for name in OF_NAME}
    assert resting == pytest.approx(dict.fromkeys(OF_NAME, 0.0) | dict(MIDDLES), abs=1e-12)


def test_strength_keeps_its_value_while_prices_rest_and_has_no_range_there(random_frame):
    frame = random_frame(300)
    frame.loc[100:, PRICES] = frame.loc[100, "close"]
    strength = values(frame, "rsi_14")
    np.testing.assert_allclose(strength[100:], strength[100])
    assert (values(frame, "stochrsi_14")[113:] == 50).all()


def test_chande_s_momentum_is_not_the_strength_index_again(random_frame):
    frame = random_frame(600)
    strength = values(frame, "rsi_14")[28:]
    assert np.corrcoef(values(frame, "cmo_14")[28:], strength)[0, 1] < 0.98
