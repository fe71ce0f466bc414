"""The processes that tell trackers of a study while it runs, and what they have not told."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from phase6c.records import Trial
from phase6c.study.ledger import Ledger, Trials
from phase6c.study.views.trackers import follow
from phase6c.study.views.trackers.destination import Destination
from phase6c.wording import counted

logger = logging.getLogger(__name__)

# What a tracker is waited for after a run, and after one that was ended early: batch systems leave
# little time.
END_S = 30.0
EARLY_END_S = 5.0
# A wait that is longer is told of.
_UNTOLD_S = 2.0


@contextmanager
def told_to(destinations: Sequence[Destination], folder: Path, ledger: Ledger) -> Iterator[None]:
    """While open, every row of the ledger is told to the trackers by processes beside this one.

    At the end they are waited for, a limited time, and a warning says what they have not told.
    """
    followers = [_Follower(destination, folder) for destination in destinations]
    wait_s = EARLY_END_S
    try:
        yield
        wait_s = END_S
    finally:
        for follower in followers:
            follower.ask_to_end()
        deadline = time.monotonic() + wait_s
        for follower in followers:
            follower.end(deadline)
            follower.warn(ledger.trials)


class _Follower:
    """A process that follows the ledger for one tracker."""

    def __init__(self, destination: Destination, folder: Path) -> None:
        self._destination, self._folder = destination, folder
        # A file, unlike a pipe, is never full because nobody reads it.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        what = [destination.kind, destination.place, str(folder)]
        # In a session of its own, it does not hear the signals that end this process.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, by the same Python
            # Nothing is imported from the current folder.
            [sys.executable, "-P", "-m", follow.__name__, *what],
            env=_with_our_own_path(),
            stdin=subprocess.PIPE,
            stdout=self._said,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def ask_to_end(self) -> None:
        """Lets the process tell the last rows."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def end(self, deadline: float) -> None:
        """Waits for the process, which is ended at the deadline."""
        if self._ends_by(min(deadline, time.monotonic() + _UNTOLD_S)):
            return
        left_s = deadline - time.monotonic()
        logger.info("Telling %s what is left, %.0f s at most.", self._destination, left_s)
        if not self._ends_by(deadline):
            # Processes of the tracker's library too.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _ends_by(self, deadline: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        return self._process.returncode is not None

    def warn(self, trials: Trials) -> None:
        """Warns of what the tracker was not told."""
        told, is_done, fault = self._read()
        missing = [number for number, trial in trials.items() if told.get(number) != _stand(trial)]
        if is_done and not missing:
            return
        what = f"all of {len(missing):,} of {counted(len(trials), 'trial')}"
        logger.warning(
            "%s was not told %s (%s). Send it with: phase6c track %s `%s=%r`",
            self._destination,
            what if missing else "the end of the study",
            fault or "it did not answer in time",
            shlex.quote(str(self._folder)),
            self._destination.kind,
            self._destination.place,
        )

    def _read(self) -> tuple[dict[int, tuple[int, bool]], bool, str | None]:
        """How far each trial was told, whether all of the study was, and the last fault."""
        told: dict[int, tuple[int, bool]] = {}
        is_done, fault = False, None
        with self._said:
            self._said.seek(0)
            # Killed within a line, the process leaves a part of it.
            lines = [line for line in self._said if line.endswith(b"\n")]
        for line in lines:
            row = json.loads(line)
            if "fault" in row:
                fault = row["fault"]
                is_done = fault is None
            else:
                told[row["number"]] = (row["epochs"], row["finished"])
        return told, is_done, fault


def _with_our_own_path() -> dict[str, str]:
    """The environment, in which this phase6c is found wherever it was imported from."""
    paths = [str(Path(__file__).parents[4]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _stand(trial: Trial) -> tuple[int, bool]:
    return trial.epochs, trial.finished
