"""The days of a large panel's training on which the settings of boosting are chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Real, Shaped

from phase6c.data.splits import TEST
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData

# A choice takes several fits, of which each costs in proportion to its rows.
MAX_CHOOSING_ROWS = 200_000


def choosing_rows(
    dates: Shaped[np.ndarray, " row"], y: Real[np.ndarray, " row"], seed: int
) -> Bool[np.ndarray, " row"]:
    """The rows that settings are chosen on: all, or the whole days of about 200,000 of them.

    The tickers of a day share its shocks, so that a day without some of them would save little of
    what it tells. Of each of as many equally long stretches of time one day is drawn.

    Args:
        dates: Dates of all rows to learn from.
        y: Their labels.
        seed: Seed of the draw.
    """
    everything = np.ones(len(dates), dtype=bool)
    if len(dates) <= MAX_CHOOSING_ROWS:
        return everything
    days = np.unique(dates)
    n_drawn = max(1, len(days) * MAX_CHOOSING_ROWS // len(dates))
    borders = np.arange(n_drawn + 1) * len(days) // n_drawn
    drawn = np.random.default_rng(seed).integers(borders[:-1], borders[1:])
    kept: np.ndarray = np.isin(dates, days[drawn])
    # Rises of a few days alone, such as those after a crash, may all be missed.
    return kept if len(np.unique(y[kept])) > 1 else everything


def to_choose_on(inner: SearchData, seed: int) -> SearchData:
    """The data with no more of its training than settings are chosen on; the same if that is all.

    Args:
        inner: Training of a step, cut in two; the later part stays whole.
        seed: Seed of the draw.
    """
    kept = choosing_rows(inner.train.dates, inner.train.y, seed)
    return inner if kept.all() else replace(inner, train=inner.train.take(kept))


def choice_in_words(walk: Walk, seed: int) -> str | None:
    """What part of the rows the settings of an evaluation's boosting are chosen on.

    Args:
        walk: Steps of the evaluation.
        seed: Seed of the draw.

    Returns:
        A sentence about the last step, which has the most rows; None where all rows choose.
    """
    rows = walk.history.rows
    windows = rows.windows_in(walk.steps[TEST].inner.train)
    kept = choosing_rows(rows.dates[windows], rows.up[windows], seed)
    if kept.all():
        return None
    return (
        f"Of more than {MAX_CHOOSING_ROWS:,} training rows, the half-life and the number of trees "
        "of boosting are chosen on whole days drawn evenly over time (in the last step on "
        f"{kept.sum():,} of {len(kept):,} rows), and fitted once on all rows."
    )
