"""How true the time left was that real searches told, in a replay of their ledgers.

    python benchmarks/time_left.py                 the ledgers that are kept in benchmarks/ledgers
    python benchmarks/time_left.py STUDY [...]     the ledgers of these studies
    python benchmarks/time_left.py --keep STUDY    keeps that of a study, without its metrics

From a quarter of a search on, the error of each moment at which an epoch ended, in parts of what
was really left and of the whole search.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phase6c.records import Trial
from phase6c.stopping.rung_plan import planned_rungs
from phase6c.storage.files import read_lines
from phase6c.study.ledger import FILE_NAME, apply
from phase6c.study.study_config import read_study_config
from phase6c.terminal.time_left import TimeLeft

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

    def moments(self) -> Iterator[tuple[float, float]]:
        """The time at the end of each epoch, and the seconds that were foreseen then."""
        now, finished = 0.0, 0
        time_left = TimeLeft(self.epochs, self.planned_epochs, self.side_by_side, clock=lambda: now)
        for row, trial in _with_trials(self.rows):
            now = row["at"]
            time_left(row, trial)
            finished += trial.finished and trial.chosen
            left_s = time_left.seconds(self.n_trials - finished)
            if row["kind"] == "result" and left_s is not None:
                yield now, left_s


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


def line(course: Course) -> str:
    """The errors of a course, as a row of the table."""
    told = list(course.moments())
    begun, ended = course.rows[0]["at"], course.rows[-1]["at"]
    whole_s = ended - begun
    late = [(at, left) for at, left in told if FROM * whole_s <= at - begun and at < ended]
    errors = np.array([abs(left - (ended - at)) for at, left in late])
    really = np.array([ended - at for at, _ in late])
    within = np.mean(errors <= WITHIN * really)
    shares = errors / whole_s
    return (
        f"| {course.name} | {whole_s / 60:.1f} | {course.n_trials} | {within:.0%} "
        f"| {np.median(errors / really):.0%} | {shares.mean():.0%} | {shares.max():.0%} |"
    )


def main(arguments: Sequence[str]) -> None:
    """Prints the table, or keeps a ledger."""
    if arguments[:1] == ["--keep"]:
        for folder in arguments[1:]:
            Course.of_study(Path(folder)).keep()
        return
    courses = [Course.of_study(Path(folder)) for folder in arguments]
    courses = courses or [Course.kept(path) for path in sorted(KEPT.glob("*.jsonl.gz"))]
    print(
        "| search | minutes | trials | within 30 % of what was left | median error of it "
        "| mean error of the whole | largest |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for course in courses:
        print(line(course))


if __name__ == "__main__":
    main(sys.argv[1:])
