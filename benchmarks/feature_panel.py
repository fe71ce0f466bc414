"""Time and memory of all 200 features: a single ticker, and panels of generated tickers.

Repeat with: .venv/bin/python benchmarks/feature_panel.py
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from phase6c.data.bars import Bars
from phase6c.data.catalogue import TIERS, compute_features, tier_features
from phase6c.data.indicators.feature import Feature
from phase6c.data.panel import feature_panel

N_DAYS = 5_000
PANELS = (1, 20, 100, 500)
REPEATS = 9


def generated(n_tickers: int) -> Bars:
    """Random walks with volumes, all of the same length."""
    rng = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal((n_tickers, N_DAYS)), axis=1)).ravel()
    wiggle = 1 + 0.02 * rng.random((2, close.size))
    open_ = close * (1 + 0.005 * rng.standard_normal(close.size))
    frame = pd.DataFrame(
        {
            "date": np.tile(pd.bdate_range("2001-01-01", periods=N_DAYS, unit="s"), n_tickers),
            "ticker": np.repeat([f"T{number:03d}" for number in range(n_tickers)], N_DAYS),
            "open": open_,
            "high": np.maximum(open_, close) * wiggle[0],
            "low": np.minimum(open_, close) / wiggle[1],
            "close": close,
            "volume": rng.lognormal(12, 1, close.size),
        }
    )
    return Bars(frame, ("generated",), "0" * 64)


def single_ticker() -> None:
    """Prints the median time of each tier, and the slowest features on their own."""
    frame = generated(1).frame
    for tier in TIERS:
        print(f"{tier}: {median_s(frame, tier_features(tier, frame.columns)):.3f} s", flush=True)
    alone = {
        feature.name: median_s(frame, [feature]) for feature in tier_features("a200", frame.columns)
    }
    slowest = sorted(alone, key=alone.__getitem__, reverse=True)[:8]
    print("slowest:", ", ".join(f"{name} {1000 * alone[name]:.1f} ms" for name in slowest))


def median_s(frame: pd.DataFrame, features: Sequence[Feature]) -> float:
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        compute_features(frame, features)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def panel(n_tickers: int) -> None:
    """Makes a panel in this process, and prints the time and the peak of its memory."""
    bars = generated(n_tickers)
    before = peak_gib()
    begun = time.perf_counter()
    values = feature_panel(bars, tier_features("a200", bars.frame.columns), None)
    seconds = time.perf_counter() - begun
    print(
        f"{n_tickers:4d} tickers: {seconds:7.2f} s, {seconds / n_tickers:.3f} s each; "
        f"panel {values.nbytes / 2**30:.2f} GiB, peak {peak_gib():.2f} GiB ({before:.2f} before)"
    )


def peak_gib() -> float:
    # Linux counts in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    if len(sys.argv) > 1:
        panel(int(sys.argv[1]))
    else:
        single_ticker()
        # Each panel has a process of its own, since the peak of a process's memory never falls.
        for number in PANELS:
            subprocess.run([sys.executable, __file__, str(number)], check=True)
