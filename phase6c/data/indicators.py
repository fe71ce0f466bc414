"""The registry of features, their nested tiers, and the features of one ticker."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phase6c.data.features import (
    OSCILLATORS,
    POSITION,
    RETURNS,
    VOLATILITY,
    VOLUME,
    Feature,
    Prices,
)
from phase6c.errors import ConfigError

# Part of the data's identity: raise it whenever a feature's values change.
FEATURE_CODE_VERSION = 1

FEATURES: dict[str, Feature] = {
    feature.name: feature
    for family in (RETURNS, VOLATILITY, POSITION, OSCILLATORS, VOLUME)
    for feature in family
}

TIERS: dict[str, tuple[str, ...]] = {
    "a20": (
        *(f"ret_{n}" for n in (1, 2, 5, 10, 20, 60)),
        *(f"rv_{n}" for n in (5, 20, 60)),
        *("parkinson_10", "natr_14", "range_1"),
        *("dd_252", "rsv_20", "sma_ratio_50"),
        *("rsi_14", "macd_hist_norm", "bb_pctb_20"),
        *("logvol_z_20", "mfi_14"),
    ),
}


def tier_features(tier: str) -> tuple[Feature, ...]:
    """The features of a tier, in the order of the panel's columns.

    Raises:
        ConfigError: The tier is not available yet.
    """
    if tier not in TIERS:
        raise ConfigError(f"Tier {tier} is not available yet", None, f"Use {', '.join(TIERS)}.")
    return tuple(FEATURES[name] for name in TIERS[tier])


def compute_features(frame: pd.DataFrame, tier: str) -> np.ndarray:
    """The features of one ticker; a row reads that day's bar and earlier ones, no later one.

    Args:
        frame: One ticker's bars, one row a day.
        tier: The name of the tier.

    Returns:
        float64[day, feature]: NaN before the feature's lookback, finite after it. Where a
        formula is undefined (a range of zero, a day without trade) stands the neutral value.
    """
    prices = Prices.of(frame)
    features = tier_features(tier)
    values = np.full((len(frame), len(features)), np.nan)
    for column, feature in zip(values.T, features, strict=True):
        start = feature.lookback_days
        if len(frame) <= start:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            computed = feature.compute(prices)[start:]
        column[start:] = np.where(np.isfinite(computed), computed, feature.neutral)
    return values
