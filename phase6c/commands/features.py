"""Prints the catalogue of features."""

from __future__ import annotations

import json
import sys

import click

from phase6c.commands.options import TIERS, command, json_option


@command
@click.option(
    "--tier",
    default="a200",
    type=TIERS,
    help="The features of this tier; a200 has all.",
)
@json_option
def main(tier: str, *, as_json: bool) -> None:
    """Prints every feature of a tier: name, family, lookback in days, needs, meaning.

    With `--set logs=true` a search scales those marked "log" by their logs.
    """
    from phase6c.data import catalogue

    tiers = catalogue.TIERS
    smallest = {name: own for own in reversed(tiers) for name in tiers[own]}
    rows = [
        {
            "name": feature.name,
            "family": feature.family,
            "tier": smallest[feature.name],
            "lookback_days": feature.lookback_days,
            "needs": list(feature.needs),
            "log": feature.log,
            "meaning": feature.meaning,
        }
        for feature in (catalogue.FEATURES[name] for name in tiers[tier])  # type: ignore[index]
    ]
    if as_json:
        click.echo(json.dumps({"schema": "phase6c.features/1", "tier": tier, "features": rows}))
        return
    show(rows)


def show(rows: list[dict[str, object]]) -> None:
    """Prints the features as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("feature", "tier", "family", "lookback", "log", "needs", "meaning"):
        table.add_column(name, justify="right" if name == "lookback" else "left")
    for row in rows:
        needs = row["needs"]
        assert isinstance(needs, list)
        days = f"{row['lookback_days']} d"
        log = "log" if row["log"] else ""
        words = (*(row["name"], row["tier"], row["family"], days, log), " ".join(needs))
        table.add_row(*map(str, words), str(row["meaning"]))
    # A pipe has no width of its own; lines are kept whole for it.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    # Written by click, because rich ends the process itself where nobody reads any more.
    with console.capture() as text:
        console.print(table)
    click.echo(text.get(), nl=False)
