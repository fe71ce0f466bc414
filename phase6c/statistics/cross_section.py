"""How well scores rank the tickers of a day: figures that a ticker's own rate cannot lift.

An AUC of all rows together mixes two questions: which ticker is volatile, and on which day. Within
a day all rows share the market's shock, and within a ticker its rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float64, Int, Real, Shaped

from phase6c.statistics.days import Days


@dataclass(frozen=True, eq=False)
class CrossSection:
    """The rows of a panel of several tickers: which of them share a day, and which a ticker.

    Attributes:
        days: Days of the rows.
        tickers: Number of each row's ticker.
        outcomes: What the labels are cut from, such as the highest high over the close, less 1; NaN
            where it is not known.
        horizon_days: Horizon of the labels.
    """

    days: Days
    tickers: Int[np.ndarray, " row"]
    outcomes: Float[np.ndarray, " row"]
    horizon_days: int

    @classmethod
    def of(
        cls,
        dates: Shaped[np.ndarray, " row"],
        tickers: Shaped[np.ndarray, " row"],
        outcomes: Float[np.ndarray, " row"],
        horizon_days: int,
    ) -> CrossSection | None:
        """The rows with these dates and tickers; None for a single ticker."""
        names, numbers = np.unique(tickers, return_inverse=True)
        if len(names) < 2:
            return None
        return cls(Days.of(dates), numbers, outcomes, horizon_days)

    @cached_property
    def _outcome_ranks(self) -> np.ndarray:
        # The same for every epoch of a training.
        return _centred_ranks(self.outcomes, self.days)

    def figures(
        self, logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]
    ) -> dict[str, float | None]:
        """The metrics `auc_within_day`, `auc_per_ticker`, `rank_ic` and `rank_ic_t`."""
        # Sorted once for all three figures, which an epoch of a large panel is long about.
        order = np.argsort(logits, kind="stable")
        day_ranks = _ranks(logits, self.days.of_row, self.days.n, order)
        n_tickers = int(self.tickers.max()) + 1
        ticker_ranks = _ranks(logits, self.tickers, n_tickers, order)
        by_day = _aucs_of_ranks(day_ranks, y, self.days.of_row, self.days.n)
        by_ticker = _aucs_of_ranks(ticker_ranks, y, self.tickers, n_tickers)
        figures = {"auc_within_day": _mean(by_day), "auc_per_ticker": _mean(by_ticker)}
        if np.isnan(self.outcomes).any():
            return figures
        centred = _centred(day_ranks, self.days)
        correlations = _correlations(centred, self._outcome_ranks, self.days)
        defined = correlations[np.isfinite(correlations)]
        return figures | {
            "rank_ic": _mean(correlations),
            "rank_ic_t": t_value(defined, self.horizon_days),
        }


def _mean(values: np.ndarray) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def group_aucs(
    scores: Float[np.ndarray, " row"],
    y: Real[np.ndarray, " row"],
    group_of_row: Int[np.ndarray, " row"],
    n_groups: int,
) -> Float64[np.ndarray, " group"]:
    """The AUC inside each group of rows (Mann & Whitney, 1947); NaN for a single class."""
    ranks = _ranks(scores, group_of_row, n_groups, np.argsort(scores, kind="stable"))
    return _aucs_of_ranks(ranks, y, group_of_row, n_groups)


def _aucs_of_ranks(
    ranks: np.ndarray, y: np.ndarray, group_of_row: np.ndarray, n_groups: int
) -> np.ndarray:
    rises = np.asarray(y == 1)
    n_rows = np.bincount(group_of_row, minlength=n_groups)
    n_rises = np.bincount(group_of_row[rises], minlength=n_groups).astype(np.float64)
    rank_sums = np.bincount(group_of_row[rises], weights=ranks[rises], minlength=n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        won = rank_sums - n_rises * (n_rises + 1) / 2
        aucs: np.ndarray = won / (n_rises * (n_rows - n_rises))
    return aucs


def daily_rank_correlations(
    scores: Float[np.ndarray, " row"], outcomes: Float[np.ndarray, " row"], days: Days
) -> Float64[np.ndarray, " day"]:
    """Spearman's correlation of scores and outcomes over the tickers of each day.

    Equal scores rank nothing and correlate by zero; a day of a single ticker, or of equal outcomes,
    has no correlation, which is NaN.
    """
    return _correlations(_centred_ranks(scores, days), _centred_ranks(outcomes, days), days)


def _correlations(ranks: np.ndarray, others: np.ndarray, days: Days) -> np.ndarray:
    """Correlations of centred ranks on each day."""
    spread, outcome_spread = (days.sums(part**2) for part in (ranks, others))
    product = np.sqrt(spread * outcome_spread)
    correlations: np.ndarray = np.divide(
        days.sums(ranks * others), product, out=np.zeros(days.n), where=product > 0
    )
    correlations[outcome_spread == 0] = np.nan
    return correlations


def _centred_ranks(values: np.ndarray, days: Days) -> np.ndarray:
    order = np.argsort(values, kind="stable")
    return _centred(_ranks(values, days.of_row, days.n, order), days)


def _centred(ranks: np.ndarray, days: Days) -> np.ndarray:
    """Ranks within the day, less their mean."""
    middle = (days.counts() + 1) / 2
    centred: np.ndarray = ranks - middle[days.of_row]
    return centred


def _ranks(
    values: np.ndarray, group_of_row: np.ndarray, n_groups: int, order: np.ndarray
) -> np.ndarray:
    """Ranks from 1 within each group; equal values share the mean of their ranks.

    Args:
        values: Values of the rows.
        group_of_row: Number of each row's group.
        n_groups: Number of groups.
        order: The rows in the order of their values.
    """
    # Small numbers are sorted by their digits, ten times as fast as large ones.
    small = group_of_row.astype(np.uint16) if n_groups <= np.iinfo(np.uint16).max else group_of_row
    order = order[np.argsort(small[order], kind="stable")]
    groups, ordered = group_of_row[order], values[order]
    begins = np.empty(len(order), dtype=bool)
    begins[:1] = True
    begins[1:] = (groups[1:] != groups[:-1]) | (ordered[1:] != ordered[:-1])
    # Runs of equal values: the mean rank of a run lies between its first and its last.
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(order)) - 1
    middle = (first + last) / 2
    counts = np.bincount(groups, minlength=n_groups)
    group_starts = np.cumsum(counts) - counts
    ranks = np.empty(len(order))
    ranks[order] = middle[np.cumsum(begins) - 1] - group_starts[groups] + 1
    return ranks


def t_value(daily: Float[np.ndarray, " day"], horizon_days: int) -> float | None:
    """The t value of a mean of daily figures whose horizons overlap.

    The variance of the mean counts the covariances over horizon - 1 days, each in full, as the
    overlap alone correlates daily figures of useless scores (Hansen & Hodrick, J. Polit. Econ. 88,
    1980). Where that sum is negative, the covariances are weighted down with their distance (Newey
    & West, Econometrica 55, 1987), which never is. Such weights throughout would have called
    useless scores significant in 11 instead of 6 of 100 cases at a horizon of 5 days.

    Args:
        daily: Figures in order of time.
        horizon_days: Horizon of the labels.

    Returns:
        None for fewer days than three horizons, or where they do not vary.
    """
    n = len(daily)
    if n < 3 * horizon_days:
        return None
    deviations = daily - daily.mean()
    lags = np.arange(1, horizon_days)
    covariances = np.array([deviations[lag:] @ deviations[: n - lag] / n for lag in lags])
    own = float(deviations @ deviations / n)
    variance = own + 2 * covariances.sum()
    if variance <= 0:
        variance = own + 2 * (1 - lags / horizon_days) @ covariances
    # Rounding alone leaves some variance where all days are alike.
    if variance <= 1e-20:
        return None
    return float(daily.mean() / np.sqrt(variance / n))
