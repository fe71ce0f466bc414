"""How far a study is, read from its ledger alone, while it runs or after."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from phase6c.records import CHOSEN, Source, State, Trial, score
from phase6c.storage.files import whole_lines
from phase6c.study.ledger import FILE_NAME, damaged, fold
from phase6c.study.ranking import eligible
from phase6c.study.study_config import StudyConfig, read_study_config
from phase6c.study.study_folder import is_in_use

# The pace is that of so many trials, the last to end.
N_PACE = 200
_ENDS: dict[str | None, State] = {
    "stop": "PRUNED",
    "complete": "COMPLETE",
    "diverged": "FAILED",
}
# The rows of trials and results as the ledger writes them. What stands between is never mistaken
# for them: a quotation mark in a text has a backslash before it.
_OUTLINE = re.compile(
    rb'\{"kind": "(\w+)", "number": (\d+), "at": ([\d.]+)'
    rb'(?:, "source": "(\w+)"|, "measurement": \{"epoch": \d+, "value": ([^,]+), '
    rb'.*"duration_s": ([^,]+), .*"decision": "(\w+)")?'
)


@dataclass(frozen=True)
class Status:
    """How far a study is; of a search, its own trials are counted, references and probes are not.

    Attributes:
        config: The study.
        in_use: Whether a run holds the study's folder; None where that cannot be told.
        states: Number of the counted trials in each state; what a killed run has left counts as
            RUNNING, and goes on when the study is resumed.
        n_beside: Number of the other trials.
        best: The best trial; None as long as there is none.
        time_left_s: Seconds until as many trials have ended as were asked for, at the pace of the
            last N_PACE to end; None where no pace is known.
        last_at: Seconds since 1970 of the ledger's last row; None before the first.
    """

    config: StudyConfig
    in_use: bool | None
    states: Counter[State]
    n_beside: int
    best: Trial | None
    time_left_s: float | None
    last_at: float | None


def read_status(folder: Path) -> Status:
    """The status of a study, of one that another process runs too; nothing is changed.

    Raises:
        FolderError: There is no study in the folder.
        ConfigError: Another version of the code wrote it.
        StorageError: A file of it is damaged.
    """
    config = read_study_config(folder)
    ledger = _Ledger(folder / FILE_NAME, config)
    counted = {
        number
        for number, trial in ledger.trials.items()
        if not config.n_trials or trial.source in CHOSEN
    }
    states = Counter(ledger.trials[number].state for number in counted)
    n_left = config.n_trials - (states.total() - states["RUNNING"])
    pace_s = ledger.pace_s(counted) if config.n_trials else None
    return Status(
        config=config,
        in_use=_in_use(folder),
        states=states,
        n_beside=len(ledger.trials) - len(counted),
        # Trainings of an evaluation differ in their dates: none of them is the best.
        best=None if config.evaluation else ledger.best(),
        time_left_s=None if pace_s is None else max(n_left, 0) * pace_s,
        last_at=ledger.rows[-1].at if ledger.rows else None,
    )


class _Row(NamedTuple):
    """What is needed of a row; the last three are those of a result."""

    kind: str
    number: int
    at: float
    source: Source = "sampled"
    value: float | None = None
    duration_s: float | None = None
    decision: str | None = None


@dataclass
class _Sketch:
    """What is needed of a trial."""

    source: Source
    state: State = "RUNNING"
    # The state that its last epoch has decided on, before it is measured on all rows.
    ending: State = "RUNNING"
    reached: float = float("-inf")


class _Ledger:
    """The rows of a ledger in outline, and the trials that they imply."""

    def __init__(self, path: Path, config: StudyConfig) -> None:
        self._config = config
        self._lines = whole_lines(path) if path.exists() else []
        try:
            self.rows = [_outline(line) for line in self._lines]
        except (LookupError, TypeError, ValueError) as error:
            raise damaged(path, error) from error
        self.trials: dict[int, _Sketch] = {}
        # The place of each trial's last row.
        self._last: dict[int, int] = {}
        for place, row in enumerate(self.rows):
            if row.kind == "trial":
                self.trials[row.number] = _Sketch(row.source)
            trial = self.trials.get(row.number)
            if trial is None:
                raise damaged(path, f"trial {row.number} was never chosen")
            self._last[row.number] = place
            self._go_on(trial, row)

    def _go_on(self, trial: _Sketch, row: _Row) -> None:
        reached = score(row.value, self._config.objective)
        if row.decision is not None:
            trial.reached = max(trial.reached, reached)
            trial.ending = _ENDS.get(row.decision, "RUNNING")
            if self._config.train.val_windows is None or row.decision == "diverged":
                trial.state = trial.ending
        elif row.kind == "final":
            trial.reached = reached
            trial.state = "FAILED" if row.value is None else trial.ending
        elif row.kind == "failed":
            trial.state = "FAILED"

    def best(self) -> Trial | None:
        """The trial that may be called the best; only the most promising are read whole."""
        ended = [number for number, trial in self.trials.items() if trial.state != "RUNNING"]
        for number in sorted(ended, key=lambda number: (-self.trials[number].reached, number)):
            trial = self._whole(number)
            if eligible(trial, self._config):
                return trial
        return None

    def _whole(self, number: int) -> Trial:
        own = (
            line for line, row in zip(self._lines, self.rows, strict=True) if row.number == number
        )
        return fold(map(json.loads, own))[number]

    def pace_s(self, counted: set[int]) -> float | None:
        """Seconds for each of the last trials that ended; None before the second."""
        ends = sorted(
            self._last[number] for number in counted if self.trials[number].state != "RUNNING"
        )[-N_PACE:]
        if len(ends) < 2:
            return None
        rows = self.rows[ends[0] : ends[-1] + 1]
        longest_s = max(row.duration_s or 0.0 for row in rows)
        # Nothing ran in a gap that is longer than the longest epoch, as between two runs.
        passed_s = sum(min(row.at - before.at, longest_s) for before, row in pairwise(rows))
        return passed_s / (len(ends) - 1)


def _outline(line: bytes) -> _Row:
    """A row, by its beginning and its end: to read whole rows would take ten times as long."""
    found = _OUTLINE.match(line)
    groups: tuple[Any, ...] = found.groups() if found else (None,) * 7
    kind, number, at, source, value, duration_s, decision = groups
    if kind == b"trial" and source:
        return _Row("trial", int(number), float(at), source.decode())
    if kind == b"result" and decision:
        measured = None if value == b"null" else float(value), float(duration_s)
        return _Row("result", int(number), float(at), "sampled", *measured, decision.decode())
    if kind == b"started":
        return _Row("started", int(number), float(at))
    # A rare row, or of another writer.
    row = json.loads(line)
    epoch = row.get("measurement") or {}
    return _Row(
        row["kind"],
        row["number"],
        row["at"],
        row.get("source", "sampled"),
        epoch.get("value"),
        epoch.get("duration_s"),
        row.get("decision"),
    )


def _in_use(folder: Path) -> bool | None:
    try:
        return is_in_use(folder)
    except OSError:
        # Somebody else's study: the lock can only be tried with the right to write.
        return None
