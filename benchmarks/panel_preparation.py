"""The time and memory that a panel of hundreds of made-up tickers takes to be prepared.

Repeat with: .venv/bin/python benchmarks/panel_preparation.py [TIER]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from phase6c.config import DataConfig
from phase6c.data.bars import Bars
from phase6c.data.preparation import prepare_search_data

N_TICKERS = (50, 200, 500)
N_DAYS = 5000
MIB = 2**20


def made_up_bars(n_tickers: int) -> Bars:
    """Random walks of all tickers over the same days."""
    rng = np.random.default_rng(0)
    shape = (n_tickers, N_DAYS)
    close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal(shape), axis=1))
    open_ = close * np.exp(0.005 * rng.standard_normal(shape))
    frame = pd.DataFrame(
        {
            "date": np.tile(pd.bdate_range("2000-01-03", periods=N_DAYS, unit="s"), n_tickers),
            "ticker": np.repeat([f"t{number:03d}" for number in range(n_tickers)], N_DAYS),
            "open": open_.ravel(),
            "high": (np.maximum(open_, close) * (1 + 0.01 * rng.random(shape))).ravel(),
            "low": (np.minimum(open_, close) * (1 - 0.01 * rng.random(shape))).ravel(),
            "close": close.ravel(),
            "volume": rng.lognormal(12, 1, shape).ravel(),
        }
    )
    return Bars(frame, ("made up",), "0" * 64)


def peak_mib() -> float:
    """The largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def measure(n_tickers: int, tier: str) -> dict[str, float]:
    """Prepares a search in this process."""
    bars = made_up_bars(n_tickers)
    before = peak_mib()
    begun = time.process_time()
    data = prepare_search_data(bars, DataConfig.model_validate({"tier": tier}))
    return {
        "cpu_s": time.process_time() - begun,
        "peak_mib": peak_mib() - before,
        "panel_mib": len(bars.frame) * len(data.feature_names) * 4 / MIB,
        "n_train": len(data.train),
    }


def main() -> None:
    """Each size in a process of its own, so that its peak is its own."""
    if len(sys.argv) > 2:
        print(json.dumps(measure(int(sys.argv[2]), sys.argv[1])))
        return
    tier = sys.argv[1] if len(sys.argv) > 1 else "a100"
    for n_tickers in N_TICKERS:
        command = [sys.executable, __file__, tier, str(n_tickers)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        print(
            f"{n_tickers} tickers x {N_DAYS:,} days, {tier}: {found['cpu_s']:.1f} CPU s"
            f" ({found['cpu_s'] / n_tickers:.3f} a ticker), {found['peak_mib']:.0f} MiB more at"
            f" the peak, {found['peak_mib'] / found['panel_mib']:.2f} times the panel"
            f" ({found['panel_mib']:.0f} MiB), {found['n_train']:,} training windows",
            flush=True,
        )


if __name__ == "__main__":
    main()
