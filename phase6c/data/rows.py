"""Every bar of every ticker with its label: each may become the end of a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64, Shaped

from phase6c.config import DataConfig
from phase6c.data.bars import dates_of, days_before, segments
from phase6c.data.labels import (
    coming_moves,
    label_down,
    label_outcome,
    label_up,
    trailing_volatility,
)
from phase6c.data.splits import WARMUP_DAYS, Span


@dataclass(frozen=True)
class Rows:
    """An entry per bar in each array, ticker by ticker, in order of dates.

    Attributes:
        names: Names of the tickers.
        tickers: Indices into the names.
        days: Number of earlier days that the ticker has since its start or its last long gap.
        dates: Dates of the bars, datetime64[D].
        label_ends: Last date that the row's label reads, datetime64[D]; its own where the horizon
            is not full.
        up: Labels; NaN where there is none.
        down: Mirrored labels.
        outcomes: What the labels are cut from, as a fraction of the close; NaN where there is none.
        volatility: Standard deviation of the 20 daily log returns up to the row's day.
        coming: Log range and log absolute return of the days that the label reads; NaN where there
            are none.
    """

    names: tuple[str, ...]
    tickers: Int64[np.ndarray, " row"]
    days: Int64[np.ndarray, " row"]
    dates: Shaped[np.ndarray, " row"]
    label_ends: Shaped[np.ndarray, " row"]
    up: Float64[np.ndarray, " row"]
    down: Float64[np.ndarray, " row"]
    outcomes: Float64[np.ndarray, " row"]
    volatility: Float64[np.ndarray, " row"]
    coming: Float64[np.ndarray, "row target"]

    @classmethod
    def of(cls, bars: Mapping[str, pd.DataFrame], config: DataConfig) -> Rows:
        """Labels the bars of each ticker."""
        frames = bars.values()
        lengths = [len(frame) for frame in frames]
        return cls(
            names=tuple(bars),
            tickers=np.repeat(np.arange(len(frames)), lengths),
            days=np.concatenate([days_before(frame) for frame in frames]),
            dates=np.concatenate([dates_of(frame) for frame in frames]),
            label_ends=np.concatenate(
                [_label_ends(frame, config.horizon_days) for frame in frames]
            ),
            up=np.concatenate([label_up(frame, config) for frame in frames]),
            down=np.concatenate([label_down(frame, config) for frame in frames]),
            outcomes=np.concatenate([label_outcome(frame, config) for frame in frames]),
            volatility=np.concatenate([trailing_volatility(frame, config) for frame in frames]),
            coming=np.concatenate([coming_moves(frame, config) for frame in frames]),
        )

    @property
    def calendar(self) -> Shaped[np.ndarray, " day"]:
        """The dates, datetime64[D], on which some ticker has a bar after its warm-up."""
        return np.unique(self.dates[self.days >= WARMUP_DAYS])

    def take(self, kept: Bool[np.ndarray, " row"]) -> Rows:
        """The rows of a mask, and the tickers that still have rows."""
        present, tickers = np.unique(self.tickers[kept], return_inverse=True)
        arrays = ("days", "dates", "label_ends", "up", "down", "outcomes", "volatility", "coming")
        taken = {name: getattr(self, name)[kept] for name in arrays}
        return Rows(tuple(self.names[code] for code in present), tickers, **taken)

    def known_before(self, border: np.datetime64) -> Rows:
        """The rows without the labels that read a bar from `border` on."""
        known = self.label_ends < border
        up, down, outcomes = (
            np.where(known, label, np.nan) for label in (self.up, self.down, self.outcomes)
        )
        coming = np.where(known[:, None], self.coming, np.nan)
        return replace(self, up=up, down=down, outcomes=outcomes, coming=coming)

    def windows_in(self, span: Span) -> Int64[np.ndarray, " window"]:
        """The rows in which the block's windows end, ordered by date, then ticker."""
        # The warm-up is the same for all tiers, so that they share their rows and can be compared.
        usable = (self.days >= WARMUP_DAYS) & ~np.isnan(self.up)
        inside = np.flatnonzero(usable & span.contains(self.dates, self.label_ends))
        return inside[np.lexsort((self.tickers[inside], self.dates[inside]))]


def _label_ends(frame: pd.DataFrame, horizon_days: int) -> np.ndarray:
    """The last date that each row's label reads; its own where the horizon is not full."""
    dates = dates_of(frame)
    parts = [dates[part] for part in segments(frame)]
    ends = [np.append(part[horizon_days:], part[-horizon_days:]) for part in parts]
    return np.concatenate(ends)
