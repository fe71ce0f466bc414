"""Reads studies and says what they bear; trains nothing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# Draws are many small sums, which more threads only slow down; numpy reads this at import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import click
    from _app import exits_with_code
except ImportError as missing:
    sys.exit(
        f"phase6c is not installed here ({missing}); run 'make demo', or use .venv/bin/python."
    )

if TYPE_CHECKING:
    from phase6c.report.report import Report

DRAWS_HELP = "Of every bootstrap; 0 leaves the intervals and the correction out, and is fast."
OUT_HELP = "Folder of the report [report/ in the study; outputs/report, of a file report_NAME]."


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("studies", nargs=-1, required=True, metavar="STUDY [STUDY ...]")
@click.option("--draws", default=2000, type=click.IntRange(min=0), help=DRAWS_HELP)
@click.option("--out", type=click.Path(path_type=Path), help=OUT_HELP)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--debug", is_flag=True, help="Stack traces on the terminal.")
@exits_with_code
def main(
    studies: tuple[str, ...], draws: int, out: Path | None, *, as_json: bool, debug: bool
) -> None:
    """Reports on each STUDY: a study's folder, or a JSON file of trials such as January's.

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
    click.echo(f"\nThe report is {written}")


def folder_of(studies: tuple[str, ...]) -> Path:
    """Where the report goes unless it is said."""
    first = Path(studies[0])
    if len(studies) > 1:
        return Path("outputs") / "report"
    return first / "report" if first.is_dir() else Path("outputs") / f"report_{first.stem}"


def refresh_optuna(studies: tuple[str, ...]) -> None:
    """Makes optuna.db of each study again; that of a killed one is behind its ledger."""
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


def show(report: Report) -> None:
    """Prints what is said; the tables are in the files."""
    from rich.console import Console

    console = Console(highlight=False)
    for part in report.parts:
        console.print(f"\n[bold]{part.name}[/bold]")
        for section in part.sections:
            console.print(f"\n[bold]{section.title}[/bold]")
            for line in section.says:
                console.print(f"- {line}", markup=False)


if __name__ == "__main__":
    main()
