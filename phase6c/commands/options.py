"""The frame of every command, and the options that several of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, get_args

import click

from phase6c.commands.exits import exits_with_code
from phase6c.config import Label, Objective, Tier

Function = TypeVar("Function", bound=Callable[..., Any])


def choice(words: Any) -> click.Choice[str]:
    """The words of a Literal type."""
    return click.Choice(get_args(words))


WAIT_FOR_HELP = (
    "With --address: GPUs, or CPUs with --gpus 0, that must have joined before it begins [any]."
)
ASSUME_HELP = "With --dry-run: plan for GPUs that are not there, from published rates."

COUNT = click.IntRange(min=1)
SEED = click.IntRange(min=0)
TIERS, LABELS, OBJECTIVES = choice(Tier), choice(Label), choice(Objective)

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
debug_option = click.option("--debug", is_flag=True, help="Stack traces on the terminal.")

_RESOURCE_OPTIONS = (
    click.option("--gpus", default="auto", help="How many GPUs, or auto."),
    click.option("--gpus-per-trial", type=float, help="Share of a GPU [from its memory]."),
    click.option("--cpus", type=COUNT, help="How many CPUs [all]."),
    click.option("--address", help="Running Ray cluster: auto or HOST:PORT [one of our own]."),
    click.option("--wait-for", type=COUNT, help=WAIT_FOR_HELP),
    click.option("--wait", "wait_s", default="10m", help="How long at most, such as 30m."),
)
_TRACKER_OPTIONS = (
    click.option("--mlflow", metavar="URI", help="Tell MLflow there of every trial."),
    click.option("--wandb", metavar="PROJECT", help="Tell W&B of every trial, in this project."),
)
_RUN_OPTIONS = (
    click.option("--yes", is_flag=True, help="Train a large budget without a GPU all the same."),
    click.option("--dry-run", is_flag=True, help="Show what would be trained; start nothing."),
    click.option("--assume", metavar="4xH200", help=ASSUME_HELP),
    json_option,
    click.option("--quiet", is_flag=True, help="Only warnings, errors and the result."),
    click.option("--debug", is_flag=True, help="Ray's messages and stack traces on the terminal."),
)


def command(function: Callable[..., None]) -> click.Command:
    """A command of phase6c: -h, defaults in its help, and an exit code for every end."""
    settings = {"help_option_names": ["-h", "--help"], "show_default": True}
    return click.command(context_settings=settings)(exits_with_code(function))


def resource_options(function: Function) -> Function:
    """Adds the options of GPUs, CPUs and a cluster."""
    return with_options(function, _RESOURCE_OPTIONS)


def tracker_options(function: Function) -> Function:
    """Adds the options of trackers."""
    return with_options(function, _TRACKER_OPTIONS)


def run_options(function: Function) -> Function:
    """Adds the options of a command that trains: whether to start, and its output."""
    return with_options(function, _RUN_OPTIONS)


def with_options(function: Function, options: Iterable[Callable[[Function], Function]]) -> Function:
    """Adds options to a command, in their order."""
    for option in reversed(tuple(options)):
        function = option(function)
    return function
