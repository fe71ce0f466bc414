"""Log returns of the close over several spans of days."""

from __future__ import annotations

from functools import partial

import numpy as np

from phase6c.data.indicators.feature import CLOSE, Feature, TickerBars
from phase6c.data.indicators.rolling import lagged


def _log_return(bars: TickerBars, since: int, until: int = 0) -> np.ndarray:
    """The log return from the close of `since` days ago to the close of `until` days ago."""
    change: np.ndarray = np.log(lagged(bars.close, until) / lagged(bars.close, since))
    return change


FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"ret_{n}", "returns", n, f"{n}-day log return", CLOSE, partial(_log_return, since=n)
        )
        for n in (1, 2, 3, 5, 10, 20, 30, 40, 60, 120, 250)
    ),
    *(
        # Momentum is measured without the latest days, which tend to reverse.
        Feature(
            f"ret_{n}_skip{skip}",
            "returns",
            n,
            f"{n}-day log return without its last {skip} days",
            CLOSE,
            partial(_log_return, since=n, until=skip),
        )
        for n, skip in ((20, 5), (250, 20))
    ),
)
