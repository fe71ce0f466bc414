"""Counts, lists and durations as people say them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A count with its noun, as "1 row" or "2,000 rows"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def more(count: int, noun: str) -> str:
    """So many more of them, as "2 more rows"."""
    return f"{count} more {noun}{'s' * (count > 1)}"


def listed(names: list[str], limit: int = 12) -> str:
    """The names separated by commas, the first of many."""
    others = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {others} more" if others > 0 else "")


def times(n: int) -> str:
    """How often, in words."""
    return "once" if n == 1 else f"{n} times"


def words(name: str) -> str:
    """A baseline's name as people read it."""
    return name.replace("_", " ")


def metric_words(name: str) -> str:
    """A metric's name as people read it."""
    return words(name).replace("auc", "AUC")


def duration_text(seconds: float) -> str:
    """A duration in the unit that people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def duration_range_text(low_s: float, high_s: float) -> str:
    """A range of durations, as "20 to 45 min" or "50 s to 3 min"."""
    low, high = duration_text(low_s), duration_text(high_s)
    number, unit = low.split()
    return f"{number if high.endswith(f' {unit}') else low} to {high}"
