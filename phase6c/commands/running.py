"""What the commands that train share: resources, the terminal, and handing over the result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from phase6c.commands.exits import leave_at_once, names_the_way_on
from phase6c.commands.flags import translator
from phase6c.errors import ConfigError, ResourceError, StorageError
from phase6c.wording import duration_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from phase6c.tune.runtime.job import Job, Result, SearcherType, StudyPlan
    from phase6c.tune.runtime.planned import Planned


def check_assumed(given: dict[str, Any]) -> None:
    """Only a dry run plans for machines that are not there, and for one plan at a time.

    Raises:
        ConfigError: Machines are assumed for a run, or beside a cluster.
    """
    if given["assume"] is None:
        return
    if not given["dry_run"]:
        rule, remedy = "`assume` plans for what is not there", "Add --dry-run, or leave it out."
        raise ConfigError(rule, given["assume"], remedy)
    if given["address"] is not None:
        rule = "`assume` plans for what is not there, and `address` for a cluster that is"
        raise ConfigError(rule, "both", "Leave one of them out.")


def check_trackers(given: dict[str, Any]) -> None:
    """Says what a tracker lacks before anything is read; in a dry run that is no error.

    Raises:
        ConfigError: A tracker is not named as it must be, or has no key.
        ResourceError: Its package is not installed, and a run is asked for.
    """
    from phase6c.study.views.trackers.destination import destinations

    try:
        destinations(given["mlflow"], given["wandb"])
    except ResourceError as error:
        if not given["dry_run"]:
            raise
        click.echo(translator()(f"Missing: {error}"), err=True)


def check_gpu(
    plan: StudyPlan,
    what: str,
    needed_s: Callable[[Planned], float | None],
    given: dict[str, Any],
    remedy: str = "ask for less",
) -> None:
    """A large budget on CPUs is started only by someone who has seen how long it takes.

    Args:
        plan: Names the budget.
        what: The work that is about to start, in words.
        needed_s: How long it would take without a GPU.
        given: The options of the command.
        remedy: Another way out than --yes.

    Raises:
        ResourceError: The budget needs a GPU, and there is none; or fewer than were asked for.
    """
    budget, address = plan.budget, given["address"]
    if budget is None or budget.laptop or given["yes"]:
        # A cluster is asked by the run itself.
        if address is None:
            plan.resources()
        return
    from phase6c.tune.runtime.joining.arrival import waits_for_gpus

    # The run itself waits for GPUs, and does not begin without them.
    if waits_for_gpus(plan.options):
        return
    from phase6c.tune.runtime.planned import planned_machines

    with planned_machines(plan) as planned:
        if planned.missing is not None:
            raise planned.missing
        resources = planned.resources
        if resources.n_gpus:
            return
        needed = needed_s(planned)
    here = "here" if address is None else "in the cluster"
    longer = "an unknown time" if needed is None else f"about {duration_text(needed)}"
    raise ResourceError(
        f"{what} of the budget {budget.name} needs a GPU",
        f"no GPU {here}; on these {resources.n_cpus} CPUs it would take {longer}",
        f"Add --yes to do it all the same, {remedy}, or use --address of a cluster with GPUs.",
    )


def run_on_terminal(
    job: Job[SearcherType, Result],
    given: dict[str, Any],
    *,
    opening: Iterable[RenderableType] = (),
    resume: bool = True,
) -> Result:
    """Runs a job with a progress display, while Ray's own output goes to the study's run.log.

    Args:
        job: The job.
        given: The options of the command.
        opening: Shown before the progress.
        resume: Whether the command takes --resume to go on.
    """
    from phase6c.study.study_config import STUDY_FILE
    from phase6c.study.study_folder import LOG_FILE
    from phase6c.terminal.console import library_messages, quiet_terminal
    from phase6c.terminal.progress import progress_on
    from phase6c.tune.runtime.session import run_job

    folder, translate = job.study.folder, translator()
    with (
        names_the_way_on(folder / STUDY_FILE, resume=resume) as words,
        quiet_terminal(None if given["debug"] else folder / LOG_FILE) as console,
        library_messages(console, quiet=given["quiet"], translate=translate),
    ):
        leave = partial(leave_at_once, console, words, translate, resume=resume)
        if given["quiet"]:
            return run_job(job, leave=leave)
        for shown in opening:
            console.print(shown, markup=False)
        with progress_on(console) as display:
            return run_job(job, (), display, leave)


@contextmanager
def handing_over(remedy: str) -> Iterator[None]:
    """Says where the result is if stdout does not take the text that is printed meanwhile.

    Raises:
        StorageError: stdout is full or closed.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        raise StorageError("stdout must take the result", error.strerror, remedy) from error
