"""CPU time of reading a folder of CSV files, against pandas alone, in one run.

    python benchmarks/reading_time.py [N_FILES]

Files of 1,226 daily bars of made-up stocks, as a panel of the S&P 500 over five years has them.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from phase6c.data.bars import load_bars

N_DAYS, N_ROUNDS = 1226, 5


def write_files(folder: Path, n_files: int) -> None:
    rng = np.random.default_rng(0)
    days = pd.bdate_range("2013-02-08", periods=N_DAYS)
    for number in range(n_files):
        close = 60 * np.exp(np.cumsum(0.015 * rng.standard_normal(N_DAYS)))
        opens = close * np.exp(0.005 * rng.standard_normal(N_DAYS))
        prices = {
            "open": opens,
            "high": np.maximum(opens, close) * 1.004,
            "low": np.minimum(opens, close) * 0.996,
            "close": close,
        }
        frame = pd.DataFrame({name: np.round(values, 4) for name, values in prices.items()})
        frame.insert(0, "date", days)
        frame["volume"] = rng.integers(100_000, 10_000_000, N_DAYS)
        frame["Name"] = f"T{number:03d}"
        frame.to_csv(folder / f"T{number:03d}_data.csv", index=False)


def cpu_seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def main() -> None:
    n_files = int(sys.argv[1]) if len(sys.argv) > 1 else 505
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, n_files)
        load_bars("sp500")  # imports are no part of it
        pairs = [
            (
                cpu_seconds(lambda: [pd.read_csv(file) for file in sorted(folder.iterdir())]),
                cpu_seconds(lambda: load_bars(folder)),
            )
            for _ in range(N_ROUNDS)
        ]
    alone, ours = (statistics.median(one) for one in zip(*pairs, strict=True))
    ratio = statistics.median(mine / other for other, mine in pairs)
    print(f"{n_files} files: pandas {alone:.2f} s, load_bars {ours:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
