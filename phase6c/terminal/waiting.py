"""A spinner for the time in which nothing else can be shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from phase6c.wording import duration_text


class Waiting:
    """A spinner, what is waited for, and for how long it has been."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._spinner = Spinner("dots")
        self._began = time.monotonic()

    def __rich__(self) -> Spinner:
        elapsed = duration_text(time.monotonic() - self._began)
        self._spinner.update(text=f"{self._what}, {elapsed} so far")
        return self._spinner


@contextmanager
def waiting(what: str, *, quiet: bool) -> Iterator[None]:
    """Shows a spinner on a terminal's stderr meanwhile; nothing elsewhere, or if it is `quiet`."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield
        return
    with Live(
        Waiting(what),
        console=console,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield
