"""Sends a study that has ended, or was stopped, to MLflow or W&B."""

from __future__ import annotations

import json
from pathlib import Path

import click

from phase6c.commands.options import command, json_option, tracker_options


@command
@click.argument("study", type=click.Path(path_type=Path))
@tracker_options
@json_option
def main(study: Path, *, mlflow: str | None, wandb: str | None, as_json: bool) -> None:
    """Sends STUDY, a study's folder, to --mlflow or --wandb, as far as it is not there yet.

    A run for each trial, and one for the study. What a search with these options has not sent is
    sent by this; nothing is sent twice. Keys come from the environment.
    """
    from phase6c.study.views.trackers.replay import track_study
    from phase6c.terminal.waiting import waiting

    with waiting("sending the study", quiet=False):
        track_study(study, mlflow=mlflow, wandb=wandb)
    if as_json:
        sent = {"study": str(study), "mlflow": mlflow, "wandb": wandb}
        click.echo(json.dumps({"schema": "phase6c.track/1", **sent}))
    else:
        click.echo(f"All of {study} is sent.")
