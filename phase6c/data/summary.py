"""The blocks of a search in numbers, as they are printed and stored."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from phase6c.config import DataConfig, Record
from phase6c.data.bars import Bars
from phase6c.data.reading.verdict import Dropped
from phase6c.data.rows import Rows
from phase6c.data.splits import Splits
from phase6c.wording import counted


class BlockDates(Record):
    """All that may be known of the test block."""

    first_date: date
    last_date: date
    rows: int


class BlockSummary(BlockDates):
    """A block that may be looked at, with the share of rises in it and how many tickers it has."""

    base_rate: float
    tickers: int


class DataSummary(Record):
    """The blocks, the tickers and the features of a search; of test only dates and rows.

    Attributes:
        tickers: Tickers with windows in train or val.
        tickers_without_rows: All other tickers.
        rise: Rise to reach: a fraction of the close, or volatilities for the label vol.
        dropped_features: Features of the tier that the bars have no columns for.
        notes: Sentences for the user about the bars.
        dropped: What was left out of the sources because it breaks a rule.
    """

    train: BlockSummary
    val: BlockSummary
    cal: BlockSummary
    test: BlockDates
    purge_days: int
    fractions: dict[str, float]
    rise: float
    tickers: tuple[str, ...]
    tickers_without_rows: tuple[str, ...]
    dropped_features: tuple[str, ...]
    notes: tuple[str, ...]
    bars_digest: str
    dropped: Dropped = Dropped()

    def __repr__(self) -> str:
        spans = (
            f"{name} {block.first_date} to {block.last_date}"
            for name, block in (("train", self.train), ("val", self.val), ("test", self.test))
        )
        return f"DataSummary({', '.join(spans)}, {counted(len(self.tickers), 'ticker')})"


def summarise(
    bars: Bars,
    rows: Rows,
    splits: Splits,
    windows: dict[str, np.ndarray],
    dropped_features: tuple[str, ...],
    config: DataConfig,
) -> DataSummary:
    """Counts the blocks.

    Args:
        bars: Bars of all tickers.
        rows: Rows of the bars.
        splits: Dates of the blocks.
        windows: Rows of each block's windows; no block is empty.
        dropped_features: See DataSummary.
        config: Data configuration.
    """
    blocks: dict[str, Any] = {
        name: {
            "first_date": span.first.item(),
            "last_date": span.last.item(),
            "rows": len(windows[name]),
        }
        for name, span in splits.spans().items()
    }
    for name in ("train", "val", "cal"):
        blocks[name]["base_rate"] = float(rows.up[windows[name]].mean())
        blocks[name]["tickers"] = len(np.unique(rows.tickers[windows[name]]))
    used = np.unique(rows.tickers[np.concatenate([windows["train"], windows["val"]])])
    return DataSummary(
        **blocks,
        purge_days=splits.purge_days,
        fractions=config.fractions,
        rise=config.rise,
        tickers=tuple(rows.names[code] for code in used),
        tickers_without_rows=tuple(
            name for code, name in enumerate(rows.names) if code not in used
        ),
        dropped_features=dropped_features,
        notes=bars.notes,
        bars_digest=bars.digest,
        dropped=bars.dropped,
    )
