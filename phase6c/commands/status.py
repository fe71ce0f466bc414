"""Says how far a search is, while another process runs it or after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phase6c.commands.options import command, json_option

if TYPE_CHECKING:
    from phase6c.study.status import Status


@command
@click.argument("study", type=click.Path(path_type=Path))
@json_option
def main(study: Path, *, as_json: bool) -> None:
    """Says how far STUDY is: the folder of a search that runs, has ended or was interrupted.

    Reads its ledger and changes nothing, so that it may be asked at any time.
    """
    from phase6c.study.status import read_status

    status = read_status(study)
    if as_json:
        click.echo(json.dumps(document(status)))
    else:
        for line in lines(status):
            click.echo(line)


def document(status: Status) -> dict[str, object]:
    """The status as JSON."""
    states, config = status.states, status.config
    return {
        "schema": "phase6c.status/1",
        "name": config.name,
        "in_use": status.in_use,
        "complete": config.complete,
        "trials": config.n_trials,
        "running": states["RUNNING"],
        "done": states["COMPLETE"] + states["PRUNED"],
        "stopped_early": states["PRUNED"],
        "failed": states["FAILED"],
        "beside": status.n_beside,
        "best": best(status),
        "time_left_s": status.time_left_s,
        "last_at": status.last_at,
    }


def best(status: Status) -> dict[str, object] | None:
    """The best trial as JSON."""
    objective, trial = status.config.objective, status.best
    epoch = trial.best(objective) if trial else None
    if trial is None or epoch is None:
        return None
    return {
        "number": trial.number,
        "objective": objective,
        "value": epoch.value,
        "epoch": epoch.epoch,
        "params": trial.params,
    }


def lines(status: Status) -> list[str]:
    """The status in words."""
    from phase6c.wording import counted, duration_text

    told, states, config = document(status), status.states, status.config
    run = {True: "a run holds it", False: "no run holds it", None: "whether it runs is not known"}
    ending = "complete" if config.complete else run[status.in_use]
    word = "unfinished" if status.in_use is False else "running"
    of_all = f" of {config.n_trials:,}" if config.n_trials else ""
    beside = f"; {counted(status.n_beside, 'other trial')} beside them" if status.n_beside else ""
    found = [
        f"{config.name}: {ending}.",
        f"{told['done']:,}{of_all} done, {states['PRUNED']:,} of them stopped early; "
        f"{states['FAILED']:,} failed, {states['RUNNING']:,} {word}{beside}.",
    ]
    top = best(status)
    if top is not None:
        found.append(f"Best: trial {top['number']}, {top['objective']} {top['value']:.4f}.")
    if status.time_left_s and not config.complete:
        needed = f"about {duration_text(status.time_left_s)}"
        found.append(
            f"{needed} left.".capitalize() if status.in_use else f"The rest would take {needed}."
        )
    return found
