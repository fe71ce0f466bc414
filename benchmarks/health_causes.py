"""How often each cause of ill probabilities is recognised, by rows, base rate and AUC.

Run: OMP_NUM_THREADS=1 python benchmarks/health_causes.py [repeats]
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from phase6c.statistics.health import diagnose

# The tests judge the detector by the same generated predictions.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from causes import AUCS, CAUSES, VERDICTS, cells, drawn, ideal_power

REPEATS = 200
# Where even a test that knows the map sees less, no better detector is to be had.
KNOWABLE = 0.99


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    print(
        f"{repeats} predictors a cell; * an ideal test, told the map, sees less than {KNOWABLE:.0%}"
    )
    ill = [table(cause, repeats) for cause in CAUSES if cause != "healthy"]
    print(f"\nall causes alike, cells with * too: {statistics.mean(ill):.1%}")
    table("healthy", repeats)
    print(f"diagnosis of 1,000 rows: {median_ms():.2f} ms")


def table(cause: str, repeats: int) -> float:
    """Prints the share of the right verdict in each cell; returns the mean of the shares."""
    print(f"\n{cause} -> {VERDICTS[cause]}, %")
    print(f"{'rows':>6}{'base rate':>11}" + "".join(f"{f'AUC {auc}':>10}" for auc in AUCS))
    everywhere, knowable, shares = [], [], {}
    for cell in cells(cause):
        key = [int(100 * number) for number in cell]
        rng = np.random.default_rng([list(CAUSES).index(cause), *key])
        verdicts = [diagnose(*drawn(cause, *cell, rng)).verdict for _ in range(repeats)]
        share = verdicts.count(VERDICTS[cause]) / repeats
        ideal = ideal_power(cause, *cell) if VERDICTS[cause] == "miscalibrated" else 1.0
        everywhere.append(share)
        knowable += [share] if ideal >= KNOWABLE else []
        shares[cell] = f"{100 * share:.1f}{'*' if ideal < KNOWABLE else ' '}"
    for n, rate in dict.fromkeys(cell[:2] for cell in shares):
        row = "".join(f"{shares[n, rate, auc]:>10}" for auc in AUCS)
        print(f"{n:>6}{rate:>11}{row}")
    print(f"without *: mean {statistics.mean(knowable):.1%}, least {min(knowable):.1%}")
    return statistics.mean(everywhere)


def median_ms() -> float:
    rng = np.random.default_rng(0)
    times = []
    for _ in range(200):
        case = drawn("healthy", 1000, 0.2, 0.75, rng)
        begun = time.perf_counter()
        diagnose(*case)
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


if __name__ == "__main__":
    main()
