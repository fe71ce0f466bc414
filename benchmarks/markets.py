"""Markets made up day by day, with the true chance of a rise after each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

Kind = Literal["none", "volatility", "non_linear"]

# A rise of the label `close` within one day.
RISE = 0.01
_DAILY = 0.01
# GARCH(1, 1): weights of the last shock and of the variance before it.
_ALPHA, _BETA = 0.10, 0.87
# The drift, in daily volatilities, where the earlier returns agree in sign; else its opposite.
_DRIFT = 1.0
_LAGS = (3, 6)


class Market(NamedTuple):
    """Bars of several tickers, and the true chance of a rise after each day.

    Attributes:
        bars: Columns date, ticker, open, high, low, close, volume.
        chance: Columns date, ticker, chance: the chance of a close 1% higher a day later.
    """

    bars: pd.DataFrame
    chance: pd.DataFrame

    def write(self, path: Path) -> Path:
        """Stores the bars as a Parquet file."""
        self.bars.to_parquet(path, index=False)
        return path


def make_market(kind: Kind, n_tickers: int, n_days: int, seed: int) -> Market:
    """A market of a kind.

    `none`: every day is like every other. `volatility`: the chance follows from the volatility of
    the days before (GARCH). `non_linear`: it follows from whether the returns of four and seven
    days ago agree in sign, which no linear model of a window can see, nor any model of the last
    day's features alone.
    """
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2000-01-03", periods=n_days)
    parts = [_ticker(kind, f"made_{number:02d}", dates, rng) for number in range(n_tickers)]
    bars, chances = (pd.concat(part, ignore_index=True) for part in zip(*parts, strict=True))
    return Market(bars, chances)


def _ticker(
    kind: Kind, name: str, dates: pd.DatetimeIndex, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    n = len(dates)
    shocks = rng.standard_normal(n)
    returns, deviation, drift = np.zeros(n), np.empty(n + 1), np.zeros(n + 1)
    deviation[0] = _DAILY
    for day in range(n):
        returns[day] = drift[day] + deviation[day] * shocks[day]
        deviation[day + 1], drift[day + 1] = _next_day(kind, returns[: day + 1], deviation[day])
    close = 100 * np.exp(np.cumsum(returns))
    open_ = np.append(100.0, close[:-1])
    reach = 0.3 * deviation[:-1] * np.abs(rng.standard_normal((2, n)))
    bars = pd.DataFrame(
        {
            "date": dates,
            "ticker": name,
            "open": open_,
            "high": np.maximum(open_, close) * (1 + reach[0]),
            "low": np.minimum(open_, close) * (1 - reach[1]),
            "close": close,
            "volume": rng.lognormal(12, 0.3, n),
        }
    )
    # The chance stands at the day that knows it: drift and deviation are the next return's.
    chance = norm.sf((np.log1p(RISE) - drift[1:]) / deviation[1:])
    return bars, pd.DataFrame({"date": dates, "ticker": name, "chance": chance})


def _next_day(kind: Kind, returns: np.ndarray, deviation: float) -> tuple[float, float]:
    """Deviation and drift of the return after these returns."""
    if kind == "volatility":
        variance = _ALPHA * returns[-1] ** 2 + _BETA * deviation**2
        return float((variance + (1 - _ALPHA - _BETA) * _DAILY**2) ** 0.5), 0.0
    if kind == "non_linear" and len(returns) > max(_LAGS):
        late, early = (returns[-1 - lag] for lag in _LAGS)
        return _DAILY, _DRIFT * _DAILY * float(np.sign(late * early))
    return _DAILY, 0.0
