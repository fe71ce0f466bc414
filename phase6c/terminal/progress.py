"""The progress of a run: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from phase6c.records import Trial
from phase6c.study.ledger import Ledger, Listener, Row
from phase6c.study.ranking import best_trial
from phase6c.study.study_config import StudyConfig
from phase6c.wording import counted, duration_text, words


class Goal(NamedTuple):
    """How many trials are to be finished, and which of them count."""

    total: int
    counts: Callable[[Trial], bool]


# Makes a listener that shows the progress, from the study, its ledger, the number of GPUs, the
# number of trials side by side, and the goal.
MakeDisplay = Callable[[StudyConfig, Ledger, int, int, Goal], Listener]


@contextmanager
def progress_display(*, shown: bool) -> Iterator[MakeDisplay | None]:
    """The progress of a job that Python code has started, on stderr; None if it is not wanted.

    In a notebook, as in a file, it is plain lines: a cell calls itself a terminal, but does not
    move the cursor.
    """
    if not shown:
        yield None
        return
    in_notebook = Console().is_jupyter
    console = Console(
        stderr=True,
        highlight=False,
        force_jupyter=False,
        force_terminal=False if in_notebook else None,
    )
    with progress_on(console) as make:
        yield make


@contextmanager
def progress_on(console: Console) -> Iterator[MakeDisplay]:
    """A live display on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield partial(Progress, console, None)
        return
    live = Live(
        console=console,
        refresh_per_second=4,
        # Output of other code is not for the terminal: it stays on its way to the log.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with live:
        yield partial(Progress, console, live)


_STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAILED")


class Progress:
    """A listener of the ledger that shows how far a search or a probe is.

    Args:
        console: Where to show it.
        live: The display to update; None for plain lines.
        config: The study's configuration, baselines included.
        ledger: Tells the trials.
        n_gpus: GPUs that the run uses.
        max_concurrent: How many trials run side by side.
        goal: The trials to be finished.
    """

    def __init__(
        self,
        console: Console,
        live: Live | None,
        config: StudyConfig,
        ledger: Ledger,
        n_gpus: int,
        max_concurrent: int,
        goal: Goal,
    ) -> None:
        self._goal = goal
        self._console = console
        self._live = live
        self._config = config
        self._ledger = ledger
        self._began = time.monotonic()
        # Trials of this run; an earlier run may have left unfinished ones.
        self._seen: set[int] = set()
        self._finished_before = self._counts()["finished"]
        device = f"{n_gpus} GPUs" if n_gpus else "CPU"
        self._console.print(
            f"Training on {device}, {counted(max_concurrent, 'trial')} side by side, "
            f"{config.train.precision}.",
            markup=False,
        )

    def __call__(self, row: Row, trial: Trial) -> None:
        """Shows the trials with the new row."""
        self._seen.add(trial.number)
        if self._live is not None:
            self._live.update(self._display())
        elif trial.finished and row["kind"] in ("result", "failed"):
            self._console.print(self._line(trial), markup=False, soft_wrap=True)

    def _counts(self) -> Counter[str]:
        trials = self._ledger.trials.values()
        counts: Counter[str] = Counter(trial.state for trial in trials)
        counts["finished"] = sum(trial.finished for trial in trials)
        counts["left"] = self._goal.total - sum(
            trial.finished and self._goal.counts(trial) for trial in trials
        )
        return counts

    def _time_left(self, counts: Counter[str]) -> str:
        done = counts["finished"] - self._finished_before
        if done < 1 or counts["left"] <= 0:
            return "time left unknown" if counts["left"] > 0 else "ending"
        left_s = (time.monotonic() - self._began) / done * counts["left"]
        return f"about {duration_text(left_s)} left"

    def _best(self) -> str:
        objective = self._config.objective
        best = best_trial(self._ledger.trials.values(), self._config)
        if best is None:
            return "none yet"
        measured = best.best(objective)
        assert measured is not None
        return f"trial {best.number}: {objective} {measured.value:.4f}"

    def _best_so_far(self) -> str:
        """The end of a line; trainings of an evaluation differ in their dates: none is the best."""
        return "" if self._config.evaluation else f"best {self._best()} | "

    def _baseline(self) -> str:
        values = [
            (words(baseline.name), getattr(baseline.metrics, self._config.objective))
            for baseline in self._config.baselines
        ]
        return ", ".join(f"{name} {value:.4f}" for name, value in values if value is not None)

    def _line(self, trial: Trial) -> str:
        counts = self._counts()
        objective = self._config.objective
        best = trial.best(objective)
        value = f"{objective} {best.value:.4f}" if best else "no value"
        at_most = "at most " if self._config.evaluation else ""
        return (
            f"{self._label(trial)}: {trial.state.lower()} at epoch {trial.epochs}, {value}, "
            f"{trial.n_params:,} parameters | {self._best_so_far()}"
            f"{at_most}{counts['left']} to do, {self._time_left(counts)}"
        )

    def _display(self) -> Group:
        counts = self._counts()
        total = self._goal.total
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(self._config.name, style="bold"),
            ProgressBar(total=total, completed=total - counts["left"], width=30),
            f"{total - counts['left']}/{total}",
            self._time_left(counts),
        )
        states = "   ".join(f"{state.lower()} {counts[state]}" for state in _STATES)
        best = Text(f"best so far  {self._best()}", style="green")
        baselines = Text(f"baselines    {self._baseline()}")
        # Trainings of an evaluation differ in their dates: none of them is the best.
        compared = [] if self._config.evaluation else [best, baselines]
        return Group(head, Text(states), *compared, self._running())

    def _running(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for trial in self._ledger.trials.values():
            if trial.finished or trial.number not in self._seen:
                continue
            last = trial.measurements[-1].value if trial.measurements else None
            table.add_row(
                Text(self._label(trial), style="cyan"),
                f"epoch {trial.epochs}/{self._config.train.epochs}",
                "" if last is None else f"{self._config.objective} {last:.4f}",
                f"{trial.n_params:,} parameters",
            )
        return table

    def _label(self, trial: Trial) -> str:
        """Name or number, where it came from, and whether a rung would have stopped it."""
        label = trial.name or f"trial {trial.number}"
        if trial.source == "warm_start":
            label += " (warm start)"
        if trial.step is not None:
            label += f" for {trial.step}, seed {trial.seed}"
        if trial.contrast_of is not None:
            changed = trial.varied_from(self._ledger.trials[trial.contrast_of])
            what = ", ".join(f"{name} {value}" for name, value in changed.items())
            label += f" (probe of trial {trial.contrast_of}{what and f': {what}'})"
        return f"{label} (audited)" if trial.audited else label
