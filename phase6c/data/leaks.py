"""Checks that nothing which is learnt from knows the future or another block.

They look at the finished data and make them again in another way, so that a mistake in the making
shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from phase6c.config import DataConfig, Scaling
from phase6c.data.bars import dates_of
from phase6c.data.indicators.feature import Feature
from phase6c.data.labels import coming_moves, label_down, label_up
from phase6c.data.market import cross_sectional
from phase6c.data.panel import ticker_features
from phase6c.data.scaling import MIN_TICKER_WINDOWS, Scaler
from phase6c.data.windows import Block, SearchData
from phase6c.errors import DataError, LeakError

_BUG = "This is a mistake in phase6c; please report it."
# The features of this share of a ticker's days are made again with other bars after them.
_CAUSAL_SHARE = 0.8
# What the later prices and volumes are multiplied by, so that any rise and any fall shows.
_DISTURBANCES = (2.0, 0.5)
# The days whose market is made again.
_DAYS_CHECKED = 20
# float32 and the order of sums.
_TOLERANCE = 1e-5
# Quiet days follow quiet days, so that a day's high foretells the next one's: on weekdays of real
# 700 stocks by a rank correlation of at most .4. A bar that is filled forward foretells it wholly.
MAX_RANK_CORRELATION, MIN_WEEKDAY_BARS = 0.7, 50


def check_causal(frame: pd.DataFrame, features: Sequence[Feature], values: np.ndarray) -> None:
    """Checks that features stay what they are when the bars after them are others.

    Args:
        frame: Bars of a ticker, a row for each day.
        features: Features to check.
        values: float[day, feature], as they were made.

    Raises:
        LeakError: A feature has read a later bar, or is not made from these bars at all.
    """
    # A feature that reads later bars changes when these change; a masked or shifted check of the
    # values alone would not see it.
    n_days = int(_CAUSAL_SHARE * len(frame))
    for by in _DISTURBANCES:
        again = ticker_features(_disturbed(frame, n_days, by), features)[:n_days]
        same = np.isclose(again, values[:n_days], rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
        for feature, unchanged in zip(features, same.all(axis=0), strict=True):
            if not unchanged:
                raise LeakError("A feature must not read later bars", feature.name, _BUG)


def _disturbed(frame: pd.DataFrame, n_days: int, by: float) -> pd.DataFrame:
    """The bars, with other prices, volumes and dates from a day on."""
    numbers = [name for name in frame if name not in ("date", "ticker")]
    later = frame.iloc[n_days:]
    other = later.assign(
        date=later["date"] + pd.Timedelta(days=40), **{name: by * later[name] for name in numbers}
    )
    return pd.concat([frame.iloc[:n_days], other])


def check_same_day(
    wider: np.ndarray,
    panel: np.ndarray,
    names: Sequence[str],
    dates: np.ndarray,
    config: DataConfig,
) -> None:
    """Checks that the market of a day is the same where there is no other day.

    Args:
        wider: float32[row, feature], as `cross_sectional` made it.
        panel: What it was made from.
        names: Names of the panel's columns.
        dates: Date of each row.
        config: What was asked for.

    Raises:
        LeakError: A column has read the bars of another day.
    """
    days = np.unique(dates)
    for day in days[:: max(len(days) // _DAYS_CHECKED, 1)]:
        rows = np.flatnonzero(dates == day)
        again, columns = cross_sectional(panel[rows], names, dates[rows], config)
        same = np.isclose(again, wider[rows], rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
        for name, unchanged in zip(columns, same.all(axis=0), strict=True):
            if not unchanged:
                raise LeakError("The market of a day must be of that day's bars", name, _BUG)


def check_not_known(frames: Mapping[str, pd.DataFrame]) -> None:
    """Checks that a day's bar does not tell the next bar's high better than it may.

    Bars that were filled forward repeat the day before, on weekends or on any other day of the
    week: the labels of the days before are known then, and every later figure is too good.

    Args:
        frames: Bars of each ticker.

    Raises:
        DataError: On some day of the week a ticker's highs follow from those of the day before.
    """
    for ticker, frame in frames.items():
        if "high" not in frame:
            continue
        close = frame["close"].to_numpy()[:-1]
        highs = pd.DataFrame(
            {
                "weekday": frame["date"].dt.day_name().to_numpy()[:-1],
                "today": frame["high"].to_numpy()[:-1] / close,
                "tomorrow": frame["high"].to_numpy()[1:] / close,
            }
        )
        # Days without a range, as after a delisting, are noted when they are read.
        highs = highs[(frame["high"] > frame["low"]).to_numpy()[:-1]]
        of_weekday = highs.groupby("weekday", sort=False)
        ranks = of_weekday.rank()
        for weekday, rows in of_weekday.indices.items():
            own = ranks.iloc[rows]
            known = len(rows) >= MIN_WEEKDAY_BARS and own["today"].corr(own["tomorrow"])
            if known > MAX_RANK_CORRELATION:
                raise DataError(
                    "A day's bar must not tell the next bar's high, or labels are known beforehand",
                    f"{ticker}: rank correlation {known:.2f} over {len(rows)} bars of {weekday}s",
                    "Leave out the bars that were filled forward.",
                )


def check_labels(
    block: Block,
    frames: Mapping[str, pd.DataFrame],
    tickers: Sequence[str],
    config: DataConfig,
) -> None:
    """Checks that labels and coming moves are the same without any bar from the block's border on.

    Args:
        block: Windows and their labels.
        frames: Bars of each ticker.
        tickers: Names that the block's numbers stand for.
        config: Horizon and label.

    Raises:
        LeakError: A label reads the next block, or is not the label of its window.
    """
    for number in np.unique(block.tickers):
        own = block.tickers == number
        frame = frames[tickers[number]]
        if block.border is not None:
            frame = frame[dates_of(frame) < block.border]
        dates, asked = dates_of(frame), block.dates[own]
        rows = np.minimum(np.searchsorted(dates, asked), len(dates) - 1)
        coming = coming_moves(frame, config)[rows].astype(np.float32)
        same = (
            (dates[rows] == asked)
            & (label_up(frame, config)[rows] == block.y[own])
            & ((label_down(frame, config)[rows] == 1) == block.down[own])
            & np.isclose(coming, block.coming[own], equal_nan=True).all(axis=1)
        )
        if not same.all():
            date = asked[np.argmin(same)]
            raise LeakError(
                f"A label of {block.name} must follow from bars before {block.border}", date, _BUG
            )


def check_scaler(
    scaler: Scaler, panel: np.ndarray, train: Block, n_tickers: int, scaling: Scaling
) -> None:
    """Checks that the scaler holds the moments of the train windows and of nothing else.

    Args:
        scaler: Moments as they were fitted.
        panel: float32[row, feature], not yet scaled.
        train: The train windows.
        n_tickers: How many tickers the panel has.
        scaling: Whether the tickers are scaled together.

    Raises:
        LeakError: The scaler's mean or deviation differs.
    """
    groups = [np.ones(len(train), dtype=bool)]
    if scaling == "per_ticker":
        each = [train.tickers == ticker for ticker in range(n_tickers)]
        groups = [own if own.sum() >= MIN_TICKER_WINDOWS else groups[0] for own in each]
    for group, mean, scale in zip(groups, scaler.mean, scaler.scale, strict=True):
        rows = train.end_rows[group]
        # A feature at a time: all of them together would be another panel.
        columns = (pd.Series(panel[rows, place]) for place in range(panel.shape[1]))
        again = np.array([(own.mean(), own.std(ddof=0)) for own in columns], dtype=np.float64)
        varies = scale > 0
        size = np.where(varies, scale, 1.0)
        off_mean = np.abs(again[:, 0] - mean) / (size + np.abs(mean))
        off_scale = np.abs(again[:, 1] / size - 1) * varies
        if max(off_mean.max(), off_scale.max()) > 1e-3:
            raise LeakError("The scaler must be fitted on the train windows alone", None, _BUG)


def check_search_data(data: SearchData) -> None:
    """Checks the dates, the order and the finiteness of the data of a trial.

    Raises:
        LeakError: Something knows the future or another block.
    """
    borders = (
        (data.train.name, data.train.label_ends, data.train.border),
        (data.val.name, data.val.label_ends, data.val.border),
        ("panel", data.dates, data.val.border),
    )
    for name, dates, border in borders:
        if border is not None and len(dates) and dates.max() >= border:
            rule = f"Nothing in {name} may reach {border}, where the next block begins"
            raise LeakError(rule, dates.max(), _BUG)
    steps = np.diff(data.dates).astype(int)
    # From a ticker's last row to the next ticker's first row the dates may well go back.
    steps[data.ticker_starts[1:] - 1] = 1
    if (steps <= 0).any():
        date = data.dates[np.argmax(steps <= 0)]
        raise LeakError("The dates of a ticker must ascend in the panel", date, _BUG)
    for block in (data.train, data.val):
        _check_windows(data, block)
    # The extremes tell it of all values, without a mask as large as a quarter of the panel.
    if not np.isfinite([data.features.min(), data.features.max()]).all():
        raise LeakError("Every feature must be finite", None, _BUG)
    if not np.isclose(data.base_rate, data.train.y.mean(dtype=np.float64)):
        raise LeakError("The base rate must be that of train", data.base_rate, _BUG)


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
        rule = f"A window of {block.name} must end on its date, before its label"
        raise LeakError(rule, date, _BUG)
