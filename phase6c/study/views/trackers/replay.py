"""Tells a tracker what a ledger says: what is new in it, and all of it once it has ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from filelock import FileLock, Timeout

from phase6c.arguments import folder_of
from phase6c.errors import ConfigError, FolderError, ResourceError
from phase6c.storage.files import whole_lines
from phase6c.storage.redact import redact
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import damaged
from phase6c.study.study import load_study
from phase6c.study.study_config import read_study_config
from phase6c.study.study_folder import not_writable
from phase6c.study.views.trackers.destination import Destination, destinations
from phase6c.study.views.trackers.told import Told, Tracker, first_told
from phase6c.wording import counted

# A tracker that does not take so many trials, one after the other, takes none.
_MOST_FAULTS = 2
_LONGEST_FAULT = 120
# A run that has just ended may still be telling its last.
_OTHER_ENDS_S = 10.0


def track_study(
    study: str | PathLike[str], *, mlflow: str | None = None, wandb: str | None = None
) -> None:
    """Sends a study that has ended or was stopped to trackers, as far as they do not have it.

    Args:
        study: Study or its folder.
        mlflow: Address of MLflow: of a server, or of a database such as `sqlite:///mlflow.db`.
        wandb: Name of a project of W&B's.

    Raises:
        ConfigError: No tracker is named, or not as it must be.
        FolderError: There is no study in the folder, or another process sends it.
        ResourceError: A tracker's package is not installed, or it does not take what it is sent.
        StorageError: A file of the study is damaged.
    """
    named = destinations(mlflow, wandb)
    if not named:
        rule, remedy = "A study is sent to a tracker", "Name it with `mlflow` or `wandb`."
        raise ConfigError(rule, "none is named", remedy)
    folder = folder_of(study, "study")
    load_study(folder)
    for destination in named:
        with sole_sender(folder, destination, _OTHER_ENDS_S):
            replay = Replay(folder, destination)
            replay.read()
            fault = replay.tell() or replay.finish()
        if fault is not None:
            raise ResourceError(
                "A tracker must take what it is sent",
                f"{destination}, with {counted(replay.n_waiting, 'trial')} left: {fault}",
                "See to the tracker; the same again sends only what is missing.",
            )


class Replay:
    """A ledger that is read as it grows, and a tracker that is told of it.

    The ledger is itself the queue: of a trial that a slow tracker was not told of for a while, all
    that is missing is told at once.

    Args:
        folder: The study's folder.
        destination: The tracker, which is opened when there is something to tell.
    """

    def __init__(self, folder: Path, destination: Destination) -> None:
        self._folder, self._destination = folder, destination
        self._tracker: Tracker | None = None
        self._begin = 0
        self._told: dict[int, Told] = {}
        # Numbers of the trials that the tracker has not been told of to their last row.
        self._waiting: dict[int, None] = {}

    @property
    def n_waiting(self) -> int:
        """Number of trials of which something is still to be told."""
        return len(self._waiting)

    def read(self) -> None:
        """Takes in the rows that are new in the ledger.

        Raises:
            StorageError: It is damaged.
        """
        path = self._folder / LEDGER_NAME
        for line in whole_lines(path, self._begin):
            try:
                row = json.loads(line)
                known = self._told.get(row["number"])
                told = first_told(row) if known is None else known.after(row)
            except (LookupError, TypeError, ValueError) as error:
                raise damaged(path, error) from error
            self._told[told.trial.number] = told
            self._waiting[told.trial.number] = None
            self._begin += len(line) + len(b"\n")

    def tell(self, on_told: Callable[[Told], None] = lambda _: None) -> str | None:
        """Tells the tracker of every trial that waits; what went wrong, if anything did.

        Args:
            on_told: Called with each trial that the tracker has taken.
        """
        fault, in_a_row = None, 0
        for number in list(self._waiting):
            told = self._told[number]
            # Out of its turn, so that a trial that is not taken holds up no other.
            del self._waiting[number]
            try:
                self._opened().tell(told)
            except Exception as error:  # whatever a tracker's library raises
                self._waiting[number] = None
                fault, in_a_row = _text(error), in_a_row + 1
                if in_a_row == _MOST_FAULTS:
                    break
            else:
                in_a_row = 0
                on_told(told)
        return fault

    def finish(self) -> str | None:
        """Tells how the study stands, and ends what is open; what went wrong, if anything did."""
        trials = {number: told.trial for number, told in self._told.items()}
        if not trials:
            return None
        last = max(told.last for told in self._told.values())
        try:
            tracker = self._opened()
            # As it is now: its end has been written since.
            tracker.tell_study(read_study_config(self._folder), trials, last)
            tracker.close()
        except Exception as error:  # whatever a tracker's library raises
            return _text(error)
        return None

    def _opened(self) -> Tracker:
        if self._tracker is None:
            config = read_study_config(self._folder)
            self._tracker = self._destination.open(config, self._folder)
        return self._tracker


@contextmanager
def sole_sender(folder: Path, destination: Destination, timeout_s: float) -> Iterator[None]:
    """While open, no other process sends the study to this tracker: two would begin runs twice.

    Raises:
        FolderError: Another process sends it for longer than the timeout, or the folder is not
            writable.
    """
    lock = FileLock(folder / f"{destination.kind}.lock", timeout=timeout_s)
    try:
        lock.acquire()
    except Timeout as error:
        rule = "Only one process at a time may send a study to a tracker"
        remedy = "Wait for the run of this study that sends it."
        raise FolderError(rule, f"{folder} to {destination}", remedy) from error
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def _text(error: BaseException) -> str:
    """The error and what was behind it, in a line and without keys."""
    first = behind = error
    while behind.__cause__ or behind.__context__:
        behind = behind.__cause__ or behind.__context__ or behind
    lines = str(first).strip().splitlines() or [""]
    text = f"{type(first).__name__}: {lines[0][:_LONGEST_FAULT]}"
    return redact(text if behind is first else f"{text} ... {behind}")
