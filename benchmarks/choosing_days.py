"""What it costs a large panel's boosting to be chosen on a part of the days, and what that saves.

Half-life and number of trees are chosen on the drawn days of 200,000 rows of the inner past block,
as evaluations do, then on all of them; each choice is fitted on all rows of the step. On the blocks
that follow the steps: log loss and AUC of the first less those of the second, in 1e-4, with 95%
intervals over days. The test block is not read. Also the CPU seconds of both.

Run: OMP_NUM_THREADS=1 python benchmarks/choosing_days.py BARS TIER LABEL STEP [STEP ...]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from phase6c.config import DataConfig, HalfLife
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare
from phase6c.data.splits import evaluation_steps
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines import choosing_days
from phase6c.evaluation.baselines.boosting import HALF_LIVES, fit_boosting
from phase6c.statistics.bootstrap import resampled
from phase6c.statistics.days import Days
from phase6c.statistics.logits import log_losses
from phase6c.statistics.scores import Score, auc_score, mean_score

SEED, DRAWS = 0, 2000
BOUND = choosing_days.MAX_CHOOSING_ROWS
KINDS: dict[str, tuple[HalfLife, ...]] = {
    "gradient_boosting": ("none",),
    "fading_boosting": HALF_LIVES,
}


def main(bars_file: str, tier: str, label: str, steps: list[str]) -> None:
    config = DataConfig.model_validate({"tier": tier, "label": label})
    bars = load_bars(bars_file, bad_rows="drop", bad_tickers="drop", accept_events=True)
    _, history, splits = prepare(bars, config)
    walk = Walk.before_test(history, evaluation_steps(history.rows.calendar, splits, config))
    outs = {step: walk.outer(step) for step in steps}
    y, dates = (
        np.concatenate([getattr(data.val, name) for data in outs.values()])
        for name in ("y", "dates")
    )
    for kind, half_lives in KINDS.items():
        pairs = [both(walk.inner(step), outs[step], half_lives, f"{kind} {step}") for step in steps]
        part, whole = (np.concatenate(logits) for logits in zip(*pairs, strict=True))
        print(f"{kind}: {gains(part, whole, y, Days.of(dates))}", flush=True)


def gains(part: np.ndarray, whole: np.ndarray, y: np.ndarray, days: Days) -> str:
    own, other = (auc_score(logits, y, days) for logits in (part, whole))
    losses = mean_score(log_losses(part, y) - log_losses(whole, y), days)
    aucs = interval(lambda weights: own(weights) - other(weights), days)
    return f"log loss {interval(losses, days)}, AUC {aucs}"


def both(
    inner: SearchData, data: SearchData, half_lives: tuple[HalfLife, ...], what: str
) -> tuple[np.ndarray, np.ndarray]:
    """The logits of a choice on a part of the days, and of one on all rows."""
    found = []
    for bound in (BOUND, len(inner.train)):
        choosing_days.MAX_CHOOSING_ROWS = bound
        begun = time.process_time()
        model = fit_boosting(inner, data, SEED, half_lives)
        seconds = time.process_time() - begun
        print(f"{what}: at most {bound:,} rows, {len(model.roots)} trees, {seconds:.0f} CPU s")
        found.append(model.logits(data.features, data.val.end_rows))
    return found[0], found[1]


def interval(score: Score, days: Days) -> str:
    drawn = resampled(score, days, horizon_days=1, draws=DRAWS, seed=0)
    low, high = np.quantile(drawn, [0.025, 0.975])
    value = float(score(np.ones((days.n, 1)))[0])
    return f"{1e4 * value:+.2f} [{1e4 * low:+.2f}, {1e4 * high:+.2f}]"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
