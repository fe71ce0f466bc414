"""The part of a large panel's validation rows that every epoch of every trial is measured on."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Shaped

from phase6c.data.windows import Block

# Days that are kept or left out together: of single days, a share of 2/5 would keep the same two
# days of every week.
WEEK_DAYS = 5


def rung_rows(dates: Shaped[np.ndarray, " row"], n_windows: int | None) -> Bool[np.ndarray, " row"]:
    """The rows that epochs are measured on: whole weeks, spread evenly from the first to the last.

    Days are kept whole, as metrics compare the tickers of a day, and spread, so that every spell of
    calm or turbulent days has its share. The dates and the number alone decide, so that all trials
    of a study are measured on the same rows, and a reader of its files finds them again.

    Args:
        dates: Dates of all validation rows.
        n_windows: Number of rows to keep, as nearly as whole weeks allow; None for all.
    """
    if n_windows is None or n_windows >= len(dates):
        return np.ones(len(dates), dtype=bool)
    _, of_row = np.unique(dates, return_inverse=True)
    week_of_row = of_row // WEEK_DAYS
    n_weeks = int(week_of_row.max()) + 1
    n_kept = max(1, round(n_weeks * n_windows / len(dates)))
    # Steps of a line that climbs from 0 to the number of kept weeks; each step keeps its week.
    line = np.floor(np.arange(n_weeks + 1) * n_kept / n_weeks + 0.5)
    kept: np.ndarray = (np.diff(line) > 0)[week_of_row]
    return kept


def rung_block(val: Block, n_windows: int | None) -> Block:
    """The windows of the validation block that epochs are measured on; see `rung_rows`."""
    kept = rung_rows(val.dates, n_windows)
    return val if kept.all() else val.take(kept)
