"""What all tickers of a day tell of each of them: the day's market as features, and ranks.

Everything here reads the rows of a single day at a time, so that nothing knows a later day. A
ticker counts from the first day on that has the feature and to its last bar; it is not missed
before or after. On a day of a single ticker the mean is its own value, and spread and rank are 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int64, Shaped

from phase6c.config import DataConfig
from phase6c.errors import DataError

# Returns of a day and of a month, how far a day ranges and a month moves, and how much is traded.
MARKET_SOURCES = ("ret_1", "ret_20", "range_1", "rv_20", "logvol_z_20")
MEAN, SPREAD, RANK = "market_mean_", "market_spread_", "market_rank_"
MIN_TICKERS = 2


def is_cross_sectional(config: DataConfig) -> bool:
    """Whether what is known of a ticker's day depends on the other tickers' bars."""
    return config.market == "on" or config.scaling == "cross_section"


def check_several_tickers(config: DataConfig, n_tickers: int) -> None:
    """Refuses bars of a single ticker where the market of the day is asked for.

    Raises:
        DataError: There is a single ticker.
    """
    if is_cross_sectional(config) and n_tickers < MIN_TICKERS:
        asked = "market=on" if config.market == "on" else "scaling=cross_section"
        raise DataError(
            f"{asked} compares the tickers of a day, and needs {MIN_TICKERS} at least",
            n_tickers,
            "Add tickers, or leave it out.",
        )


def is_market_feature(name: str) -> bool:
    """Whether a column of a panel is one of the day's market."""
    return name.startswith((MEAN, SPREAD, RANK))


def cross_sectional(
    panel: Float32[np.ndarray, "row feature"],
    names: Sequence[str],
    dates: Shaped[np.ndarray, " row"],
    config: DataConfig,
) -> tuple[Float32[np.ndarray, "row wider"], tuple[str, ...]]:
    """A panel with the market of each day as `config` asks for it; else the panel itself.

    Args:
        panel: Features as they were computed ticker by ticker, NaN before their lookback.
        names: Names of its columns.
        dates: Date of each row, datetime64[D].
        config: Whether there are market columns, and whether features become ranks.

    Returns:
        The panel, and the names of its columns. With `scaling=cross_section` each feature is its
        rank within the day, from -1 for the lowest to 1 for the highest (Gu, Kelly and Xiu, 2020,
        section 2.1). With `market=on` three columns follow for each of `MARKET_SOURCES` that is
        there: the mean over the day's tickers, their standard deviation, and the rank.
    """
    if not is_cross_sectional(config):
        return panel, tuple(names)
    days = np.unique(dates, return_inverse=True)[1]
    sources = [name for name in MARKET_SOURCES if name in names and config.market == "on"]
    wider = np.empty((len(panel), len(names) + 3 * len(sources)), dtype=np.float32)
    wider[:, : len(names)] = panel
    if config.scaling == "cross_section":
        for place in range(len(names)):
            wider[:, place] = _ranks(panel[:, place], days)
    for place, name in enumerate(sources):
        values = panel[:, names.index(name)]
        first = len(names) + 3 * place
        wider[:, first], wider[:, first + 1] = _moments(values, days)
        wider[:, first + 2] = _ranks(values, days)
    added = (kind + name for name in sources for kind in (MEAN, SPREAD, RANK))
    return wider, (*names, *added)


def _moments(
    values: Float32[np.ndarray, " row"], days: Int64[np.ndarray, " row"]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the day's tickers; NaN where the row has no value."""
    known = ~np.isnan(values)
    exact = np.where(known, values, 0.0).astype(np.float64)
    number = np.maximum(np.bincount(days, known), 1)
    mean = np.bincount(days, exact) / number
    # Deviations from the mean first: squares of like values lose all their digits.
    off = np.where(known, exact - mean[days], 0.0)
    spread = np.sqrt(np.bincount(days, off**2) / number)
    missing = np.where(known, 0.0, np.nan)
    return mean[days] + missing, spread[days] + missing


def _ranks(values: Float32[np.ndarray, " row"], days: Int64[np.ndarray, " row"]) -> np.ndarray:
    """Ranks within the day from -1 to 1, equal values sharing theirs; 0 for a day's only ticker."""
    by_day = pd.Series(values).groupby(days)
    rank, number = by_day.rank().to_numpy(), by_day.transform("count").to_numpy()
    ranks: np.ndarray = np.where(
        number > 1, 2 * (rank - 1) / np.maximum(number - 1, 1) - 1, 0 * rank
    )
    return ranks
