"""The fault that ended a trial, read from the file that Ray Tune leaves of its error."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.tune.experiment import Trial as RayTrial

from phase6c.errors import Phase6cError
from phase6c.nn.memory import is_out_of_memory
from phase6c.records import ErrorKind
from phase6c.storage.redact import redact

# The worker, its node or its objects are gone, whatever the trial itself was doing.
_LOST = (
    RayActorError,
    WorkerCrashedError,
    NodeDiedError,
    LocalRayletDiedError,
    ObjectLostError,
)
_FRAME = re.compile(r'^ *File "(.+?)", line (\d+)', re.MULTILINE)
# Enough to tell two bugs in torch apart; the outermost frames differ between a worker's first trial
# and its later trials.
_N_FRAMES = 3
_LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Fault:
    """The fault that ended a trial.

    Attributes:
        kind: Kind of the error in the trial's record.
        message: Type and text of the error, without passwords and tokens.
        place: Type and innermost frames; the same for the same bug, whatever its text says.
        lost: Whether the worker ended and not the trial, which may be handed out again.
        ours: Error of phase6c's own, which is no trial's fault; else None.
    """

    kind: ErrorKind
    message: str
    place: tuple[str, ...] = ()
    lost: bool = False
    ours: Phase6cError | None = None


def fault_of(trial: RayTrial) -> Fault:
    """The fault that ended a trial; Ray keeps the error in a file on the driver."""
    told = _read(trial)
    error = _cause(told)
    # Ray's monitor kills workers when the machine runs short, whoever has used the memory up: it is
    # a lack of memory, but the trial may fit later and is handed out again.
    by_memory_monitor = isinstance(error, OutOfMemoryError)
    kind: ErrorKind = "bug"
    if by_memory_monitor or is_out_of_memory(error):
        kind = "oom"
    elif isinstance(error, _LOST):
        kind = "worker_lost"
    message = redact(f"{type(error).__name__}: {error}")[:_LONGEST_MESSAGE]
    frames = [f"{path}:{line}" for path, line in _FRAME.findall(str(told))]
    return Fault(
        kind=kind,
        message=message,
        place=(type(error).__name__, *(frames[-_N_FRAMES:] or [message])),
        lost=by_memory_monitor or kind == "worker_lost",
        ours=error if isinstance(error, Phase6cError) else None,
    )


def hung(seconds: float) -> Fault:
    """The fault of a trial whose worker was ended after a silence of so many seconds."""
    return Fault("worker_lost", f"hung: no epoch within {seconds:.0f} s", lost=True)


def misplaced(fault: Fault) -> Fault:
    """The fault of a trial that failed on a machine that may lack something; others may have it."""
    message = f"its machine may lack something: {fault.message}"
    return replace(fault, kind="worker_lost", message=message, lost=True, ours=None)


def last_line(error: Exception) -> str:
    """A worker's error ends with its own message, after the traces of its calls."""
    return redact(str(error).strip().rpartition("\n")[2])


def _read(trial: RayTrial) -> BaseException:
    # `trial.get_pickled_error()` reads Ray's storage, which is not synchronised yet.
    path = trial.pickled_error_file
    if not path or not Path(path).exists():
        return RuntimeError("the trial ended without a message")
    error: BaseException = pickle.loads(Path(path).read_bytes())  # noqa: S301 - by Ray, here
    return error


def _cause(error: BaseException) -> BaseException:
    """The exception that was raised first, without the exceptions that Ray wraps it in."""
    if isinstance(error, RayActorError) and error.args and error.actor_init_failed:
        # A worker that fails while it takes its first trial is told of as a dead actor.
        error = error.args[0]
    if isinstance(error, RayTaskError):
        return getattr(error, "cause", None) or error
    return error
