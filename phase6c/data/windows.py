"""What a trial learns from: one scaled panel of features and the windows that end in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from phase6c.config import DataConfig, Record, digest_of
from phase6c.data.bars import Bars, dates_of, ticker_frames
from phase6c.data.indicators import (
    FEATURE_CODE_VERSION,
    compute_features,
    tier_features,
)
from phase6c.data.labels import label_down, label_up
from phase6c.data.splits import WARMUP_DAYS, Span, Splits, split_dates
from phase6c.errors import DataError

# Scaled features beyond this many standard deviations are clipped.
CLIP = 8.0


@dataclass(frozen=True)
class Block:
    """The windows of one date block, ordered by date, then ticker.

    Attributes:
        name: train or val.
        end_rows: int64[window], the panel row of the window's last day.
        y: float32[window], 1 where the price rose by the threshold, else 0.
        down: bool[window], where it fell by the threshold.
        dates: datetime64[D][window], the window's last day.
        tickers: int16[window], an index into `SearchData.tickers`.
    """

    name: str
    end_rows: np.ndarray
    y: np.ndarray
    down: np.ndarray
    dates: np.ndarray
    tickers: np.ndarray

    def __len__(self) -> int:
        return len(self.end_rows)


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of each feature over the train windows' last days.

    Attributes:
        mean: float64[feature].
        scale: float64[feature], 1 where a feature does not vary.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray) -> Scaler:
        """Fits features [row, feature]."""
        deviation = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def transform(self, features: np.ndarray) -> np.ndarray:
        """float32[row, feature] in standard deviations, clipped."""
        scaled: np.ndarray = np.clip((features - self.mean) / self.scale, -CLIP, CLIP)
        return scaled.astype(np.float32)


class BlockDates(Record):
    """All that may be known of the test block."""

    first_date: date
    last_date: date
    rows: int


class BlockSummary(BlockDates):
    """A block that may be looked at, with the share of rises in it."""

    base_rate: float


class DataSummary(Record):
    """What the blocks hold, as it is printed and stored; of test only dates and rows."""

    train: BlockSummary
    val: BlockSummary
    cal: BlockSummary
    test: BlockDates
    purge_days: int
    fractions: dict[str, float]
    tickers: tuple[str, ...]
    tickers_without_rows: tuple[str, ...]
    bars_digest: str


@dataclass(frozen=True)
class SearchData:
    """All that a trial may see: no row of it lies after the last date of val.

    Attributes:
        features: float32[row, feature], scaled on train, clipped to +-8, always finite; the rows
            of each ticker together and in order, from its first row with every feature.
        ticker_starts: int64[ticker], the panel row where each ticker begins, ascending.
        train, val: Their windows.
        feature_names: The panel's columns.
        tickers: The tickers that have rows in the panel.
        base_rate: The share of rises in train.
        config: What was asked for.
        digest: SHA-256 of the bars' digest, the config and the feature code's version.
        scaler: What the features were scaled with.
        summary: What the blocks hold.
    """

    features: np.ndarray
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

    def check_context(self, context_days: int) -> None:
        """Checks that every window of that many days lies inside its ticker's rows.

        Raises:
            DataError: A window would begin before its ticker's first row with every feature.
        """
        available = min(
            int((block.end_rows - self.ticker_starts[block.tickers]).min()) + 1
            for block in (self.train, self.val)
        )
        if context_days > available:
            raise DataError(
                f"A context may have at most {available} days with these bars",
                context_days,
                f"Set context_days to {available} or less.",
            )


def prepare_search_data(bars: Bars, config: DataConfig) -> SearchData:
    """Features, labels and blocks of the bars, without any row of cal or test.

    Raises:
        DataError: Too few rows, or a block with one class only.
        ConfigError: The tier or the label is not available yet.
    """
    features = tier_features(config.tier)
    frames = ticker_frames(bars)
    rows = _Rows.of(list(frames.values()), config)
    splits = split_dates(np.unique(rows.dates[rows.usable]), config)
    windows = {name: rows.windows_in(span) for name, span in splits.spans().items()}
    for name, window_rows in windows.items():
        _check_both_classes(name, rows.up[window_rows])

    lookback = max(feature.lookback_days for feature in features)
    in_panel = (rows.days >= lookback) & (rows.dates <= splits.val.last)
    values = np.concatenate([compute_features(frame, config.tier) for frame in frames.values()])
    present, codes = np.unique(rows.tickers[in_panel], return_inverse=True)
    panel_rows = np.cumsum(in_panel) - 1
    train, val = (
        Block(
            name=name,
            end_rows=panel_rows[windows[name]],
            y=rows.up[windows[name]].astype(np.float32),
            down=rows.down[windows[name]] == 1,
            dates=rows.dates[windows[name]],
            tickers=codes[panel_rows[windows[name]]].astype(np.int16),
        )
        for name in ("train", "val")
    )
    scaler = Scaler.fit(values[windows["train"]])
    summary = _summary(rows, windows, splits, tuple(frames), bars.digest, config)
    return SearchData(
        features=scaler.transform(values[in_panel]),
        ticker_starts=np.searchsorted(codes, np.arange(len(present))),
        train=train,
        val=val,
        feature_names=tuple(feature.name for feature in features),
        tickers=tuple(tuple(frames)[ticker] for ticker in present),
        base_rate=summary.train.base_rate,
        config=config,
        digest=_digest(bars, config),
        scaler=scaler,
        summary=summary,
    )


@dataclass(frozen=True)
class _Rows:
    """Every bar of every ticker, ticker by ticker, one entry per row in each array.

    `days` counts within the ticker, `label_ends` is the last date a usable row's label reads,
    and a row is usable if a window may end in it.
    """

    tickers: np.ndarray
    days: np.ndarray
    dates: np.ndarray
    label_ends: np.ndarray
    up: np.ndarray
    down: np.ndarray
    usable: np.ndarray

    @classmethod
    def of(cls, frames: Sequence[pd.DataFrame], config: DataConfig) -> _Rows:
        lengths = [len(frame) for frame in frames]
        days = np.concatenate([np.arange(length) for length in lengths])
        up = np.concatenate([label_up(frame, config) for frame in frames])
        dates = [dates_of(frame) for frame in frames]
        # Days without a full horizon keep their own date here; they are not usable.
        ends = [np.append(one[config.horizon_days :], one[-config.horizon_days :]) for one in dates]
        return cls(
            tickers=np.repeat(np.arange(len(frames)), lengths),
            days=days,
            dates=np.concatenate(dates),
            label_ends=np.concatenate(ends),
            up=up,
            down=np.concatenate([label_down(frame, config) for frame in frames]),
            usable=(days >= WARMUP_DAYS) & ~np.isnan(up),
        )

    def windows_in(self, span: Span) -> np.ndarray:
        """The rows in which the block's windows end, ordered by date, then ticker."""
        inside = np.flatnonzero(self.usable & span.contains(self.dates, self.label_ends))
        return inside[np.lexsort((self.tickers[inside], self.dates[inside]))]


def _check_both_classes(name: str, y: np.ndarray) -> None:
    if len(np.unique(y)) < 2:
        raise DataError(
            f"Both classes must occur in the {name} block",
            "no rows" if not len(y) else "rises only" if y[0] else "no rise",
            "Choose another threshold, horizon or label, or add bars.",
        )


def _summary(
    rows: _Rows,
    windows: dict[str, np.ndarray],
    splits: Splits,
    tickers: tuple[str, ...],
    bars_digest: str,
    config: DataConfig,
) -> DataSummary:
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
    used = set(rows.tickers[np.concatenate(list(windows.values()))])
    return DataSummary(
        **blocks,
        purge_days=splits.purge_days,
        fractions={
            "train": config.train_fraction,
            "val": config.val_fraction,
            "cal": config.cal_fraction,
            "test": round(config.test_fraction, 12),
        },
        tickers=tuple(name for code, name in enumerate(tickers) if code in used),
        tickers_without_rows=tuple(name for code, name in enumerate(tickers) if code not in used),
        bars_digest=bars_digest,
    )


def _digest(bars: Bars, config: DataConfig) -> str:
    resolved = config.model_dump(mode="json") | {"threshold": config.resolved_threshold}
    return digest_of({"bars": bars.digest, "config": resolved, "features": FEATURE_CODE_VERSION})
