"""A console on the terminal while Ray's own output goes to a log."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from phase6c.storage.redact import RedactingFormatter
from phase6c.study.study_folder import not_writable
from phase6c.terminal.plain_text import REPLACING

Translate = Callable[[str], str]


@contextmanager
def quiet_terminal(log: Path | None) -> Iterator[Console]:
    """A console on the terminal's stderr while all other output goes to `log`.

    Ray and its processes write to stdout and stderr below Python, so the file descriptors
    themselves are moved.

    Raises:
        FolderError: The log cannot be written.
    """
    if log is None:
        yield Console(stderr=True, highlight=False)
        return
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("ab")
    except OSError as error:
        raise not_writable(log.parent, error) from error
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    terminal = _Terminal(os.dup(2))
    try:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        yield Console(file=terminal, highlight=False)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        terminal.close()
        stream.close()


class _Terminal(io.TextIOWrapper):
    """A stream to people: once nobody reads it any more, it swallows all further text."""

    def __init__(self, descriptor: int) -> None:
        raw = os.fdopen(descriptor, "wb")
        encoding = sys.stderr.encoding
        super().__init__(raw, encoding=encoding, errors=REPLACING, line_buffering=True)

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            self._fall_silent()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self._fall_silent()

    def _fall_silent(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class ConsoleHandler(logging.Handler):
    """Shows the library's own messages as plain lines above the progress display."""

    def __init__(self, console: Console, translate: Translate) -> None:
        super().__init__()
        self._console = console
        self._translate = translate

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a message."""
        self._console.print(self._translate(self.format(record)), markup=False, soft_wrap=True)


@contextmanager
def library_messages(
    console: Console, *, quiet: bool, translate: Translate = str
) -> Iterator[None]:
    """Sends the messages of `phase6c` to the console: all of them, or only warnings.

    Args:
        console: Shows them.
        quiet: Whether only warnings are shown.
        translate: Puts a message into the words of the reader.
    """
    logger = logging.getLogger("phase6c")
    handler = ConsoleHandler(console, translate)
    handler.setFormatter(RedactingFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
