"""From bars to what a trial may see of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from phase6c.config import DataConfig, digest_of
from phase6c.data.bars import Bars, ticker_frames
from phase6c.data.catalogue import TIERS, tier_features
from phase6c.data.indicators.feature import Feature
from phase6c.data.labels import LABEL_COLUMNS
from phase6c.data.leaks import check_search_data
from phase6c.data.panel import feature_panel, panel_digest
from phase6c.data.rows import Rows
from phase6c.data.scaling import Scaler
from phase6c.data.splits import split_dates
from phase6c.data.summary import summarise
from phase6c.data.windows import Block, SearchData
from phase6c.errors import DataError


def prepare_search_data(bars: Bars, config: DataConfig, cache: Path | None = None) -> SearchData:
    """Features, labels and blocks of the bars, without any row of cal or test.

    Args:
        bars: Of one or more tickers.
        config: What is predicted, from which features, on which dates.
        cache: Where computed features are kept; see `phase6c.data.panel`.

    Raises:
        DataError: Too few rows, a column that the label needs is missing, or a block has one
            class only.
        LeakError: What came out knows the future.
    """
    _check_label_columns(bars, config)
    features = tier_features(config.tier, bars.frame.columns)
    rows = Rows.of(ticker_frames(bars), config)
    splits = split_dates(rows.calendar, config)
    windows = {name: rows.windows_in(span) for name, span in splits.spans().items()}
    for name, window_rows in windows.items():
        _check_both_classes(name, rows.up[window_rows])

    lookback = max(feature.lookback_days for feature in features)
    in_panel = (rows.days >= lookback) & (rows.dates <= splits.val.last)
    panel_rows = np.cumsum(in_panel) - 1
    present, codes = np.unique(rows.tickers[in_panel], return_inverse=True)
    train, val = (
        Block(
            name=name,
            end_rows=panel_rows[windows[name]],
            y=rows.up[windows[name]].astype(np.float32),
            down=rows.down[windows[name]] == 1,
            dates=rows.dates[windows[name]],
            label_ends=rows.label_ends[windows[name]],
            tickers=codes[panel_rows[windows[name]]].astype(np.int16),
        )
        for name in ("train", "val")
    )
    panel = feature_panel(bars, features, cache)[in_panel]
    starts = np.searchsorted(codes, np.arange(len(present)))
    scaler = Scaler.fit(panel[train.end_rows], train.tickers, len(present), config.scaling)
    scaler.scale_in_place(panel, starts)
    summary = summarise(bars, rows, splits, windows, _dropped(features, config), config)
    data = SearchData(
        features=panel,
        dates=rows.dates[in_panel],
        ticker_starts=starts,
        train=train,
        val=val,
        feature_names=tuple(feature.name for feature in features),
        tickers=tuple(rows.names[ticker] for ticker in present),
        base_rate=summary.train.base_rate,
        config=config,
        digest=_digest(bars, features, config),
        scaler=scaler,
        summary=summary,
    )
    check_search_data(data)
    return data


def _check_label_columns(bars: Bars, config: DataConfig) -> None:
    missing = [name for name in LABEL_COLUMNS[config.label] if name not in bars.frame]
    if missing:
        raise DataError(
            f"The label {config.label} needs the columns {', '.join(LABEL_COLUMNS[config.label])}",
            f"no {', '.join(missing)}",
            "Use the label close or vol, or add the columns.",
        )


def _check_both_classes(name: str, y: np.ndarray) -> None:
    if len(np.unique(y)) < 2:
        raise DataError(
            f"Both classes must occur in the {name} block",
            "no rows" if not len(y) else "rises only" if y[0] else "no rise",
            "Choose another threshold, horizon or label, or add bars.",
        )


def _dropped(features: Sequence[Feature], config: DataConfig) -> tuple[str, ...]:
    kept = {feature.name for feature in features}
    return tuple(name for name in TIERS[config.tier] if name not in kept)


def _digest(bars: Bars, features: Sequence[Feature], config: DataConfig) -> str:
    asked = config.model_dump(mode="json", exclude={"threshold", "vol_multiple"})
    return digest_of({"panel": panel_digest(bars, features), **asked, "rise": config.rise})
