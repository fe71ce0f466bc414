"""How a run of trials ends: with a value, or early and why."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from pathlib import Path

from ray.tune import Stopper

from phase6c.config import Values
from phase6c.errors import InterruptedStudyError
from phase6c.tune.runtime.halt import GRACE_S, PREEMPTED, Halt, exit_code_of
from phase6c.tune.runtime.trial_searcher import TrialSearcher

logger = logging.getLogger(__name__)

_WAY_ON = (
    "Everything finished is kept; the same call goes on, with `resume=True` where it takes that."
)
# Ends this process, from any thread and within a signal's handler.
Leave = Callable[[InterruptedStudyError], None]


def interrupted(folder: Path, signal_number: int) -> InterruptedStudyError:
    """What to raise for a signal."""
    return InterruptedStudyError(
        "The run was ended by a signal",
        f"{signal.Signals(signal_number).name}; the study is in {folder}",
        _WAY_ON,
        exit_code_of(signal_number),
    )


def end_now(folder: Path, leave: Leave | None, signal_number: int) -> None:
    """Ends the process, or at least the run, without waiting for anything.

    Raises:
        InterruptedStudyError: There is nothing to leave by.
    """
    error = interrupted(folder, signal_number)
    if leave is None:
        raise error
    leave(error)


def end_without_ray(folder: Path, halt: Halt, leave: Leave | None, gone: str) -> None:
    """Ends the process before Ray does, or at least asks the run to end."""
    error = InterruptedStudyError(
        "Ray must be there as long as trials run",
        f"{gone}; the study is in {folder}",
        _WAY_ON,
        PREEMPTED,
    )
    halt.request(error=error)
    if leave is None:
        logger.error("%s", error)
    else:
        leave(error)


def raise_early_end(folder: Path, halt: Halt, *, done: bool) -> None:
    """Raises what ended a run early; a signal that came when all was done ended nothing."""
    if halt.error is not None:
        raise halt.error
    if halt.signal_number is not None and not done:
        raise interrupted(folder, halt.signal_number)


class HaltStopper(Stopper):
    """Ends the experiment when it was asked to and its trials have drained or had their grace.

    Args:
        halt: Asks for the end.
        searcher: Knows the trials that still run.
        listen: Called once Ray Tune runs, since it takes SIGUSR1 for itself when it starts.
    """

    def __init__(self, halt: Halt, searcher: TrialSearcher, listen: Callable[[], None]) -> None:
        self._halt = halt
        self._searcher = searcher
        self._listen = listen
        self._listens = False
        self._said = False

    def __getstate__(self) -> Values:
        return {}

    def __call__(self, trial_id: str, result: Values) -> bool:
        """Never: a single trial is stopped by the scheduler."""
        return False

    def stop_all(self) -> bool:
        """Whether the experiment ends now; the first time after a signal, it says what follows."""
        if not self._listens:
            self._listen()
            self._listens = True
        drained = self._searcher.n_live == 0
        if self._halt.signal_number is not None and not self._said:
            logger.warning(
                "%s: ending; running epochs get %.0f s, and another signal leaves at once.",
                signal.Signals(self._halt.signal_number).name,
                GRACE_S,
            )
            self._said = True
        return self._halt.requested and (drained or self._halt.grace_over)
