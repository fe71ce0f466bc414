"""The early end of a run: by a signal, the time budget, or an error that would only repeat."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from phase6c.errors import Phase6cError

# Long enough for short epochs to end, short enough for a user who pressed Ctrl-C.
GRACE_S = 10.0
# The exit code of a run that was ended from outside and goes on elsewhere or later.
PREEMPTED = 75

# Ctrl-C; Slurm, Kubernetes and kill; a closed terminal; a batch system's warning of preemption.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class Halt:
    """Asks a run to end; trials stop at the end of their epoch, or after a grace.

    Args:
        time_budget_s: Seconds after which the run asks itself to end.
    """

    def __init__(self, time_budget_s: float | None = None) -> None:
        # Monotonic, so that a clock that is set does not end the run.
        self._deadline = time.monotonic() + time_budget_s if time_budget_s else None
        self._since: float | None = None
        self.signal_number: int | None = None
        self.error: Phase6cError | None = None

    @property
    def requested(self) -> bool:
        """Whether the run is to end."""
        if self._since is None and self._deadline and time.monotonic() >= self._deadline:
            self._since = time.monotonic()
        return self._since is not None

    @property
    def grace_over(self) -> bool:
        """Whether running epochs have had their time to end."""
        return self._since is not None and time.monotonic() - self._since >= GRACE_S

    def request(
        self, *, signal_number: int | None = None, error: Phase6cError | None = None
    ) -> None:
        """Asks for the end; of several reasons the first counts."""
        if self._since is None:
            self._since = time.monotonic()
            self.signal_number = signal_number
            self.error = error


@contextmanager
def signals_request(halt: Halt, leave: Callable[[int], None]) -> Iterator[Callable[[], None]]:
    """While open, a signal asks for the end, or calls `leave` where the end was asked for before.

    Yields:
        A function to be called again once others have put handlers of their own in place.
    """
    # Python sets signal handlers in the main thread alone; a run in another thread goes without.
    if not _in_main_thread():
        yield lambda: None
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if halt.requested:
            leave(number)
        halt.request(signal_number=number)

    # A signal that is ignored stays ignored: that is how nohup works.
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]

    def listen() -> None:
        for number in heard:
            signal.signal(number, handle)

    with _handlers_restored():
        listen()
        yield listen


@contextmanager
def signals_held() -> Iterator[None]:
    """While open, signals wait; processes that are started meanwhile never hear of them.

    Ray replaces handlers when it starts. A terminal and a batch system send their signals to all
    processes of a group: Ray's must survive them, so that running epochs can end.
    """
    if not _in_main_thread():
        yield
        return
    # A child process inherits the mask.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with _handlers_restored():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _handlers_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def exit_code_of(signal_number: int) -> int:
    """130 for SIGINT, 75 for SIGUSR1 (preempted), 143 for SIGTERM and SIGHUP."""
    return {int(signal.SIGINT): 130, int(signal.SIGUSR1): PREEMPTED}.get(signal_number, 143)
