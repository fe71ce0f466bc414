"""The catalogue of features, their nested tiers, and the features of a ticker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64

from phase6c.config import Tier
from phase6c.data.indicators import (
    calendar,
    candles,
    dependence,
    moments,
    oscillators,
    position,
    returns,
    terms,
    trend,
    volatility,
    volume,
)
from phase6c.data.indicators.feature import Feature, TickerBars

_FAMILIES = (
    returns,
    volatility,
    candles,
    position,
    trend,
    oscillators,
    terms,
    moments,
    dependence,
    volume,
    calendar,
)

FEATURES: dict[str, Feature] = {
    feature.name: feature for family in _FAMILIES for feature in family.FEATURES
}

_TERM_DAYS = (5, 10, 20, 60)


def _each(pattern: str, days: Iterable[int]) -> tuple[str, ...]:
    return tuple(pattern.format(n) for n in days)


_A20 = (
    *_each("ret_{}", (1, 2, 5, 10, 20, 60)),
    *_each("rv_{}", (5, 20, 60)),
    *("parkinson_10", "natr_14", "range_1"),
    *("dd_252", "rsv_20", "sma_ratio_50"),
    *("rsi_14", "macd_hist_norm", "bb_pctb_20"),
    *("logvol_z_20", "mfi_14"),
)

_A50 = (
    *_A20,
    *("gap_1", "co_ret", "kup2", "klow2", "ksft2", "trange_norm"),
    *("gk_20", "rs_20", "yz_20", "ewma_vol_94", "downside_dev_20"),
    *("vol_ratio_5_60", "vol_of_vol_20", "abs_ret_1"),
    *_each("sma_ratio_{}", (10, 20, 200)),
    *("ema_ratio_12", "adx_14", "plus_di_14", "minus_di_14", "aroonosc_25", "cci_20"),
    *("dd_60", "donchian_pos_55", "days_since_high_60"),
    *("cmf_20", "obv_slope_20", "volume_ratio_5_20", "corr_ret_volume_20"),
)

_A100 = (
    *_A50,
    *(
        name
        for term in ("beta", "rsqr", "resi", "rank", "cntd", "sumd")
        for name in _each(term + "_{}", _TERM_DAYS)
    ),
    *_each("imxd_{}", (20, 60)),
    *("stoch_d_14_3", "willr_14", "ultosc", "trix_15"),
    *("ppo_12_26", "cmo_14", "tsi_25_13", "stochrsi_14"),
    *_each("skew_{}", (20, 60)),
    *_each("kurt_{}", (20, 60)),
    *("semivar_ratio_20", "max_ret_20", "min_ret_20", "bb_width_20"),
    *("amihud_20", "wvma_20", "vsumd_20", "pvo_12_26", "adosc_norm", "logvol_z_60"),
    *("dow_sin", "dow_cos"),
)

_A200 = (
    *_A100,
    *_each("ret_{}", (3, 30, 40, 120, 250)),
    *("ret_20_skip5", "ret_250_skip20"),
    *_each("rv_{}", (10, 30, 120, 250)),
    *_each("parkinson_{}", (5, 20, 60)),
    *("gk_60", "rs_60", "yz_60"),
    *_each("natr_{}", (7, 28)),
    *("bipower_20", "jump_ratio_20", "rv_pctrank_250", "vol_ratio_20_250"),
    *(
        name
        for term in ("qtlu", "qtld", "max", "min", "imax", "imin", "corr", "vma")
        for name in _each(term + "_{}", _TERM_DAYS)
    ),
    *_each("acf1_{}", (20, 60)),
    *("acf1_abs_60", "hurst_120", "variance_ratio_5_60", "entropy_60"),
    *("kama_ratio_10", "hma_ratio_20", "t3_ratio_5", "tema_ratio_20", "vwma_ratio_20"),
    *("supertrend_dist_10_3", "psar_dist", "tenkan_dist_9", "kijun_dist_26", "senkou_a_dist"),
    *("linreg_slope_14", "vortex_diff_14", "dpo_norm_20", "qstick_norm_14", "massi_25"),
    *("choppiness_14", "er_10", "vhf_28"),
    *_each("rsi_{}", (2, 7, 28)),
    *_each("cci_{}", (10, 40)),
    *("mfi_28", "willr_28", "aroonosc_14", "adx_28", "stoch_k_5_3"),
    *("efi_norm_13", "pvt_slope_20", "nvi_slope_60", "vwap_dist_20"),
    *("volume_pctrank_250", "dollar_vol_z_20", "up_volume_share_20"),
    *("doy_sin", "doy_cos", "turn_of_month", "opex_week"),
)

TIERS: dict[Tier, tuple[str, ...]] = {"a20": _A20, "a50": _A50, "a100": _A100, "a200": _A200}


def tier_features(tier: Tier, columns: Iterable[str]) -> tuple[Feature, ...]:
    """The features of a tier that bars with these columns allow, in the panel's order."""
    present = set(columns)
    features = (FEATURES[name] for name in TIERS[tier])
    return tuple(feature for feature in features if present.issuperset(feature.needs))


def logged_features(names: Iterable[str]) -> tuple[str, ...]:
    """Of these features, those whose log may be taken before they are scaled."""
    return tuple(name for name in names if FEATURES[name].log)


def compute_features(
    frame: pd.DataFrame, features: Sequence[Feature]
) -> Float64[np.ndarray, "day feature"]:
    """Features of a ticker; a row reads the bars of that day and of earlier days, no later bar.

    Args:
        frame: Bars of the ticker, a row for each day, with every column that the features need.
        features: Features to compute.

    Returns:
        A column for each feature: NaN before its lookback, finite after it. Where a formula is
        undefined (a range of zero, a day without trade) stands the neutral value.
    """
    bars = TickerBars.of(frame)
    values = np.full((len(frame), len(features)), np.nan)
    for column, feature in zip(values.T, features, strict=True):
        start = feature.lookback_days
        if len(frame) <= start:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            computed = feature.compute(bars)[start:]
        column[start:] = np.where(np.isfinite(computed), computed, feature.neutral)
    return values
