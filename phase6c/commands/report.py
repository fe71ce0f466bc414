"""Reads studies, and says what they bear; trains nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phase6c.commands.options import command, debug_option, json_option
from phase6c.config import DRAWS

if TYPE_CHECKING:
    from phase6c.document.document import Document

DRAWS_HELP = (
    "Of every bootstrap, by default as many as at the end of a search; 0 leaves the intervals and "
    "the correction out, and is fast."
)
OUT_HELP = "Folder of the report [report/ in the study; outputs/report, of a file report_NAME]."


@command
@click.argument("studies", nargs=-1, required=True, metavar="STUDY [STUDY ...]")
@click.option("--draws", default=DRAWS, type=click.IntRange(min=0), help=DRAWS_HELP)
@click.option("--out", type=click.Path(path_type=Path), help=OUT_HELP)
@json_option
@debug_option
def main(
    studies: tuple[str, ...], draws: int, out: Path | None, *, as_json: bool, debug: bool
) -> None:
    """Reports on each STUDY: a study's folder, or a JSON file of trials.

    Writes report.html, report.json, a CSV file for each table and a PNG file for each plot.
    """
    from phase6c.report.report import make_report, write_report

    report = make_report(studies, draws)
    written = write_report(report, out or folder_of(studies))
    if out is None:
        refresh_optuna(studies)
    if as_json:
        click.echo(json.dumps(report.document(), indent=1))
        return
    show(report)
    click.echo(f"\nThe tables and pictures are in the report, {written}")


def folder_of(studies: tuple[str, ...]) -> Path:
    """Where the report goes unless it is said."""
    first = Path(studies[0])
    if len(studies) > 1:
        return Path("outputs") / "report"
    return first / "report" if first.is_dir() else Path("outputs") / f"report_{first.stem}"


def refresh_optuna(studies: tuple[str, ...]) -> None:
    """Makes optuna.db of each study again; after a kill, it is behind the ledger."""
    from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
    from phase6c.study.study import load_study
    from phase6c.study.study_config import OPTUNA_FILE, STUDY_FILE

    for path in studies:
        is_study = (Path(path) / STUDY_FILE).is_file()
        if is_study and is_older(Path(path) / OPTUNA_FILE, Path(path) / LEDGER_NAME):
            from phase6c.study.views.optuna import write_optuna

            study = load_study(path)
            trials = {trial.number: trial for trial in study.trials}
            write_optuna(study.folder, study.config, trials)


def is_older(path: Path, other: Path) -> bool:
    """Whether a file is missing, or was written before the other."""
    return not path.exists() or path.stat().st_mtime < other.stat().st_mtime


def show(report: Document) -> None:
    """Prints the verdict and the sentences of each section; the tables are in the files."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    for part in report.parts:
        console.print(f"\n[bold]{escape(part.headed)}[/bold]")
        for verdict in part.verdicts:
            console.print(verdict, markup=False)
        for section in part.sections:
            console.print(f"\n[bold]{section.title}[/bold]")
            for line in section.says:
                console.print(f"- {line}", markup=False)
