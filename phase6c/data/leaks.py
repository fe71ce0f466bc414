"""Checks that nothing which is learnt from knows the future or another block.

They look at what came out, not at how it was made, so that a mistake in the making shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.feature import Feature
from phase6c.data.scaling import CLIP, MIN_TICKER_WINDOWS
from phase6c.data.windows import Block, SearchData
from phase6c.errors import LeakError

# What no single feature of an honest panel reaches, and how many windows tell so.
MAX_FEATURE_AUC = 0.95
_AUC_WINDOWS = 2_000
_AUC_MIN_CLASS = 30
# Rounding of float32 moves a scaled feature's mean by less.
_SCALING_TOLERANCE = 1e-3

_BUG = "This is a mistake in phase6c; please report it."


def check_causal(frame: pd.DataFrame, features: Sequence[Feature], n_days: int) -> None:
    """Checks that the features of the first days are the same without the days that follow.

    Args:
        frame: One ticker's bars, one row a day.
        features: What to check.
        n_days: How many days remain.

    Raises:
        LeakError: A feature changes; it has read a later bar.
    """
    whole = compute_features(frame, features)[:n_days]
    alone = compute_features(frame[:n_days], features)
    same = np.isclose(whole, alone, rtol=1e-9, atol=1e-12, equal_nan=True).all(axis=0)
    for feature, unchanged in zip(features, same, strict=True):
        if not unchanged:
            raise LeakError("A feature must not read later bars", feature.name, _BUG)


def check_search_data(data: SearchData) -> None:
    """Checks the dates of the blocks, the scaler, and that no feature is the label itself.

    Raises:
        LeakError: Something knows the future or another block.
    """
    _check_dates(data)
    for block in (data.train, data.val):
        _check_windows(data, block)
    _check_scaling(data)
    _check_features(data)


def _check_dates(data: SearchData) -> None:
    """Labels end before the next block begins, and no row lies after the last block."""
    borders = (
        ("train", data.train.label_ends.max(), data.val.dates.min()),
        ("val", data.val.label_ends.max(), np.datetime64(data.summary.cal.first_date)),
        ("panel", data.dates.max(), np.datetime64(data.summary.cal.first_date)),
    )
    for name, last, border in borders:
        if last >= border:
            raise LeakError(
                f"Nothing in {name} may reach {border}, where the next block begins", last, _BUG
            )


def _check_windows(data: SearchData, block: Block) -> None:
    """A window ends on its own date within its own ticker, and its label follows it."""
    stops = np.append(data.ticker_starts[1:], len(data.features))
    own = (
        (data.dates[block.end_rows] == block.dates)
        & (block.label_ends > block.dates)
        & (block.end_rows >= data.ticker_starts[block.tickers])
        & (block.end_rows < stops[block.tickers])
    )
    if not own.all():
        date = block.dates[np.argmin(own)]
        raise LeakError(
            f"A window of {block.name} must end on its date, before its label", date, _BUG
        )


def _check_scaling(data: SearchData) -> None:
    """Over the train windows, a feature that was not clipped has mean 0 and deviation 1."""
    for rows in _scaled_together(data):
        scaled = data.features[rows]
        deviation = scaled.std(axis=0, dtype=np.float64)
        judged = (np.abs(scaled).max(axis=0) < CLIP) & (deviation > 0)
        off = np.maximum(np.abs(scaled.mean(axis=0, dtype=np.float64)), np.abs(deviation - 1))
        if (off[judged] > _SCALING_TOLERANCE).any():
            name = data.feature_names[int(np.argmax(np.where(judged, off, 0)))]
            raise LeakError("The scaler must be fitted on the train windows alone", name, _BUG)


def _scaled_together(data: SearchData) -> Iterator[np.ndarray]:
    """The panel rows of the train windows that share a mean and a deviation."""
    if data.config.scaling == "pooled":
        yield data.train.end_rows
        return
    for ticker in range(len(data.tickers)):
        rows = data.train.end_rows[data.train.tickers == ticker]
        if len(rows) >= MIN_TICKER_WINDOWS:
            yield rows


def _check_features(data: SearchData) -> None:
    """A feature that tells the label almost surely has seen it."""
    chosen = np.linspace(0, len(data.train) - 1, min(len(data.train), _AUC_WINDOWS)).astype(int)
    y = data.train.y[chosen] == 1
    n_up, n_other = int(y.sum()), int((~y).sum())
    if min(n_up, n_other) < _AUC_MIN_CLASS:
        return
    ranks = rankdata(data.features[data.train.end_rows[chosen]], axis=0)
    auc = (ranks[y].sum(axis=0) - n_up * (n_up + 1) / 2) / (n_up * n_other)
    best = int(np.argmax(np.abs(auc - 0.5)))
    if abs(auc[best] - 0.5) > MAX_FEATURE_AUC - 0.5:
        raise LeakError(
            f"No single feature may tell the label with an AUC above {MAX_FEATURE_AUC}",
            f"{data.feature_names[best]} with {auc[best]:.3f}",
            "Check that each row of the bars holds its own day, not the next one's.",
        )
