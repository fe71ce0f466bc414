"""The data of a trial: a scaled panel of features and the windows that end in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phase6c.config import DataConfig
from phase6c.data.scaling import Scaler
from phase6c.data.summary import DataSummary
from phase6c.errors import DataError
from phase6c.wording import counted


@dataclass(frozen=True)
class Block:
    """The windows of a date block, ordered by date, then ticker.

    Attributes:
        name: train or val.
        end_rows: int64[window], the panel row of the window's last day.
        y: float32[window], 1 where the price rose far enough, else 0.
        down: bool[window], where it fell as far.
        dates: datetime64[D][window], the window's last day.
        label_ends: datetime64[D][window], the last day that its label reads.
        tickers: int16[window], an index into `SearchData.tickers`.
        border: The first date that no label may read; None if the bars end before.
    """

    name: str
    end_rows: np.ndarray
    y: np.ndarray
    down: np.ndarray
    dates: np.ndarray
    label_ends: np.ndarray
    tickers: np.ndarray
    border: np.datetime64 | None

    def __repr__(self) -> str:
        span = f", {self.dates[0]} to {self.dates[-1]}" if len(self) else ""
        return f"Block({self.name!r}, {counted(len(self), 'window')}{span})"

    def __len__(self) -> int:
        return len(self.end_rows)


@dataclass(frozen=True)
class SearchData:
    """All that a trial may see: no row of it lies after the last date of val.

    Attributes:
        features: float32[row, feature], scaled on train, clipped to +-8, always finite; the rows
            of each ticker together and in order, from its first row with every feature.
        dates: datetime64[D][row].
        ticker_starts: int64[ticker], the panel row where each ticker begins, ascending.
        train, val: Their windows; val has none in what is fitted only to be used.
        feature_names: Names of the panel's columns.
        tickers: Tickers that have rows in the panel.
        base_rate: Share of rises in train.
        config: Data configuration that all of it was made by.
        digest: SHA-256 of the bars, the configuration, the labels and the moments.
        scaler: Moments that the features were scaled by.
        summary: Dates, row counts and base rates of the blocks.
    """

    features: np.ndarray
    dates: np.ndarray
    ticker_starts: np.ndarray
    train: Block
    val: Block
    feature_names: tuple[str, ...]
    tickers: tuple[str, ...]
    base_rate: float
    config: DataConfig
    digest: str
    scaler: Scaler
    summary: DataSummary

    def __repr__(self) -> str:
        return (
            f"SearchData({self.config.target}, tier {self.config.tier}, "
            f"{counted(len(self.feature_names), 'feature')}, "
            f"{counted(len(self.tickers), 'ticker')}, train {len(self.train):,} and val "
            f"{counted(len(self.val), 'window')})"
        )

    def check_context(self, context_days: int) -> None:
        """Checks that every window of that many days lies inside its ticker's rows.

        Raises:
            DataError: A window would begin before its ticker's first row with every feature.
        """
        available = min(
            int((block.end_rows - self.ticker_starts[block.tickers]).min()) + 1
            for block in (self.train, self.val)
            if len(block)
        )
        if context_days > available:
            raise DataError(
                f"A context may have at most {available} days with the tier {self.config.tier}",
                context_days,
                f"Set context_days to {available} or less, or use a smaller tier.",
            )
