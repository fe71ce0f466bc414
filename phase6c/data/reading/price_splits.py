"""Splits and spin-offs that prices or volumes were not adjusted for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phase6c.data.reading.raw import RawTable
from phase6c.data.reading.series import of_bar_before, place, steps
from phase6c.wording import listed

# New shares for old ones, or old ones for a new one.
RATIOS = (1.5, 2, 3, 4, 5, 6, 7, 8, 10, 20)
# A factor of adjustment that changes and is back on the next day is a slip.
MIN_SLIP = 1.2
# Over the night of a split the price moves for other reasons, too.
TOLERANCE = 0.03
# A spin-off takes any part of the price. It is told from news by a jump that is large, in standard
# deviations of the ticker's daily returns, for the volume of its day in units of the usual one.
MIN_SPIN_OFF, MIN_SPIN_OFF_DEVIATIONS = 1.25, 12
MIN_SPLIT_DEVIATIONS = 6
DEVIATIONS_A_VOLUME = 5
# What is usual for a ticker is told by so many of its days before.
USUAL_DAYS, MIN_USUAL_DAYS = 60, 20
# Of a split, more than half is left when the days before and after it are compared.
DAYS_AROUND, MIN_KEPT = 5, 0.5


def note_splits(bars: pd.DataFrame, table: RawTable) -> None:
    """Notes opens far from the close before that look like splits, the likeliest first.

    Args:
        bars: Bars without faults, sorted by ticker and date.
        table: Table that receives the note.
    """
    same, _ = steps(bars)
    with np.errstate(all="ignore"):
        before = of_bar_before(bars["close"].to_numpy(), same)
        # A split acts between a close and the next open, where hardly anything else moves prices.
        overnight = bars.get("open", bars["close"]).to_numpy() / before
        size = np.maximum(overnight, 1 / overnight)
    near = _is_near_a_ratio(size)
    candidates = np.flatnonzero(near | (size >= MIN_SPIN_OFF))
    found = [(row, near[row]) for row in candidates if _is_split(bars, int(row), bool(near[row]))]
    if not found:
        return
    found.sort(key=lambda one: (not one[1], -size[one[0]]))
    (first, is_near), *others = found
    kind = "split" if is_near else "split or spin-off"
    told = [f"{place(bars, row)} ({overnight[row]:.3g})" for row, _ in others]
    table.note(
        f"{place(bars, first)} looks like an unadjusted {kind}, at"
        f" {overnight[first]:.3g} times the close before"
        + (f", and so do {listed(told)}" if told else "")
    )


def _is_near_a_ratio(size: np.ndarray) -> np.ndarray:
    return np.asarray(
        np.logical_or.reduce([np.abs(size / ratio - 1) <= TOLERANCE for ratio in RATIOS])
    )


def _is_split(bars: pd.DataFrame, row: int, near: bool) -> bool:
    """Whether a jump is more likely a split than news; a ticker's first days cannot tell."""
    codes = bars["ticker"].cat.codes.to_numpy()
    own = slice(int(np.searchsorted(codes, codes[row])), row)
    past = slice(max(own.start, row - USUAL_DAYS), row)
    close = np.log(bars["close"].to_numpy()[past])
    if len(close) <= MIN_USUAL_DAYS:
        return near
    after = slice(row, row + DAYS_AROUND)
    later = np.log(bars["close"].to_numpy()[after][codes[after] == codes[row]])
    opened = np.log(bars.get("open", bars["close"]).to_numpy()[row])
    jump = opened - close[-1]
    kept = (np.median(later) - np.median(close[-DAYS_AROUND:])) / jump
    deviation = np.diff(close).std()
    least: float = MIN_SPLIT_DEVIATIONS if near else MIN_SPIN_OFF_DEVIATIONS
    least = max(least, DEVIATIONS_A_VOLUME * _relative_volume(bars, row, past, jump))
    return bool(abs(jump) >= least * deviation and kept > MIN_KEPT)


def _relative_volume(bars: pd.DataFrame, row: int, past: slice, jump: float) -> float:
    """The day's volume in units of the usual one, both in shares as they were before."""
    if "volume" not in bars:
        return 0.0
    volume = bars["volume"].to_numpy()
    usual = float(np.median(volume[past])) * max(float(np.exp(-jump)), 1.0)
    return float(volume[row]) / usual if usual > 0 else 0.0


def check_adjustment(bars: pd.DataFrame, table: RawTable) -> None:
    """Names slips of adj_close, and splits that it is adjusted for and volume is not.

    Args:
        bars: Columns ticker, date, close, adj_close and [volume], in any order of the rows; the
            index holds their places in the table.
        table: Table that receives problems and notes.
    """
    bars = bars.sort_values(["ticker", "date"], kind="stable")
    same, _ = steps(bars)
    with np.errstate(all="ignore"):
        factor = (bars["adj_close"] / bars["close"]).to_numpy()
        change = factor / of_bar_before(factor, same)
        size = np.maximum(change, 1 / change)
    back = np.append(change[1:], np.nan)
    slips = (size >= MIN_SLIP) & (np.abs(change * back - 1) <= TOLERANCE)
    fault = "is out of line with the days before and after"
    table.fault_in(bars.index.to_numpy()[slips], "adj_close", fault, "Correct it.")
    near = _is_near_a_ratio(size)
    rows = np.flatnonzero(near & ~slips & ~np.append(False, slips[:-1]))
    if len(rows) and "volume" in bars:
        days = [place(bars, row) for row in rows]
        table.note(
            f"adj_close is adjusted for splits ({listed(days, 4)}) and volume may not be: where it"
            " counts the shares of its day, its level changes there"
        )
