"""The doubt about a share, of independent cases or of rows that come in days."""

from __future__ import annotations

import numpy as np
from jaxtyping import Real

from phase6c.statistics.days import Days

_QUANTILE = 1.959964  # of the standard normal, for 95%


def share_interval(n_found: float, n_tried: float) -> tuple[float, float]:
    """Lower and upper end of the 95% interval of a share (Wilson, 1927).

    Both numbers may be effective ones, that is, no whole numbers.
    """
    share, squared = n_found / n_tried, _QUANTILE**2 / n_tried
    middle = (share + squared / 2) / (1 + squared)
    half = (squared * share * (1 - share) + squared**2 / 4) ** 0.5 / (1 + squared)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_of_days(
    y: Real[np.ndarray, " row"], days: Days, horizon_days: int
) -> tuple[float, float]:
    """Lower and upper end of the 95% interval of a share of ones among rows.

    Wilson's interval (1927), of as many rows as these are worth: their number over the design
    effect (Rao & Scott, Biometrics 48, 1992), which is the variance of the share with days as
    units over that of independent rows. Days within a horizon are correlated in full. Of rows that
    vary less than independent ones the number counts as it is.

    Args:
        y: 0 or 1, a row at least.
        days: Days of the rows.
        horizon_days: Horizon of the labels.
    """
    n, share = len(y), float(np.mean(y))
    daily = days.sums(np.asarray(y, dtype=np.float64) - share)
    variance = daily @ daily
    variance += 2 * sum(daily[lag:] @ daily[: days.n - lag] for lag in range(1, horizon_days))
    independent = n * share * (1 - share)
    worth = n / max(1.0, variance / independent) if independent > 0 else n
    return share_interval(share * worth, worth)
