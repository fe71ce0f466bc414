"""The progress of a run: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from phase6c.records import STATES, Trial, score
from phase6c.study.ledger import Ledger, Listener, Row
from phase6c.study.ranking import rung_value_of
from phase6c.study.study_config import StudyConfig
from phase6c.study.tally import Tally
from phase6c.terminal.time_left import TimeLeft
from phase6c.terminal.waiting import Waiting
from phase6c.wording import counted, words


class Goal(NamedTuple):
    """What is to be finished.

    Attributes:
        total: Number of trials.
        counts: Whether a trial is one of them.
        planned_epochs: Mean number of epochs of a trial, as far as it can be foreseen; None for all
            epochs that a trial may have.
    """

    total: int
    counts: Callable[[Trial], bool]
    planned_epochs: float | None = None


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
        yield partial(Progress, console)
        return
    screen = _Screen()
    live = Live(
        console=console,
        # Asked for anew at each refresh, so that the clocks run while no trial reports.
        get_renderable=screen.shown,
        refresh_per_second=4,
        # Output of other code is not for the terminal: it stays on its way to the log.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with live:
        yield partial(screen.begin, console)


class _Screen:
    """What a terminal shows: a spinner until trials run, then how far they are."""

    def __init__(self) -> None:
        self._waiting = Waiting("preparing")
        self._progress: Progress | None = None

    def shown(self) -> RenderableType:
        return self._waiting if self._progress is None else self._progress.display()

    def begin(self, console: Console, *arguments: Any) -> Progress:
        self._progress = Progress(console, *arguments, live=True)
        return self._progress


# Of the fields that differ between trials, so many tell the running ones apart, the first of these.
_MAX_FIELDS, _WIDE = 3, 100
_TELLING = ("learning_rate", "n_layers", "dropout", "context_days", "weight_decay", "patch_days")
_MAX_LAST = 3


class Progress:
    """A listener of the ledger that shows how far a search or a probe is.

    Args:
        console: Where to show it.
        config: The study's configuration, baselines included.
        ledger: Tells the trials.
        n_gpus: GPUs that the run uses.
        max_concurrent: How many trials run side by side.
        goal: The trials to be finished.
        live: Whether `display` is shown, rather than a line for each trial that ends.
    """

    def __init__(
        self,
        console: Console,
        config: StudyConfig,
        ledger: Ledger,
        n_gpus: int,
        max_concurrent: int,
        goal: Goal,
        *,
        live: bool = False,
    ) -> None:
        self._goal = goal
        self._console = console
        self._live = live
        self._config = config
        self._ledger = ledger
        self._waiting = Waiting("running")
        max_epochs = config.train.epochs
        planned = max_epochs if goal.planned_epochs is None else goal.planned_epochs
        earlier = ledger.trials.values()
        self._time_left = TimeLeft(max_epochs, planned, max_concurrent, goal.total, earlier)
        self._tally = Tally(config, goal.counts, earlier)
        # The first trial's fields, and the names of those in which others differ from it.
        self._first: dict[str, Any] = {}
        self._telling: set[str] = set()
        for trial in earlier:
            self._tell_apart(trial)
        # Trials of this run; an earlier run may have left unfinished ones.
        self._seen: set[int] = set()
        # What only changes with a row is not made anew at each refresh.
        self._since_last_row: list[RenderableType] | None = None
        self._last: deque[Trial] = deque(maxlen=_MAX_LAST)
        device = f"{n_gpus} GPUs" if n_gpus else "CPU"
        self._console.print(
            f"Training on {device}, {counted(max_concurrent, 'trial')} side by side, "
            f"{config.train.precision}.",
            markup=False,
        )

    def __call__(self, row: Row, trial: Trial) -> None:
        """Takes in the new row, and prints a line for a trial that has ended."""
        if row["kind"] == "trial":
            self._tell_apart(trial)
        self._tally(row, trial)
        self._seen.add(trial.number)
        self._since_last_row = None
        self._time_left(row, trial)
        if trial.finished and row["kind"] in ("result", "final", "failed"):
            self._last.append(trial)
            if not self._live:
                self._console.print(self._line(trial), markup=False, soft_wrap=True)

    def display(self) -> Group:
        """Everything about the run in a few lines."""
        if self._since_last_row is None:
            # Trainings of an evaluation differ in their dates: none of them is the best.
            compared = [] if self._config.evaluation else [*self._compared()]
            self._since_last_row = [self._states(), *compared, self._trials()]
        return Group(self._head(), self._waiting, *self._since_last_row)

    def _head(self) -> Table:
        n_left, total = self._n_left(), self._goal.total
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(self._config.name, style="bold", overflow="ellipsis", no_wrap=True),
            ProgressBar(total=total, completed=total - n_left, width=20),
            f"{total - n_left}/{total}",
            self._left_in_words(n_left),
        )
        return head

    def _n_left(self) -> int:
        return self._goal.total - self._tally.n_finished

    def _left_in_words(self, n_left: int) -> str:
        if n_left <= 0:
            return "ending"
        left = self._time_left.foreseen(n_left)
        return "time left unknown yet" if left is None else f"{left.text()} left"

    def _states(self) -> Text:
        """The number of trials in each state; those beside the goal are told apart."""
        counts, beside = self._tally.states, self._tally.n_beside
        told = [f"{counts[state]} {name}" for state, name in STATES.items() if counts[state]]
        text = ", ".join(told) or "no trial yet"
        return Text(f"{text}; {counted(beside, 'other trial')} beside them" if beside else text)

    def _compared(self) -> Iterator[Text]:
        best = self._best()
        yield Text(f"best so far    {best}", style="green")
        if self._config.baselines:
            yield Text(f"best baseline  {self._baseline()}")

    def _best(self) -> str:
        objective = self._config.objective
        best = self._tally.best
        # Of a running trial only the value on the rungs' rows is known.
        reached = rung_value_of(best, objective) if best else -math.inf
        running = [one for one in self._running() if one.chosen and one.in_budget]
        leader = max(running, key=lambda one: rung_value_of(one, objective), default=None)
        told = self._value_of(best) if best else "none yet"
        if leader is None or rung_value_of(leader, objective) <= reached:
            return told
        part = " on a part of the days" if leader.awaits_final else ""
        ahead = self._value_of(leader) + part
        return f"{told}; {ahead}, still running" if best else f"{ahead}, still running"

    def _value_of(self, trial: Trial) -> str:
        measured = trial.best(self._config.objective)
        assert measured is not None
        return f"trial {trial.number}: {self._config.objective} {measured.value:.4f}"

    def _baseline(self) -> str:
        """The strongest baseline by the objective."""
        objective = self._config.objective
        known = [
            (score(value, objective), words(baseline.name), value)
            for baseline in self._config.baselines
            if (value := getattr(baseline.metrics, objective)) is not None
        ]
        if not known:
            return "not known"
        _, name, value = max(known)
        return f"{name}: {objective} {value:.4f}"

    def _line(self, trial: Trial) -> str:
        n_left = self._n_left()
        best = self._value_of_best() if not self._config.evaluation else ""
        at_most = "at most " if self._config.evaluation else ""
        ended = self._end_of(trial, STATES[trial.state])
        return (
            f"{self._label(trial)}: {ended}, {trial.n_params:,} parameters | {best}"
            f"{at_most}{n_left} to do, {self._left_in_words(n_left)}"
        )

    def _value_of_best(self) -> str:
        """The end of a line; trainings of an evaluation differ in their dates: none is the best."""
        best = self._tally.best
        return f"best {self._value_of(best) if best else 'none yet'} | "

    def _end_of(self, trial: Trial, word: str) -> str:
        best = trial.best(self._config.objective)
        value = f"{self._config.objective} {best.value:.4f}" if best else "no value"
        return f"{word} at epoch {trial.epochs}, {value}"

    def _trials(self) -> Table:
        """The last trials that have ended, and those that run, with what tells them apart."""
        running = [one for one in self._running() if one.number in self._seen]
        fields = [name for name in _TELLING if name in self._telling]
        n_fields = _MAX_FIELDS if self._console.width >= _WIDE else _MAX_FIELDS - 1
        table = Table.grid(padding=(0, 2))
        for trial in (*self._last, *running):
            style = "dim" if trial.finished else "cyan"
            told = [f"{name} {trial.params[name]:g}" for name in fields if name in trial.params]
            cells = (self._label(trial), self._now(trial), ", ".join(told[:n_fields]))
            table.add_row(
                *(Text(cell, style=style, no_wrap=True, overflow="ellipsis") for cell in cells)
            )
        return table

    def _now(self, trial: Trial) -> str:
        if trial.finished:
            word = "stopped" if trial.state == "PRUNED" else trial.state.lower()
            return self._end_of(trial, word)
        last = trial.measurements[-1].value if trial.measurements else None
        value = "" if last is None else f", {self._config.objective} {last:.4f}"
        return f"epoch {trial.epochs} of {self._config.train.epochs}{value}"

    def _running(self) -> list[Trial]:
        """Trials that have not ended; copied, since a display asks from a thread of its own."""
        return list(self._tally.running.values())

    def _tell_apart(self, trial: Trial) -> None:
        """Notes in which fields a trial differs from the first."""
        fields = {name: trial.params.get(name) for name in _TELLING}
        self._first = self._first or fields
        self._telling |= {name for name in _TELLING if fields[name] != self._first[name]}

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
