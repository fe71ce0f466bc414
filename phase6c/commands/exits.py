"""What every command shares: exit codes, one message per error, and a quiet terminal."""

from __future__ import annotations

import io
import json
import logging
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec, get_args

import click
from _last_words import LastWords
from rich.console import Console

from phase6c.config import Tier
from phase6c.errors import ConfigError, DataError, FolderError, Phase6cError
from phase6c.storage.redact import RedactingFormatter

P = ParamSpec("P")

INTERNAL_ERROR, STORAGE_ERROR, PREEMPTED, INTERRUPTED, TERMINATED = 1, 74, 75, 130, 143

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_INTERRUPTED = (
    "Interrupted while no trial was running; nothing is lost. The same command goes on, with "
    "--resume where the study is there already."
)

TIERS = click.Choice(get_args(Tier))


def exits_with_code(command: Callable[P, None]) -> Callable[P, None]:
    """Turns what a command raises into one message on stderr and its exit code."""

    @wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> None:
        debug = bool(options.get("debug"))
        _open_standard_streams()
        try:
            with _signals_raised():
                command(*args, **options)
        except Phase6cError as error:
            _fail(error, f"Error: {error}", error.exit_code, debug)
        except _Signal as received:
            _fail(received, _INTERRUPTED, received.exit_code, debug)
        except KeyboardInterrupt as received:
            _fail(received, _INTERRUPTED, INTERRUPTED, debug)
        except OSError as error:
            _fail(error, f"Error: reading or writing failed; found: {error}.", STORAGE_ERROR, debug)
        except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit):
            raise
        except Exception as error:
            message = f"Internal error: {type(error).__name__}: {error}. Run again with --debug."
            _fail(error, message, INTERNAL_ERROR, debug)

    return run


class _Signal(KeyboardInterrupt):
    """A signal that ends the command before, or outside of, a search."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = PREEMPTED if number == signal.SIGUSR1 else TERMINATED


@contextmanager
def _signals_raised() -> Iterator[None]:
    def raise_it(number: int, _frame: FrameType | None) -> None:
        raise _Signal(number)

    # What is ignored stays so: that is how nohup works.
    heard = [one for one in _ENDING_SIGNALS if signal.getsignal(one) != signal.SIG_IGN]
    before = {number: signal.signal(number, raise_it) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_standard_streams() -> None:
    """Gives a command that was started with closed streams empty ones."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def _fail(error: BaseException, message: str, exit_code: int, debug: bool) -> None:
    """Says what happened, if there is anyone to hear it, and leaves."""
    with suppress(OSError):
        if debug:
            traceback.print_exc()
        for line in (message, *getattr(error, "__notes__", ())):
            click.echo(line, err=True)
    _drop_unwritten()
    sys.exit(exit_code)


def leave_at_once(
    console: Console, words: LastWords, error: Phase6cError, *, resume: bool = True
) -> None:
    """Ends the process from any thread, where what runs can neither go on nor be waited for."""
    shown_cursor = "\x1b[?25h" if console.is_terminal else ""
    text = f"{shown_cursor}\nError: {error}\n{_way_on(resume=resume)}\n"
    words.take_back()
    with suppress(OSError):
        # Past rich and Python's buffers, which whoever was interrupted may hold.
        os.write(console.file.fileno(), text.encode(errors="replace"))
    os._exit(error.exit_code)


@contextmanager
def names_the_way_on(study_file: Path, *, resume: bool = True) -> Iterator[LastWords]:
    """Adds the command that goes on to whatever ends a run that has begun.

    Yields what to take back before the process is left at once.

    Args:
        study_file: There once it has begun.
        resume: Whether the command has a --resume, or goes on by itself.
    """
    vanished = (
        "Error: the run ended without a word: killed, as for lack of memory, or by Ray, whose "
        f"last words are in {study_file.parent}. Everything finished is kept."
    )
    try:
        with LastWords(f"{vanished}\n{_way_on(resume=resume)}") as words:
            yield words
    except (Exception, KeyboardInterrupt) as error:
        usual = isinstance(error, ConfigError | DataError | FolderError)
        if study_file.exists() and not usual:
            error.add_note(_way_on(resume=resume))
        raise


def _way_on(*, resume: bool) -> str:
    given = [one for one in sys.orig_argv if one not in ("--overwrite", "--resume")]
    return f"Go on with: {shlex.join([*given, *(['--resume'] if resume else [])])}"


def _drop_unwritten() -> None:
    """Keeps Python from failing again, at its exit, on what a full or closed stdout refused."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


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
    from phase6c.study.study_folder import not_writable

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
    """A stream to people: once nobody reads it any more, it swallows what is written."""

    def __init__(self, descriptor: int) -> None:
        raw = os.fdopen(descriptor, "wb")
        super().__init__(raw, encoding="utf-8", errors="replace", line_buffering=True)

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
    handler.setFormatter(RedactingFormatter())
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
