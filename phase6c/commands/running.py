"""What the commands that train share: their resources, their terminal, and handing over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from _app import duration_text, library_messages, names_the_way_on, quiet_terminal

from phase6c.errors import ResourceError, StorageError

Command = TypeVar("Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    from _last_words import LastWords
    from rich.console import Console

    from phase6c.tune.runtime.resources import Resources
    from phase6c.tune.search.plan import StudyPlan

_RUN_OPTIONS = (
    click.option("--gpus", type=click.IntRange(min=0), help="How many GPUs [all]."),
    click.option("--gpus-per-trial", type=float, help="Share of a GPU [from the budget]."),
    click.option("--cpus", type=click.IntRange(min=1), help="How many CPUs [all]."),
    click.option("--address", help="Running Ray cluster: auto or HOST:PORT [one of our own]."),
    click.option("--yes", is_flag=True, help="Train a large budget without a GPU all the same."),
    click.option("--dry-run", is_flag=True, help="Show what would be trained; start nothing."),
    click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
    click.option("--quiet", is_flag=True, help="Only warnings, errors and the result."),
    click.option("--debug", is_flag=True, help="Ray's messages and stack traces on the terminal."),
)


def run_options(command: Command) -> Command:
    """Adds what is asked of a training that a study is there for: resources and output."""
    for option in reversed(_RUN_OPTIONS):
        command = option(command)
    return command


def resources_for_a_dry_run(plan: StudyPlan) -> tuple[Resources, str | None]:
    """What a run would get, and what is missing; this machine's CPUs where something is."""
    from phase6c.tune.runtime.resources import Resources, local_cpus

    try:
        return plan.resources(), None
    except ResourceError as error:
        return Resources(n_cpus=local_cpus(), n_gpus=0, gpus_per_trial=0.0), str(error)


def check_gpu(
    plan: StudyPlan, what: str, needed_s: Callable[[Resources], float], remedy: str, *, yes: bool
) -> None:
    """A large budget on a CPU is started only by someone who has seen what it takes.

    Args:
        plan: Names the budget.
        what: Is about to start, in words.
        needed_s: How long it would take without a GPU.
        remedy: Besides --yes.
        yes: Whether someone has said --yes.

    Raises:
        ResourceError: The budget needs a GPU, and there is none; or what was asked for is not.
    """
    resources, budget = plan.resources(), plan.space.budget
    if budget is None or budget.laptop or resources.n_gpus or yes:
        return
    needed = duration_text(needed_s(resources))
    raise ResourceError(
        f"{what} of the budget {budget.name} needs a GPU",
        f"no GPU here; on these {resources.n_cpus} CPUs it would take about {needed}",
        f"Add --yes to do it all the same, {remedy}, or use --address.",
    )


@contextmanager
def on_terminal(
    folder: Path, *, debug: bool, quiet: bool, resume: bool = True
) -> Iterator[tuple[Console, LastWords]]:
    """A console for progress while Ray's own output goes to the study's run.log.

    Args:
        folder: Of the study.
        debug: Whether Ray's output goes to the terminal too.
        quiet: Whether only warnings are shown of the library's messages.
        resume: Whether it takes --resume to go on.

    Yields:
        The console, and what to take back before the process is left at once.
    """
    from phase6c.study.study_config import STUDY_FILE
    from phase6c.study.study_folder import LOG_FILE

    with (
        names_the_way_on(folder / STUDY_FILE, resume=resume) as words,
        quiet_terminal(None if debug else folder / LOG_FILE) as console,
        library_messages(console, quiet=quiet),
    ):
        yield console, words


@contextmanager
def handing_over(remedy: str) -> Iterator[None]:
    """Says where the result is if stdout does not take what is printed meanwhile.

    Raises:
        StorageError: stdout is full or closed.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        raise StorageError("stdout must take the result", error.strerror, remedy) from error
