"""The days of bars, ticker by ticker, as the checks of the calendar look at them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from phase6c.data.reading.raw import PRICES, RawTable
from phase6c.data.reading.series import steps

# Two months hold every weekday several times.
MIN_ROWS = 40
# A few odd bars are slips; so many have a cause.
MIN_CASES = 5
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6
# What repeated bars do.
KNOWN = "the label of the day before reads prices that are known by then"


class TickerDays:
    """Bars sorted by ticker and date, and what checks ask of them, as arrays with an entry per row.

    Attributes:
        bars: Bars; the index holds their places in the table.
        names: Names of the tickers.
        codes: Indices into the names.
        days: Days since 1970.
        weekday: Days of the week, from 0 for Monday.
        same: Whether the row before it has the same ticker.
        counts: Number of bars of each ticker.
        repeats: Whether all prices are those of the bar before.
        is_flat: Whether high and low are the same; true without them.
    """

    def __init__(self, bars: pd.DataFrame) -> None:
        self.bars = bars
        self.names = list(bars["ticker"].cat.categories)
        self.codes = bars["ticker"].cat.codes.to_numpy()
        self.days = bars["date"].to_numpy().astype("datetime64[D]").astype("int64")
        self.weekday = (self.days + 3) % 7
        self.same = steps(bars)[0]
        self.counts = np.bincount(self.codes, minlength=len(self.names))
        self.ends = np.cumsum(self.counts)
        prices = bars[[name for name in PRICES if name in bars]].to_numpy()
        as_before = np.append(False, (prices[1:] == prices[:-1]).all(axis=1))
        self.repeats = self.same & as_before
        self.is_flat = np.ones(len(bars), dtype=bool)
        if {"high", "low"} <= set(bars):
            self.is_flat = (bars["high"] == bars["low"]).to_numpy()

    @cached_property
    def is_weekend(self) -> np.ndarray:
        """Whether the day is a Saturday or Sunday."""
        return np.asarray(self.weekday >= SATURDAY)

    @cached_property
    def stands_still(self) -> np.ndarray:
        """Whether nothing moves: all prices repeat, or the whole bar is the close before."""
        close = self.bars["close"].to_numpy()
        unmoved = self.is_flat & self.same & (close == np.append(np.nan, close[:-1]))
        return np.asarray(self.repeats | unmoved)

    @property
    def is_between_neighbours(self) -> np.ndarray:
        """Whether the close lies on a straight line from the bar before to the bar after."""
        close = self.bars["close"].to_numpy()
        before, after = np.append(np.nan, close[:-1]), np.append(close[1:], np.nan)
        inner = self.same & np.append(self.same[1:], False)
        bend = np.abs(before + after - 2 * close)
        # Rounded to hundredths, three points of a straight line bend by less than two of them.
        slack = np.maximum(1e-6 * close, np.where(np.abs(after - before) > 0.04, 0.02, 0))
        return np.asarray(inner & (after != before) & (bend <= slack))

    def span(self, code: int) -> slice:
        """The rows of a ticker."""
        return slice(self.ends[code] - self.counts[code], self.ends[code])

    def per_ticker(self, rows: np.ndarray) -> np.ndarray:
        """How many of these rows, bool[row], each ticker has."""
        return np.bincount(self.codes[rows], minlength=len(self.names))

    def first_rows(self, rows: np.ndarray, tickers: np.ndarray) -> np.ndarray:
        """The first of these rows, bool[row], of each of these tickers, by number."""
        places = np.flatnonzero(rows)
        return places[np.searchsorted(self.codes[places], tickers)]

    def refuse(
        self, rows: np.ndarray, tickers: np.ndarray, fault: str, remedy: str, table: RawTable
    ) -> None:
        """Refuses tickers, each shown by the first of these rows, bool[row]."""
        if len(tickers):
            shown = self.bars.index.to_numpy()[self.first_rows(rows, tickers)]
            names = [str(self.names[code]) for code in tickers]
            table.fault_of(shown, names, "date", fault, remedy)
