"""The data of a trial: a scaled panel of features and the windows that end in it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float32, Int16, Int64, Shaped

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
        end_rows: Panel row of each window's last day.
        y: 1 where the price rose far enough, else 0.
        down: Whether it fell as far.
        dates: Last day of each window, datetime64[D].
        label_ends: Last day that each label reads, datetime64[D].
        tickers: Indices into `SearchData.tickers`.
        border: The first date that no label may read; None if the bars end before.
        outcomes: The rises that the labels are cut from, as fractions of the close.
        volatility: Standard deviation of the 20 daily log returns up to the window's last day.
        coming: Log range and log absolute return of the days that the label reads; NaN where the
            bars do not tell.
    """

    name: str
    end_rows: Int64[np.ndarray, " window"]
    y: Float32[np.ndarray, " window"]
    down: Bool[np.ndarray, " window"]
    dates: Shaped[np.ndarray, " window"]
    label_ends: Shaped[np.ndarray, " window"]
    tickers: Int16[np.ndarray, " window"]
    border: np.datetime64 | None
    outcomes: Float32[np.ndarray, " window"]
    volatility: Float32[np.ndarray, " window"]
    coming: Float32[np.ndarray, "window target"]

    def __repr__(self) -> str:
        span = f", {self.dates[0]} to {self.dates[-1]}" if len(self) else ""
        return f"Block({self.name!r}, {counted(len(self), 'window')}{span})"

    def __len__(self) -> int:
        return len(self.end_rows)

    def take(self, kept: Bool[np.ndarray, " window"]) -> Block:
        """The windows of a mask, in the same order."""
        arrays = (field.name for field in fields(self) if field.name not in ("name", "border"))
        return replace(self, **{name: getattr(self, name)[kept] for name in arrays})


@dataclass(frozen=True)
class SearchData:
    """All that a trial may see: no row of it lies after the last date of val.

    Attributes:
        features: Panel, scaled on train, clipped to +-8, always finite; the rows of each ticker
            together and in order, from its first row with every feature.
        dates: Dates of the panel's rows, datetime64[D].
        ticker_starts: Panel row where each ticker begins, ascending.
        train, val: Their windows; val has none in what is fitted only to be used.
        feature_names: Names of the panel's columns.
        tickers: Tickers that have rows in the panel.
        base_rate: Share of rises in train.
        config: Data configuration that all of it was made by.
        digest: SHA-256 of the bars, the configuration, the labels and the moments.
        scaler: Moments that the features were scaled by.
        logged: Names of the features whose logs were taken before they were scaled.
        summary: Dates, row counts and base rates of the blocks.
    """

    features: Float32[np.ndarray, "row feature"]
    dates: Shaped[np.ndarray, " row"]
    ticker_starts: Int64[np.ndarray, " ticker"]
    train: Block
    val: Block
    feature_names: tuple[str, ...]
    tickers: tuple[str, ...]
    base_rate: float
    config: DataConfig
    digest: str
    scaler: Scaler
    logged: tuple[str, ...]
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
