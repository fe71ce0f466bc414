"""How often 95% intervals hold the truth where all tickers share the market's shocks.

Run: OMP_NUM_THREADS=1 python benchmarks/interval_coverage.py [N_PANELS]; 1,000 take some 5 minutes
Aim: 90 to 98 % for every figure and horizon; rows drawn one by one show what the days are for.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.shocked import FIGURES, coverage, rows_of

HORIZONS = (1, 3, 5, 10)
OF_ROWS = ("log loss", "gain in log loss", "AUC")


def main() -> None:
    n_panels = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    begun = time.process_time()
    print(f"{n_panels} panels of 20 tickers and 700 days")
    for horizon in HORIZONS:
        found = coverage(horizon, n_panels)
        cells = ", ".join(f"{name} {found[name]:.1%}" for name in FIGURES)
        print(f"horizon {horizon:2} days: {cells}", flush=True)
    found = coverage(1, max(1, n_panels // 10), draws=100, figures=OF_ROWS, days_of=rows_of)
    print("rows one by one: " + ", ".join(f"{name} {found[name]:.1%}" for name in OF_ROWS))
    print(f"{(time.process_time() - begun) / 60:.0f} minutes of one core")


if __name__ == "__main__":
    main()
