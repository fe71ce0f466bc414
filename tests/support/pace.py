"""What an act costs in units of the machine that it runs on, so that no limit is one of a clock."""

from __future__ import annotations

import resource
from collections.abc import Callable

import numpy as np

NUMBERS = np.random.default_rng(0).standard_normal(100_000)


def cost(act: Callable[[], object], rounds: int = 3) -> float:
    """How many times as much CPU time an act takes as a fixed piece of work, its processes too.

    A processor of 2023 does about 150 units a second. Work and act take turns, and the cheapest
    of each counts, as it was disturbed least.
    """
    pairs = [(cpu_seconds(_unit), cpu_seconds(act)) for _ in range(rounds)]
    unit, cheapest = (min(column) for column in zip(*pairs, strict=True))
    return cheapest / unit


def cpu_seconds(act: Callable[[], object]) -> float:
    """The CPU time of an act and of the processes that it waits for; queueing is not in it."""
    before = _used()
    act()
    return _used() - before


def _used() -> float:
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in found)


def _unit() -> None:
    np.sort(NUMBERS)
    sum(number * number for number in range(100_000))
