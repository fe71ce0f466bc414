"""Bars that every data test can use: the real ones, and random ones of any length."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from phase6c.data.bars import Bars, load_bars

Frames = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def sp500() -> Bars:
    return load_bars("sp500")


@pytest.fixture(scope="session")
def random_frame() -> Frames:
    """One ticker's bars: a random walk with some flat and some volumeless days."""

    def frame(n_days: int, seed: int = 0, ticker: str = "aaa", start: str = "2001-01-01"):
        rng = np.random.default_rng(seed)
        close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal(n_days)))
        open_ = close * np.exp(0.005 * rng.standard_normal(n_days))
        high = np.maximum(open_, close) * (1 + 0.01 * rng.random(n_days))
        low = np.minimum(open_, close) * (1 - 0.01 * rng.random(n_days))
        flat = rng.random(n_days) < 0.02
        for prices in (open_, high, low):
            prices[flat] = close[flat]
        return pd.DataFrame(
            {
                "date": pd.bdate_range(start, periods=n_days, unit="s"),
                "ticker": ticker,
                "open": open_,
                "high": high,
                "low": low,
                "close": close,
                "volume": np.where(rng.random(n_days) < 0.03, 0.0, rng.lognormal(12, 1, n_days)),
            }
        )

    return frame


@pytest.fixture(scope="session")
def bars_of() -> Callable[..., Bars]:
    """Bars made of frames; their digest is that of nothing in particular."""

    def bars(*frames: pd.DataFrame) -> Bars:
        frame = pd.concat(frames).sort_values(["ticker", "date"], ignore_index=True)
        return Bars(frame, ("random",), "0" * 64)

    return bars
