"""Volume, against plain loops over its windows, or TA-Lib where it is not used."""

import numpy as np
import pytest
import talib
from scipy import stats

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.volume import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}
N_COMPARED = 25


def values(frame, name):
    return compute_features(frame, [OF_NAME[name]])[:, 0]


def rolling(function, days):
    """The function of a frame of the last days, for the last days of a longer frame."""

    def last_days(frame):
        ends = range(len(frame) - N_COMPARED + 1, len(frame) + 1)
        return [function(frame[end - days : end]) for end in ends]

    return last_days


def exponential(x, days):
    return x.ewm(span=days, adjust=False).mean()


def typical(f):
    return (f.high + f.low + f.close) / 3


def last_score(x):
    return (x.iloc[-1] - x.mean()) / x.std(ddof=0) if np.isfinite(x.iloc[-1]) else 0.0


def log_volume(f):
    return np.log(f.volume.where(f.volume > 0))


def illiquidity(f):
    impact = np.log(f.close).diff().abs() / (f.close * f.volume.where(f.volume > 0))
    return last_score(np.log(impact.rolling(20, min_periods=1).mean()[20:]))


def return_correlation(f):
    pairs = f.assign(log_return=np.log(f.close).diff(), log_volume=log_volume(f)).dropna()
    return stats.pearsonr(pairs.log_return, pairs.log_volume).statistic


def variation(f):
    move = (f.close.pct_change().abs() * f.volume)[1:]
    return move.std() / move.mean()


def rises_less_falls(f):
    change = f.volume.diff()
    return (change.clip(lower=0).sum() - (-change).clip(lower=0).sum()) / change.abs().sum()


def accumulation(f):
    line = talib.AD(f.high, f.low, f.close, f.volume)
    oscillator = exponential(line, 3) - exponential(line, 10)
    return oscillator / f.volume.rolling(20).mean()


def force(f):
    money = (f.close * f.volume).rolling(13).mean()
    return exponential((f.close.diff() * f.volume)[1:], 13) / money


DEFINITIONS = {
    **{f"logvol_z_{n}": rolling(lambda f: last_score(log_volume(f)), n) for n in (20, 60)},
    **{f"mfi_{n}": lambda f, n=n: talib.MFI(f.high, f.low, f.close, f.volume, n) for n in (14, 28)},
    "dollar_vol_z_20": rolling(lambda f: last_score(np.log(f.close) + log_volume(f)), 20),
    "amihud_20": rolling(illiquidity, 270),
    "volume_ratio_5_20": rolling(lambda f: f.volume[-5:].mean() / f.volume.mean(), 20),
    "volume_pctrank_250": rolling(lambda f: stats.rankdata(f.volume)[-1] / 250, 250),
    "pvo_12_26": lambda f: 100 * (exponential(f.volume, 12) / exponential(f.volume, 26) - 1),
    "vsumd_20": rolling(rises_less_falls, 21),
    "wvma_20": rolling(variation, 21),
    "corr_ret_volume_20": rolling(return_correlation, 21),
    "cmf_20": lambda f: talib.CMF(f.high, f.low, f.close, f.volume, 20),
    "adosc_norm": accumulation,
    "obv_slope_20": lambda f: (
        talib.LINEARREG_SLOPE(talib.OBV(f.close, f.volume), 20) / f.volume.rolling(20).mean()
    ),
    "pvt_slope_20": lambda f: (
        talib.LINEARREG_SLOPE(talib.PVT(f.close, f.volume), 20) / f.volume.rolling(20).mean()
    ),
    "nvi_slope_60": lambda f: np.log(talib.NVI(f.close, f.volume)).diff(60),
    "up_volume_share_20": lambda f: (
        f.volume.where(f.close.diff() > 0, 0).rolling(20).sum() / f.volume.rolling(20).sum()
    ),
    "vwap_dist_20": rolling(
        lambda f: f.close.iloc[-1] / np.average(typical(f), weights=f.volume) - 1, 20
    ),
    "efi_norm_13": force,
}


@pytest.mark.parametrize("name", OF_NAME)
def test_a_feature_is_what_its_definition_says(random_frame, name):
    frame = random_frame(600, 5)
    frame.loc[590, "volume"] = 0.0
    expected = np.asarray(DEFINITIONS[name](frame))[-N_COMPARED:]
    np.testing.assert_allclose(values(frame, name)[-N_COMPARED:], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", OF_NAME)
def test_nothing_depends_on_where_the_bars_begin(random_frame, name):
    frame = random_frame(900)
    later = values(frame[300:].reset_index(drop=True), name)
    np.testing.assert_allclose(values(frame, name)[-50:], later[-50:], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", OF_NAME)
def test_without_trade_no_rounding_error_of_earlier_sums_is_taken_for_it(random_frame, name):
    frame = random_frame(700)
    frame.loc[350:, "volume"] = 0.0
    resting = {"volume_pctrank_250": 251 / 500, "pvo_12_26": -100.0}.get(name)
    expected = OF_NAME[name].neutral if resting is None else resting
    np.testing.assert_allclose(values(frame, name)[-50:], expected)


def test_money_does_not_flow_where_the_typical_price_changes_by_a_rounding_error(random_frame):
    is_odd = np.arange(60) % 2 == 1
    frame = random_frame(60).assign(close=7.3)
    frame["high"], frame["low"] = np.where(is_odd, 7.31, 7.32), np.where(is_odd, 7.29, 7.28)
    assert len({*typical(frame)}) == 2
    assert (values(frame, "mfi_14")[14:] == 50).all()
