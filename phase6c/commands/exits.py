"""How every command ends: its exit code, a single message, and the command that goes on."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, ParamSpec

import click

from phase6c.commands.flags import translator
from phase6c.errors import ConfigError, DataError, FolderError, Phase6cError
from phase6c.terminal.last_words import LastWords
from phase6c.terminal.plain_text import accept_any_text

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")

INTERNAL_ERROR, STORAGE_ERROR, PREEMPTED, INTERRUPTED, TERMINATED = 1, 74, 75, 130, 143

_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_INTERRUPTED = "Interrupted while no trial was running; nothing is lost. The same command goes on"
_BY_RESUME = ", with --resume where the study is there already"


def exits_with_code(command: Callable[P, None]) -> Callable[P, None]:
    """Turns an error of a command into a single message on stderr and its exit code."""

    @wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> None:
        debug = bool(options.get("debug"))
        interrupted = f"{_INTERRUPTED}{_BY_RESUME if 'resume' in options else ''}."
        _open_standard_streams()
        try:
            _check_current_folder()
            with _signals_raised():
                command(*args, **options)
        except Phase6cError as error:
            _fail(error, f"Error: {error}", error.exit_code, debug)
        except _Signal as received:
            _fail(received, interrupted, received.exit_code, debug)
        except KeyboardInterrupt as received:
            _fail(received, interrupted, INTERRUPTED, debug)
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

    # A signal that is ignored stays so: that is how nohup works.
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
    for stream in (sys.stdout, sys.stderr):
        accept_any_text(stream)


def _check_current_folder() -> None:
    """Libraries fail each in its own way where the current folder was deleted.

    Raises:
        FolderError: It was.
    """
    try:
        Path.cwd()
    except OSError as error:
        raise FolderError(
            "A command must be started in a folder that is there",
            f"the current folder: {error.strerror}",
            "Change into another folder, or make it again and change into it.",
        ) from error


def _fail(error: BaseException, message: str, exit_code: int, debug: bool) -> None:
    """Prints the message, as far as stderr takes it, and leaves."""
    in_flags = translator()
    with suppress(OSError):
        if debug:
            traceback.print_exc()
        for line in (message, *getattr(error, "__notes__", ())):
            # Named, since click would write UTF-8 to a stream that takes ASCII alone.
            click.echo(in_flags(line), file=sys.stderr)
    _drop_unwritten()
    sys.exit(exit_code)


def _drop_unwritten() -> None:
    """Keeps Python from failing again, at its exit, on text that a full stdout refused."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def leave_at_once(
    console: Console,
    words: LastWords,
    translate: Callable[[str], str],
    error: Phase6cError,
    *,
    resume: bool = True,
) -> None:
    """Ends the process from any thread, where its run can neither go on nor be waited for."""
    shown_cursor = "\x1b[?25h" if console.is_terminal else ""
    text = f"{shown_cursor}\nError: {translate(str(error))}\n{way_on(resume=resume)}\n"
    words.take_back()
    with suppress(OSError):
        # Past rich and Python's buffers, whose locks the interrupted code may hold.
        os.write(console.file.fileno(), text.encode(errors="replace"))
    os._exit(error.exit_code)


@contextmanager
def names_the_way_on(study_file: Path, *, resume: bool = True) -> Iterator[LastWords]:
    """Adds the command that goes on to any error or signal that ends a run that has begun.

    Yields the last words, to be taken back before the process is left at once.

    Args:
        study_file: A file that is there once the run has begun.
        resume: Whether the command has a --resume, or goes on by itself.
    """
    vanished = (
        "Error: the run ended without a word: killed, as for lack of memory, or by Ray, whose "
        f"last words are in {study_file.parent}. Everything finished is kept."
    )
    try:
        with LastWords(f"{vanished}\n{way_on(resume=resume)}") as words:
            yield words
    except (Exception, KeyboardInterrupt) as error:
        usual = isinstance(error, ConfigError | DataError | FolderError)
        if study_file.exists() and not usual:
            error.add_note(way_on(resume=resume))
        raise


def way_on(*, resume: bool) -> str:
    """The command that goes on, in the words in which the running command was typed."""
    given = [one for one in typed_command() if one not in ("--overwrite", "--resume")]
    return f"Go on with: {shlex.join([*given, *(['--resume'] if resume else [])])}"


def typed_command() -> list[str]:
    """`phase6c ...`, `python -m phase6c ...` or `python launch/tune.py ...`."""
    script = Path(sys.argv[0])
    if script.suffix == ".py":
        return sys.orig_argv
    # The system runs an installed script as the Python in its first line with the script's path.
    on_path = shutil.which(script.name)
    is_on_path = on_path is not None and os.path.realpath(on_path) == os.path.realpath(script)
    return [script.name if is_on_path else sys.argv[0], *sys.argv[1:]]
