"""The ledger: a line for every decision and result of a search, and the trials that they imply."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Protocol

from phase6c.errors import StorageError
from phase6c.records import Measurement, State, Stopped, Trial, TrialError
from phase6c.storage.files import AppendOnlyFile, read_lines

FILE_NAME = "ledger.jsonl"

Row = dict[str, Any]
# What becomes of a trial after an epoch.
Decision = Literal["continue", "audit", "stop", "complete", "diverged"]
Trials = dict[int, Trial]


class Listener(Protocol):
    """Told of every row that is appended to a ledger; any function of these arguments is one.

    It is called in the thread of the search, after the row is on disk and the study's own files
    have been written. The search waits for it, so it has to be quick, and an exception that it
    raises ends the run; what is finished by then is kept.
    """

    def __call__(self, row: Row, trial: Trial, /) -> None:
        """Takes in one row.

        Args:
            row: The row as it stands in ledger.jsonl; `row["kind"]` is `trial`, `started`,
                `result`, `final`, `retry` or `failed`, as `Ledger` describes them.
            trial: The trial after the row, with all its measurements so far.
        """


class Ledger:
    """The truth of a study; everything else is a view of it.

    Each row has `kind`, the trial's `number` and `at`, the wall-clock time in seconds. By kind:
        trial: a configuration was chosen; the row holds all that a Trial is born with.
        started: a worker took it up.
        result: an epoch was measured, with the Decision about it; `audit` goes on with a trial
            that its rung would have stopped.
        final: a trial whose epochs are measured on a part of the validation rows has its best epoch
            measured on all of them, and only now ends as its last result said.
        retry: its worker was lost; it will be handed out again.
        failed: it ended without completing, with the error.

    Args:
        path: The JSON-lines file; created if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.trials: Trials = read_trials(path) if path.exists() else {}
        self._file = AppendOnlyFile(path)
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Has `listener` called after each row that is appended from now on."""
        self._listeners.append(listener)

    def append(self, kind: str, number: int, **content: Any) -> Trial:
        """Writes a row to disk, then applies it; the trial as it now is.

        Raises:
            StorageError: The row could not be written, and nothing changed.
        """
        row = {"kind": kind, "number": number, "at": round(time.time(), 3), **content}
        # Applied before it is written: a row that does not fit must never reach the file.
        trial = apply(self.trials.get(number), row)
        self._file.append(row)
        self.trials[number] = trial
        # After the row is on disk: a listener that fails must not leave a decision that nobody
        # wrote down.
        for listener in self._listeners:
            listener(row, trial)
        return trial

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_trials(path: Path) -> Trials:
    """The trials of a stored ledger.

    Raises:
        StorageError: A line cannot be read or does not fit those before it.
    """
    rows = read_lines(path)
    try:
        return fold(rows)
    except (LookupError, TypeError, ValueError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, found: object) -> StorageError:
    """The error for a ledger with a line that does not fit."""
    return StorageError(
        "Every line of a ledger must fit those before it",
        f"{path}: {found}",
        "The file was damaged from outside; restore it from a copy.",
    )


def fold(rows: Iterable[Row]) -> Trials:
    """The trials that a ledger's rows imply."""
    trials: Trials = {}
    for row in rows:
        trials[row["number"]] = apply(trials.get(row["number"]), row)
    return trials


def apply(trial: Trial | None, row: Row) -> Trial:
    """The trial after a further row.

    Raises:
        ValueError: The row does not fit: a second birth, or a row before the first or after the
            last.
    """
    kind = row["kind"]
    if kind == "trial":
        # Not isinstance: True would pass for the trial 1.
        if type(row["number"]) is not int:
            raise ValueError(f"a trial's number is {row['number']!r}")
        if trial is not None:
            raise ValueError(f"trial {row['number']} was already chosen")
        born = {name: value for name, value in row.items() if name not in ("kind", "at")}
        return Trial.model_validate(born)
    if trial is None:
        raise ValueError(f"trial {row['number']} was never chosen")
    if trial.finished:
        raise ValueError(f"trial {row['number']} had ended")
    match kind:
        case "started":
            # To be measured once more is no further attempt to train.
            return trial.model_copy(update={"attempts": trial.attempts + (trial.ending is None)})
        case "result":
            return _with_result(trial, row)
        case "final":
            return _with_final(trial, row)
        case "retry":
            return trial
        case "failed":
            error = TrialError.model_validate(row["error"])
            return trial.model_copy(update={"state": row["state"], "error": error})
    raise ValueError(f"unknown kind of row: {kind}")


def _with_result(trial: Trial, row: Row) -> Trial:
    if trial.ending is not None:
        raise ValueError(f"trial {trial.number} has had its last epoch")
    measurement = Measurement.model_validate(row["measurement"])
    if measurement.epoch != trial.epochs + 1:
        raise ValueError(f"trial {trial.number}: epoch {measurement.epoch} after {trial.epochs}")
    update: dict[str, Any] = {"measurements": (*trial.measurements, measurement)}
    match row["decision"]:
        case "stop":
            update |= _end(trial, "PRUNED") | {"stopped": Stopped.model_validate(row["stopped"])}
        case "audit":
            update |= {"audited": True, "stopped": Stopped.model_validate(row["stopped"])}
        case "complete":
            update |= _end(trial, "COMPLETE")
        case "diverged":
            update |= _divergence(measurement)
    return trial.model_copy(update=update)


def _end(trial: Trial, state: State) -> dict[str, Any]:
    """The end in a state, or the wait for the measurement on all rows that comes before it."""
    return {"ending" if trial.is_measured_in_part else "state": state}


def _with_final(trial: Trial, row: Row) -> Trial:
    if trial.ending is None:
        raise ValueError(f"trial {trial.number} was still to be trained")
    measurement = Measurement.model_validate(row["measurement"])
    if measurement.diverged:
        return trial.model_copy(update=_divergence(measurement))
    update = {"state": trial.ending, "ending": None, "final": measurement}
    return trial.model_copy(update=update)


def _divergence(measurement: Measurement) -> dict[str, Any]:
    # The epoch itself says why it diverged; there is no traceback for numbers that are not finite.
    error = TrialError(kind="diverged", message=measurement.health.evidence[0])
    return {"state": "FAILED", "error": error}
