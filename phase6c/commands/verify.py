"""Checks a study's files against its ledger, from outside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phase6c.commands.options import command, json_option
from phase6c.errors import DataError

if TYPE_CHECKING:
    from phase6c.verify.files import Finding
    from phase6c.verify.study import Verification


@command
@click.argument("study", type=click.Path(path_type=Path))
@json_option
def main(study: Path, *, as_json: bool) -> None:
    """Checks the files of STUDY, a study's folder, against its ledger; changes nothing.

    Ends with 65 where something does not hold. Notes are what an interrupted search may leave.
    """
    from phase6c.verify.study import verify

    report = verify(study)
    if as_json:
        click.echo(json.dumps(document(report)))
    else:
        show(report)
    if not report.ok:
        sys.exit(DataError.exit_code)


def document(report: Verification) -> dict[str, object]:
    """The report as JSON."""
    return {
        "schema": "phase6c.verify/1",
        "ok": report.ok,
        "findings": [fields(one) for one in report.findings],
        "notes": [fields(one) for one in report.notes],
        "trials": report.n_trials,
    }


def fields(finding: Finding) -> dict[str, str]:
    """A finding as JSON."""
    return {"file": finding.file, "rule": finding.rule, "found": finding.found}


def show(report: Verification) -> None:
    """Prints a line for each finding and note, and a line on the whole study."""
    for finding in report.findings:
        click.echo(str(finding))
    for note in report.notes:
        click.echo(f"Note: {note}")
    n = len(report.findings)
    verdict = "all holds" if report.ok else f"{n} finding{'s' if n > 1 else ''}"
    click.echo(f"{report.n_trials} trials: {verdict}.")
