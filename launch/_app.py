"""What every command shares: exit codes, one message per error, and a quiet terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, get_args

import click
from rich.console import Console

from phase6c.config import Tier
from phase6c.errors import ConfigError, Phase6cError

P = ParamSpec("P")

INTERNAL_ERROR = 1

TIERS = click.Choice(get_args(Tier))


def exits_with_code(command: Callable[P, None]) -> Callable[P, None]:
    """Turns what a command raises into one message on stderr and its exit code."""

    @wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> None:
        debug = bool(options.get("debug"))
        try:
            command(*args, **options)
        except Phase6cError as error:
            _fail(f"Error: {error}", error.exit_code, debug)
        except KeyboardInterrupt:
            _fail("Interrupted before the search began; nothing was changed.", 130, debug)
        except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit):
            raise
        except Exception as error:
            _fail(
                f"Internal error: {type(error).__name__}: {error}. Run again with --debug.",
                INTERNAL_ERROR,
                debug,
            )

    return run


def _fail(message: str, exit_code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    click.echo(message, err=True)
    sys.exit(exit_code)


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
    from phase6c.study_folder import not_writable

    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = log.open("ab")
    except OSError as error:
        raise not_writable(log.parent, error) from error
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
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


class ConsoleHandler(logging.Handler):
    """Shows the library's own messages as plain lines above the progress display."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one message."""
        self._console.print(self.format(record), markup=False, soft_wrap=True)


@contextmanager
def library_messages(console: Console, *, quiet: bool) -> Iterator[None]:
    """Sends the messages of `phase6c` to the console: all of them, or only warnings."""
    logger = logging.getLogger("phase6c")
    handler = ConsoleHandler(console)
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)


def parse_setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE, with the value read as a number, true/false, or else as text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError("--set takes NAME=VALUE", text, "Use --set dropout=0.1.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Pinned values by name, each given once."""
    pins: dict[str, Any] = {}
    for text in texts:
        name, value = parse_setting(text)
        if name in pins:
            raise ConfigError("--set takes each name once", name, "Keep one of its values.")
        pins[name] = value
    return pins


def parse_duration(text: str | None) -> float | None:
    """Seconds of a duration such as 90s, 30m, 8h or 2d."""
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        seconds = float(text[:-1]) * units[text[-1:]]
    except (KeyError, ValueError):
        seconds = 0.0
    if seconds <= 0:
        raise ConfigError("A duration must be a number with s, m, h or d", text, "Use 30m or 8h.")
    return seconds


def duration_text(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
