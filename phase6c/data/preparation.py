"""From bars to what a trial may see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from phase6c.config import DataConfig, digest_of
from phase6c.data.bars import Bars, ticker_frames
from phase6c.data.catalogue import TIERS, logged_features, tier_features
from phase6c.data.history import History
from phase6c.data.indicators.feature import Feature
from phase6c.data.labels import LABEL_COLUMNS
from phase6c.data.leaks import check_causal, check_labels, check_not_known, check_same_day
from phase6c.data.market import check_several_tickers, cross_sectional
from phase6c.data.panel import feature_panel
from phase6c.data.rows import Rows
from phase6c.data.scaling import Scaler, log_in_place
from phase6c.data.splits import TEST, Fold, Splits, split_dates
from phase6c.data.summary import DataSummary, summarise
from phase6c.data.windows import SearchData
from phase6c.errors import DataError


def prepare_search_data(bars: Bars, config: DataConfig, cache: Path | None = None) -> SearchData:
    """The part of the bars that a search may see: no row of cal or test.

    Args:
        bars: Bars of a ticker or of several.
        config: Features, label and date blocks.
        cache: Folder of features that were computed before; see `phase6c.data.panel`.

    Raises:
        DataError: There are too few rows, a column that the label needs is missing, or a block
            holds a single class.
        LeakError: Something in the result knows the future.
    """
    history, splits = _history(bars, config, cache)
    # The history is not needed any more, and a panel of hundreds of tickers fills the memory once.
    return _search_data(bars, history, splits, in_place=True)


def prepare(
    bars: Bars, config: DataConfig, cache: Path | None = None
) -> tuple[SearchData, History, Splits]:
    """The data of a search; and for its evaluation the whole history, and the date blocks.

    Args, Raises:
        See `prepare_search_data`.
    """
    history, splits = _history(bars, config, cache)
    data = _search_data(bars, history, splits)
    return data, replace(history, digest=data.digest), splits


def _history(bars: Bars, config: DataConfig, cache: Path | None) -> tuple[History, Splits]:
    """All rows with their features and labels, without a digest, and the date blocks."""
    _check_label_columns(bars, config)
    frames = ticker_frames(bars)
    check_several_tickers(config, len(frames))
    features = tier_features(config.tier, bars.frame.columns)
    check_not_known(frames)
    rows = Rows.of(frames, config)
    splits = split_dates(rows.calendar, config)
    windows = {name: rows.windows_in(span) for name, span in splits.spans().items()}
    for name, window_rows in windows.items():
        _check_both_classes(name, rows.up[window_rows], bars)
    summary = summarise(bars, rows, splits, windows, _dropped(features, config), config)

    panel = feature_panel(bars, features, cache)
    # Features are computed ticker by ticker with the same code; the longest ticker stands for all.
    longest = int(np.argmax(np.bincount(rows.tickers)))
    check_causal(frames[rows.names[longest]], features, panel[rows.tickers == longest])
    names = [feature.name for feature in features]
    logged = logged_features(names) if config.logs else ()
    log_in_place(panel, names, logged)
    wider, columns = cross_sectional(panel, names, rows.dates, config)
    if wider is not panel:
        check_same_day(wider, panel, names, rows.dates, config)
    history = History(
        features=wider,
        rows=rows,
        feature_names=columns,
        logged=logged,
        lookback_days=max(feature.lookback_days for feature in features),
        config=config,
        digest="",
        summary=summary,
    )
    return history, splits


def _search_data(
    bars: Bars, history: History, splits: Splits, *, in_place: bool = False
) -> SearchData:
    """The train and val blocks of a search; see `History.between`."""
    data = history.between(Fold(splits.train, splits.val), splits.cal.first, in_place=in_place)
    # Made again and not kept from before: beside a panel that is cut they would be memory.
    frames = ticker_frames(bars)
    for block in (data.train, data.val):
        check_labels(block, frames, data.tickers, history.config)
    digest = _digest(history.summary, data.scaler, history.feature_names, history.config)
    return replace(data, digest=digest)


def _check_label_columns(bars: Bars, config: DataConfig) -> None:
    missing = [name for name in LABEL_COLUMNS[config.label] if name not in bars.frame]
    if missing:
        raise DataError(
            f"The label {config.label} needs the columns {', '.join(LABEL_COLUMNS[config.label])}",
            bars.lacking(missing),
            "Use the label close or vol, or add the columns.",
        )


def _check_both_classes(name: str, y: np.ndarray, bars: Bars) -> None:
    if len(np.unique(y)) < 2:
        # Which class the test block has is not to be known.
        only = "one class only" if name == TEST else "rises only" if y.any() else "no rise"
        found = only if len(y) else "no rows"
        raise DataError(
            f"Both classes must occur in the {name} block",
            " ".join([found, *(f"({note.rstrip('.')})" for note in bars.notes)]),
            "Choose another threshold, horizon or label, or add bars.",
        )


def _dropped(features: Sequence[Feature], config: DataConfig) -> tuple[str, ...]:
    kept = {feature.name for feature in features}
    return tuple(name for name in TIERS[config.tier] if name not in kept)


def _digest(summary: DataSummary, scaler: Scaler, names: Sequence[str], config: DataConfig) -> str:
    """The digest of the bars and of what was made from them.

    Other code that makes the same data is no change: labels and features enter by the blocks'
    base rates and the features' moments. The moments are rounded, since the last digits of sums
    differ between processors. Logs and scaling show in the moments.
    """
    # The bars' own digest tells what was left out of them.
    made = summary.model_dump(mode="json", exclude={"notes", "dropped"})
    # Names and moments of the columns tell whether there is a market, and logs.
    given = {"threshold", "vol_multiple", "market", "logs"}
    asked = config.model_dump(mode="json", exclude=given)
    moments = [f"{value:.4g}" for value in (*scaler.mean.flat, *scaler.scale.flat)]
    return digest_of({"made": made, "asked": asked, "features": list(names), "moments": moments})
