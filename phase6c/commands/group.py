"""The command `phase6c`: a group whose subcommands are imported when they are used."""

from __future__ import annotations

import difflib
from importlib import import_module

import click

from phase6c.version import __version__

# Each is a module of this folder. The lines stand here, so that the help imports none of them.
COMMANDS = {
    "tune": "Search configurations within a parameter budget.",
    "status": "Say how far a search is, while it runs or after.",
    "probe": "Train a configuration again, and the same with one field changed.",
    "report": "Read studies, and say what they bear.",
    "evaluate": "Train the best anew, walk forward; choose and judge a model.",
    "predict": "Write a model's probabilities for new bars.",
    "audit": "Name the fault of probabilities, and what mends it.",
    "track": "Send a study to MLflow or W&B.",
    "verify": "Check a study's files against its ledger.",
    "features": "Print the catalogue of features.",
}


class Commands(click.Group):
    """Subcommands by their modules' names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every subcommand, in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"phase6c.commands.{cmd_name}").main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the subcommands in the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that was typed; the error of a misspelt name tells the nearest."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="phase6c")
def main() -> None:
    """Budgeted search for calibrated transformer classifiers on daily market bars.

    Completion in bash: eval "$(_PHASE6C_COMPLETE=bash_source phase6c)"; for zsh and fish,
    zsh_source and fish_source.
    """
