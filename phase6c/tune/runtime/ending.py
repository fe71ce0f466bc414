"""The end of a run of trials: with a value, or early and why."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from pathlib import Path

from ray.tune import Stopper

from phase6c.config import Values
from phase6c.errors import InterruptedStudyError
from phase6c.nn.checkpoint_schedule import MAX_SHARE
from phase6c.tune.runtime.halt import GRACE_S, PREEMPTED, Halt, exit_code_of
from phase6c.tune.runtime.trial_searcher import TrialSearcher

logger = logging.getLogger(__name__)

_WAY_ON = (
    "Everything finished is kept, and a run that is resumed goes on from there. Of a trial that "
    "was running, at most the last epoch is repeated, and those before it that took at most "
    f"{1 / MAX_SHARE:.0f} times as long as its checkpoint."
)
# Ends this process, from any thread and within a signal's handler.
Leave = Callable[[InterruptedStudyError], None]


def interrupted(folder: Path, signal_number: int) -> InterruptedStudyError:
    """The error to raise for a signal."""
    return InterruptedStudyError(
        "The run was ended by a signal",
        f"{signal.Signals(signal_number).name}; the study is in {folder}",
        _WAY_ON,
        exit_code_of(signal_number),
    )


def end_now(folder: Path, leave: Leave | None, signal_number: int) -> None:
    """Ends the process, or at least the run, without waiting for anything.

    Raises:
        InterruptedStudyError: No `leave` is given, so the error unwinds the run instead.
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
    # Ray ends its driver from within, by exit code 1 and without Python, so there is no time for
    # the finally blocks of the run; all that is finished is on disk already.
    if leave is None:
        logger.error("%s", error)
    else:
        leave(error)


def raise_early_end(folder: Path, halt: Halt, *, done: bool) -> None:
    """Raises the reason of an early end; a signal that came when all was done ended nothing."""
    if halt.error is not None:
        raise halt.error
    if halt.signal_number is not None and not done:
        raise interrupted(folder, halt.signal_number)


class HaltStopper(Stopper):
    """Ends the experiment when it was asked to and its trials have drained or had their grace.

    Args:
        halt: Request of the end.
        searcher: Searcher that knows the trials that still run.
        listen: Function that sets our signal handlers; called once Ray Tune runs, since Tune takes
            SIGUSR1 for itself when it starts.
    """

    def __init__(self, halt: Halt, searcher: TrialSearcher, listen: Callable[[], None]) -> None:
        self._halt = halt
        self._searcher = searcher
        self._listen = listen
        self._listens = False
        self._said = False

    def __getstate__(self) -> Values:
        # Ray pickles the stopper for a restore that is never done; locks cannot be pickled.
        return {}

    def __call__(self, trial_id: str, result: Values) -> bool:
        """Never: a single trial is stopped by the scheduler."""
        return False

    def stop_all(self) -> bool:
        """Whether the experiment ends now; the first time after a signal, it says what follows."""
        # Tune asks in each turn of its loop, so the first call is the first moment after its start.
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
