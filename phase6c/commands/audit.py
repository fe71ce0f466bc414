"""Names the fault of probabilities, and the calibrator that mends it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phase6c.commands.options import command, json_option

if TYPE_CHECKING:
    from rich.table import Table

    from phase6c.analysis.audit import Audit


@command
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--epoch", type=int, help="Of a file with several epochs.  [default: the last]")
@click.option(
    "--train-base-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The share of ones that the model was trained on, if known.",
)
@json_option
def main(file: Path, *, epoch: int | None, train_base_rate: float | None, as_json: bool) -> None:
    """Says what is wrong with the probabilities in FILE, and which calibrator mends it.

    FILE is CSV (.csv, .csv.gz) or Parquet with a label y (0 or 1) and a probability p in every
    row. Rows are ordered by a column date where there is one, else as they stand; calibrators are
    fitted on the earlier half and judged on the later.
    """
    from phase6c.analysis.audit import audit
    from phase6c.analysis.predictions import load_predictions

    judged = audit(load_predictions(file, epoch), train_base_rate)
    if as_json:
        click.echo(json.dumps({"schema": "phase6c.audit/1", **judged.model_dump(mode="json")}))
    else:
        show(file, judged)


def show(file: Path, judged: Audit) -> None:
    """Prints the verdict, its evidence and repair, the figures, and the calibrators."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())
    # Written by click, because rich ends the process itself where nobody reads any more.
    with console.capture() as text:
        console.print(f"{file.name}: {judged.verdict}", style="bold")
        for line in (*judged.evidence, judged.repair):
            console.print(line)
        console.print()
        console.print(figures_text(judged))
        aside = ", without those of 0 or 1" if judged.n_set_aside else ""
        halves = f"Fitted on the earlier {judged.n_fitted:,} rows, judged on the others{aside}:"
        console.print(f"\n{halves}")
        console.print(calibration_table(judged))
        for note in judged.notes:
            console.print(note)
    click.echo(text.get(), nl=False)


def figures_text(judged: Audit) -> str:
    """The main figures of all rows, in words."""
    all_rows = judged.metrics
    figures = {
        "AUC": all_rows.auc,
        "log loss": all_rows.log_loss,
        "Brier": all_rows.brier,
        "ECE": all_rows.ece,
        "base rate": all_rows.base_rate,
        "calibration slope": all_rows.calibration_slope,
    }
    known = [f"{name} {value:.4g}" for name, value in figures.items() if value is not None]
    spread = f"probabilities {all_rows.pred_min:.3f} to {all_rows.pred_max:.3f}"
    n_rows = judged.n_fitted + judged.n_judged + judged.n_set_aside
    return f"{n_rows:,} rows: {', '.join([*known, spread])}."


def calibration_table(judged: Audit) -> Table:
    """A row for each kind of calibrator."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("calibration")
    for name in ("log loss", "Brier", "ECE", "saves [95% interval]"):
        table.add_column(name, justify="right")
    for kind, calibrated in judged.calibration.items():
        if calibrated is None:
            table.add_row(kind, "-", "-", "-", "-")
            continue
        saved = calibrated.saved
        interval = f"{saved.value:+.4f} [{saved.low:+.4f}, {saved.high:+.4f}]" if saved else ""
        figures = (calibrated.log_loss, calibrated.brier, calibrated.ece)
        table.add_row(kind, *(f"{figure:.4f}" for figure in figures), interval)
    return table
