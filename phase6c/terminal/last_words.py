"""A word for a process that ends without its own: killed, or ended by Ray from within."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from types import TracebackType

# Waits for the end of its stdin; a process that ends as it should writes there before.
_WAITING = "import sys; sys.stdin.read() or sys.stderr.write(sys.argv[1])"


class LastWords:
    """While open, a process of its own says `text` on stderr if this one vanishes.

    Args:
        text: Some lines.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> LastWords:
        shown_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""
        # In a session of its own, it does not hear the signals that end this process.
        self._waiting = subprocess.Popen(  # noqa: S603 - our own line, by the same Python
            [sys.executable, "-ISc", _WAITING, f"{shown_cursor}\n{self._text}\n"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.take_back()
        self._waiting.wait()

    def take_back(self) -> None:
        """This process ends as it should, and says itself why."""
        pipe = self._waiting.stdin
        if pipe is not None and not pipe.closed:
            with suppress(OSError):
                pipe.write(b"said")
                pipe.close()
