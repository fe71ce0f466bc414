"""A search in a process of its own that tests break, and what must hold of what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from phase6c.records import Measurement, Stopped, Trial
from phase6c.stopping.decisions import Decisions
from phase6c.storage.files import read_lines
from phase6c.study.ledger import FILE_NAME, Row, apply, read_trials
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import read_study_config

ROOT = Path(__file__).parents[2]
SEARCH = (sys.executable, str(Path(__file__).with_name("search.py")))
TUNE = (sys.executable, str(ROOT / "launch/tune.py"))


class Victim:
    """A search that is started, broken and gone on with.

    Args:
        command: Starts it; `--resume` is added by `start` from the second time on.
        study_folder: Where its files are.
    """

    def __init__(self, command: tuple[str, ...], study_folder: Path) -> None:
        self.command = command
        self.folder = study_folder
        self.process: subprocess.Popen[str] | None = None
        # The record of each finished trial as it was first seen.
        self.shown: dict[int, Trial] = {}

    def start(self, *options: str) -> None:
        """Starts the search, or goes on with it, as the leader of a group of its own."""
        resume = ("--resume",) if (self.folder / "study.json").exists() else ()
        self.process = subprocess.Popen(
            [*self.command, *resume, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    @property
    def running(self) -> bool:
        """Whether the process that was started last is alive."""
        return self.process is not None and self.process.poll() is None

    def n_results(self) -> int:
        """How many epochs the ledger holds."""
        path = self.folder / FILE_NAME
        return path.read_text().count('"kind": "result"') if path.exists() else 0

    def wait_for_results(self, n_results: int) -> None:
        """Until the ledger holds so many, or the search has ended."""
        self.wait_for(lambda: self.n_results() >= n_results)

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Until something is so, or the search has ended."""
        while self.running and not is_so():
            time.sleep(0.02)

    def send(self, number: signal.Signals, *, group: bool = False) -> None:
        """A signal to the driver, or to all processes of its group."""
        assert self.process is not None
        if self.running:
            (os.killpg if group else os.kill)(self.process.pid, number)

    def end(self) -> tuple[int, str]:
        """Waits for the end; (exit code, stderr)."""
        assert self.process is not None
        _, errors = self.process.communicate()
        return self.process.returncode, errors

    def check(self) -> None:
        """What was shown is unchanged, and the files agree with the ledger."""
        if not (self.folder / "study.json").exists():
            return
        trials = read_trials(self.folder / FILE_NAME) if self.n_results() else {}
        for number, before in self.shown.items():
            assert trials[number] == before, f"trial {number} changed after it was finished"
        self.shown |= {one.number: one for one in trials.values() if one.finished}
        check_decisions(self.folder)
        verified = subprocess.run(
            [sys.executable, str(ROOT / "launch/verify.py"), str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def finish(self) -> Study:
        """Goes on until the search is complete; checks it and loads it."""
        self.start()
        code, errors = self.end()
        assert code == 0, errors
        self.check()
        study = load_study(self.folder)
        assert study.config.complete
        return study


def real(folder: Path, *options: str) -> Victim:
    """A search of tiny transformers by the tune command."""
    small = ("--budget", "tiny", "--tier", "a20", "--trials", "12", "--epochs", "6")
    short = ("--set", "context_days=8")
    command = (*TUNE, *small, *short, "--name", "one", "--out", str(folder), *options)
    return Victim(command, folder / "phase6c_a20/one")


def scripted(folder: Path, *options: str) -> Victim:
    """A search that search.py makes."""
    return Victim((*SEARCH, str(folder), *options), folder / "phase6c_a20/chaos")


def children(pid: int) -> dict[str, int]:
    """The processes that a driver has started, by name."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return {Path(f"/proc/{one}/comm").read_text().strip(): int(one) for one in found.stdout.split()}


def configurations(study: Study) -> list[str]:
    """What each trial tried, its seed apart."""
    return [json.dumps({**one.config, "seed": 0}, sort_keys=True) for one in study.trials]


def outcomes(study: Study) -> list[tuple[object, ...]]:
    """How each trial went."""
    return [(one.state, one.stopped, one.audited, one.measurements) for one in study.trials]


def rungs(study: Study) -> dict[int, tuple[int, ...]]:
    """The rungs that a fresh replay of the ledger fills."""
    return Decisions(study.config, study.trials).rungs()


def check_decisions(study_folder: Path) -> None:
    """In one process, the ledger's results lead to the decisions that stand beside them."""
    decisions = Decisions(read_study_config(study_folder))
    for row, before, _ in _told(study_folder):
        if row["kind"] == "result":
            measurement = Measurement.model_validate(row["measurement"])
            decision, stopped = decisions.decide(before, measurement)
            told = row["stopped"] and Stopped.model_validate(row["stopped"])
            assert (decision, stopped) == (row["decision"], told), row


def max_side_by_side(study_folder: Path) -> int:
    """The largest number of trials that were handed out at a time."""
    running, most = set(), 0
    for row, _, after in _told(study_folder):
        if row["kind"] == "started":
            running.add(after.number)
        elif row["kind"] == "retry" or after.finished:
            running.discard(after.number)
        most = max(most, len(running))
    return most


def _told(study_folder: Path) -> Iterator[tuple[Row, Trial | None, Trial]]:
    """Each row of the ledger, with its trial before the row and after it."""
    trials = {}
    for row in read_lines(study_folder / FILE_NAME):
        before = trials.get(row["number"])
        after = trials[row["number"]] = apply(before, row)
        yield row, before, after


def n_repeated(study_folder: Path) -> int:
    """How many epochs were trained more than once in all."""
    trained = Counter((number, epoch) for number, epoch, *_ in _trained(study_folder))
    return sum(times - 1 for times in trained.values())


def machines_of(study_folder: Path) -> set[str]:
    """The identities of the machines that have trained."""
    return {node for *_, node in _trained(study_folder)}


def _trained(study_folder: Path) -> list[list[str]]:
    """Number, epoch, process and machine of each trained epoch; a torn line is left out."""
    path = study_folder / "trained.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split() for line in lines if len(line.split()) == 4]
