"""The time and memory that a panel of hundreds of made-up tickers takes to be prepared.

Repeat with: .venv/bin/python benchmarks/panel_preparation.py [TIER]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from feature_panel import N_DAYS, generated, peak_gib

from phase6c.config import DataConfig
from phase6c.data.preparation import prepare_search_data

N_TICKERS = (50, 200, 500)
MIB = 2**20


def measure(n_tickers: int, tier: str) -> dict[str, float]:
    """Prepares a search in this process."""
    bars = generated(n_tickers)
    before = peak_gib()
    begun = time.process_time()
    data = prepare_search_data(bars, DataConfig.model_validate({"tier": tier}))
    return {
        "cpu_s": time.process_time() - begun,
        "peak_mib": 1024 * (peak_gib() - before),
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
