"""Date blocks train | val | cal | test, cut for all tickers together, purged at each border."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from phase6c.config import DataConfig
from phase6c.errors import DataError

# Every tier's longest lookback and a context before the first window fit into this, so that
# all tiers cut the same dates and can be compared.
WARMUP_DAYS = 300
# Below this many days a block's figures mean nothing.
MIN_BLOCK_DAYS = 20


@dataclass(frozen=True)
class Span:
    """The dates of one block.

    Attributes:
        first: Its first date.
        last: Its last date, the purge left out.
        border: The first date of the next block: no label of this block reads a bar on or after
            it. None for the last block.
    """

    first: np.datetime64
    last: np.datetime64
    border: np.datetime64 | None

    def contains(self, dates: np.ndarray, label_ends: np.ndarray) -> np.ndarray:
        """bool[row]: the row's date lies in the block and its label ends before the border.

        Args:
            dates: datetime64[D][row].
            label_ends: datetime64[D][row], the last date that the row's label reads. A ticker
                that skips days reads further than the purge reaches.
        """
        inside: np.ndarray = (dates >= self.first) & (dates <= self.last)
        return inside if self.border is None else inside & (label_ends < self.border)


@dataclass(frozen=True)
class Splits:
    """The four date blocks, in order, and the days purged before each border."""

    train: Span
    val: Span
    cal: Span
    test: Span
    purge_days: int

    def spans(self) -> dict[str, Span]:
        """Every block by its name, in order of dates."""
        return {"train": self.train, "val": self.val, "cal": self.cal, "test": self.test}


def split_dates(calendar: np.ndarray, config: DataConfig) -> Splits:
    """Cuts the calendar into blocks; the last h days before each border are purged.

    Args:
        calendar: datetime64[D][day], ascending, without repeats: the dates on which a window of
            some ticker may end, after its warm-up and with a full horizon.
        config: The fractions and the horizon, which is also the purge.

    Raises:
        DataError: A block would have fewer than 20 days.
    """
    parts = np.cumsum([config.train_fraction, config.val_fraction, config.cal_fraction])
    # The sum of fractions may lie a rounding error below the border it stands for.
    cuts = [0, *(math.floor(part * len(calendar) + 1e-9) for part in parts), len(calendar)]
    purge = config.horizon_days
    lengths = np.diff(cuts) - [purge, purge, purge, 0]
    if lengths.min() < MIN_BLOCK_DAYS:
        raise DataError(
            f"A ticker must have at least {days_needed(config)} daily bars",
            f"{len(calendar)} days left after {WARMUP_DAYS} days of warm-up",
            "Add earlier or later bars.",
        )
    train, val, cal = (
        Span(calendar[start], calendar[stop - purge - 1], calendar[stop])
        for start, stop in pairwise(cuts[:4])
    )
    return Splits(train, val, cal, Span(calendar[cuts[3]], calendar[-1], None), purge)


def days_needed(config: DataConfig) -> int:
    """The daily bars with which every block surely has 20 days."""
    smallest = min(
        config.train_fraction, config.val_fraction, config.cal_fraction, config.test_fraction
    )
    # Rounding a block's two borders down may cost it one day.
    block_days = MIN_BLOCK_DAYS + config.horizon_days + 1
    return WARMUP_DAYS + config.horizon_days + math.ceil(block_days / smallest)
