"""Bars that repeat the bar before: filled forward, suspended, or hardly traded."""

from __future__ import annotations

import numpy as np

from phase6c.data.reading.raw import RawTable
from phase6c.data.reading.series import place
from phase6c.data.reading.ticker_days import KNOWN, MIN_CASES, TickerDays
from phase6c.wording import counted, listed

# Of all bars, the share that may repeat the bar before with its range: penny stocks come to 1.2 %;
# with its volume, too, hardly any does.
MAX_REPEATS, MAX_FULL_REPEATS = 0.05, 0.01
# Of all bars, the share that may stand still at the close before without a word.
MAX_STILL, MIN_STILL = 0.1, 20
# A stock that is not traded keeps its price for days, but not for a month.
MIN_FLAT_BARS = 20


def check_repeats(own: TickerDays, table: RawTable) -> None:
    """Refuses tickers with many bars that were filled forward; notes fewer."""
    rows = own.repeats & ~own.is_flat
    if not rows.any():
        return
    number, exact = own.per_ticker(rows), own.per_ticker(rows & _repeats_volume(own))
    wrong = (number >= MIN_CASES) & (number > MAX_REPEATS * own.counts)
    wrong |= (exact >= MIN_CASES) & (exact > MAX_FULL_REPEATS * own.counts)
    fault = f"repeats the bar before in all prices, so that {KNOWN},"
    remedy = "Leave out the bars that were filled forward."
    own.refuse(rows, np.flatnonzero(wrong), fault, remedy, table)
    if not wrong.any():
        many = counted(int(rows.sum()), "bar")
        table.note(
            f"{many} of {len(own.days):,} repeat the bar before ({_where(own, rows)}): {KNOWN}"
        )


def _repeats_volume(own: TickerDays) -> np.ndarray:
    """Whether the volume is that of the bar before, or none, bool[row]."""
    if "volume" not in own.bars:
        return np.zeros(len(own.days), dtype=bool)
    volume = own.bars["volume"].to_numpy()
    return np.asarray((volume == np.append(np.nan, volume[:-1])) | (volume == 0))


def _where(own: TickerDays, rows: np.ndarray) -> str:
    """The day on which most tickers repeat, or the first bar that does."""
    days, n_tickers = np.unique(own.days[rows], return_counts=True)
    most = int(np.argmax(n_tickers))
    if n_tickers[most] >= MIN_CASES:
        return f"{n_tickers[most]} of them on {days[most].astype('datetime64[D]')}"
    return f"first {place(own.bars, int(np.flatnonzero(rows)[0]))}"


def note_flat_runs(own: TickerDays, table: RawTable) -> None:
    """A price that stands still for a month: suspended, delisted and padded, or hardly traded."""
    still = own.stands_still & own.is_flat
    edges = np.diff(still.astype(int), prepend=0, append=0)
    told = []
    in_runs = np.zeros(len(own.names), dtype=bool)
    for begin, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if end - begin < MIN_FLAT_BARS:
            continue
        in_runs[own.codes[begin]] = True
        is_last = end == len(still) or not own.same[end]
        ends = own.bars["date"].iloc[end - 1]
        last = "the last " if is_last else ""
        name, starts = own.names[own.codes[begin]], own.bars["date"].iloc[begin]
        span = f"{starts:%Y-%m-%d} to {ends:%Y-%m-%d}"
        told.append(f"{last}{end - begin} bars of {name} ({span})")
    n_still = own.per_ticker(still)
    often = np.flatnonzero((n_still >= MIN_STILL) & (n_still > MAX_STILL * own.counts) & ~in_runs)
    if len(often):
        shares = [f"{own.names[code]} ({n_still[code] / own.counts[code]:.0%})" for code in often]
        table.note(
            f"bars stand still at the close before, as days without trade that were filled, in"
            f" {listed(shares, 4)}: their labels are no rise, which may be known beforehand"
        )
    if told:
        table.note(
            f"one price is repeated, as after a delisting or while trade is suspended, in"
            f" {listed(told, 4)}: these labels are no rise, which is known beforehand"
        )
