"""How true the time left was that searches told, in a replay of their ledgers.

    python benchmarks/time_left.py                 the ledgers that are kept in benchmarks/ledgers
    python benchmarks/time_left.py STUDY [...]     the ledgers of these studies
    python benchmarks/time_left.py --keep STUDY    keeps that of a study, without its metrics
    python benchmarks/time_left.py --made FOLDER   those that benchmarks/replay/courses.py has made

From a quarter of a search on, the error of each moment at which an epoch ended, in parts of what
was really left and of the whole search, and how often the range held. Of made searches, the means
of each family.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from phase6c.records import Trial
from phase6c.stopping.rung_plan import planned_rungs
from phase6c.storage.files import read_lines
from phase6c.study.ledger import FILE_NAME, apply
from phase6c.study.study_config import read_study_config
from phase6c.terminal.time_left import Foreseen, TimeLeft

KEPT = Path(__file__).parent / "ledgers"
FROM = 0.25
WITHIN = 0.3


@dataclass(frozen=True)
class Course:
    """A search that has ended.

    Attributes:
        name: Name of the search.
        n_trials: Number of trials that were asked for.
        epochs: Number of epochs of a trial that is never stopped.
        planned_epochs: Mean number of epochs of a trial that the plan foresaw.
        side_by_side: Number of trials at a time.
        rows: Rows of the ledger.
    """

    name: str
    n_trials: int
    epochs: int
    planned_epochs: float
    side_by_side: int
    rows: Sequence[dict[str, Any]]

    @classmethod
    def of_study(cls, folder: Path) -> Course:
        """The course of a study that was run without a break."""
        config = read_study_config(folder)
        rows = [_without_metrics(row) for row in read_lines(folder / FILE_NAME)]
        return cls(
            name=config.name,
            n_trials=config.n_trials,
            epochs=config.train.epochs,
            planned_epochs=planned_rungs(config).epochs_expected / config.n_trials,
            side_by_side=_most_at_a_time(rows),
            rows=rows,
        )

    @classmethod
    def kept(cls, path: Path) -> Course:
        """A course that was kept in a file."""
        head, *rows = (json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines())
        return cls(**head, rows=rows)

    def keep(self) -> None:
        """Keeps the course in a file."""
        head = {name: value for name, value in vars(self).items() if name != "rows"}
        text = "".join(json.dumps(one) + "\n" for one in (head, *self.rows))
        KEPT.mkdir(exist_ok=True)
        (KEPT / f"{self.name}.jsonl.gz").write_bytes(gzip.compress(text.encode(), mtime=0))

    def moments(self) -> Iterator[tuple[float, Foreseen]]:
        """The time at the end of each epoch, and what was foreseen then."""
        now, finished = 0.0, 0
        time_left = TimeLeft(
            self.epochs,
            self.planned_epochs,
            self.side_by_side,
            self.n_trials,
            clock=lambda: now,
        )
        for row, trial in _with_trials(self.rows):
            now = row["at"]
            time_left(row, trial)
            finished += trial.finished and trial.chosen
            foreseen = time_left.foreseen(self.n_trials - finished)
            if row["kind"] == "result" and foreseen is not None:
                yield now, foreseen


def _without_metrics(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what nobody needs for its time."""
    if "measurement" in row:
        row["measurement"] |= {"metrics": {}}
    return row


def _with_trials(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Trial]]:
    """Each row with its trial as it then was."""
    trials: dict[int, Trial] = {}
    for row in rows:
        trial = apply(trials.get(row["number"]), row)
        trials[trial.number] = trial
        yield row, trial


def _most_at_a_time(rows: Sequence[dict[str, Any]]) -> int:
    running: set[int] = set()
    most = 0
    for _, trial in _with_trials(rows):
        (running.discard if trial.finished else running.add)(trial.number)
        most = max(most, len(running))
    return most


@dataclass(frozen=True)
class Truth:
    """How true a search's time left was, as the mean over its moments.

    Attributes:
        minutes: Minutes of the whole search.
        n_trials: Number of its trials.
        within: Share of the moments within 30 % of what was left.
        error: Median error in parts of what was left.
        of_whole: Mean error in parts of the whole search.
        held: Share of the moments at which the end lay in the range.
        width: Median of the range's end by its beginning.
    """

    minutes: float
    n_trials: float
    within: float
    error: float
    of_whole: float
    held: float
    width: float

    @classmethod
    def of(cls, course: Course) -> Truth:
        """The truth of a course, from a quarter of it on."""
        begun, ended = course.rows[0]["at"], course.rows[-1]["at"]
        late = [
            (ended - at, *foreseen)
            for at, foreseen in course.moments()
            if FROM * (ended - begun) <= at - begun and at < ended
        ]
        really, told, low, high = np.array(late).T
        errors = np.abs(told - really)
        return cls(
            minutes=(ended - begun) / 60,
            n_trials=course.n_trials,
            within=np.mean(errors <= WITHIN * really),
            error=np.median(errors / really),
            of_whole=np.mean(errors) / (ended - begun),
            held=np.mean((low <= really) & (really <= high)),
            width=np.median(high / np.maximum(low, 1e-9)),
        )

    def line(self, name: str) -> str:
        """A row of the table."""
        return (
            f"| {name} | {self.minutes:.1f} | {self.n_trials:.0f} | {self.within:.0%} "
            f"| {self.error:.0%} | {self.of_whole:.0%} | {self.held:.0%} | {self.width:.1f} |"
        )


def mean(truths: Sequence[Truth]) -> Truth:
    """The mean of the truths of several searches."""
    return Truth(*np.mean([astuple(truth) for truth in truths], axis=0))


def main(arguments: Sequence[str]) -> None:
    """Prints the table, or keeps a ledger."""
    if arguments[:1] == ["--keep"]:
        for folder in arguments[1:]:
            Course.of_study(Path(folder)).keep()
        return
    print(
        "| search | minutes | trials | within 30 % of what was left | median error of it "
        "| mean error of the whole | range held | its width |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    if arguments[:1] == ["--made"]:
        paths = sorted(Path(arguments[1]).glob("*.jsonl.gz"))
        for family, own in groupby(paths, key=lambda path: path.name.split("-")[0]):
            print(mean([Truth.of(Course.kept(path)) for path in own]).line(family))
        return
    courses = [Course.of_study(Path(folder)) for folder in arguments]
    for course in courses or [Course.kept(path) for path in sorted(KEPT.glob("*.jsonl.gz"))]:
        print(Truth.of(course).line(course.name))


if __name__ == "__main__":
    main(sys.argv[1:])
