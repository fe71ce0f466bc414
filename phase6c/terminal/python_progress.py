"""Interim: replaced by phase6c.terminal.progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from phase6c.records import Trial


class Goal(NamedTuple):
    """How many trials are to be finished, and which of them count."""

    total: int
    counts: Callable[[Trial], bool]


@contextmanager
def progress_display(*, shown: bool) -> Iterator[Callable[..., Any] | None]:
    """Interim."""
    yield None
