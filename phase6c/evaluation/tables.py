"""The chosen model beside the best baseline, step by step."""

from __future__ import annotations

import numpy as np

from phase6c.data.splits import CAL
from phase6c.document.section import Cell, Table
from phase6c.evaluation.entries import plain_auc, step_masks
from phase6c.evaluation.evidence import Evidence, Period
from phase6c.statistics.logits import log_losses
from phase6c.wording import words


def steps_table(evidence: Evidence) -> Table:
    """Walk forward and cal, a line for each step."""
    chosen, best = evidence.chosen, evidence.baselines[evidence.best_baseline]
    rows = []
    for period, own in zip(evidence.periods, step_masks(evidence.past), strict=True):
        y = evidence.past.y[own]
        rows.append(
            (
                *(period.name, f"{period.first} to {period.last}", _mark(period)),
                *compared_cells(chosen.forward[own], best.forward[own], y),
            )
        )
    columns = ("step", "dates", "chosen by it", *compared_columns(evidence.best_baseline))
    return Table(name="steps", title="Step by step", columns=columns, rows=tuple(rows))


def compared_columns(rival: str) -> tuple[str, ...]:
    """The columns of `compared_cells`."""
    name = words(rival)
    return ("rows", "base rate", "log loss", f"log loss of {name}", "AUC", f"AUC of {name}")


def compared_cells(chosen: np.ndarray, best: np.ndarray, y: np.ndarray) -> tuple[Cell, ...]:
    """The figures of two models on some rows, from their logits [row]."""
    losses = (float(log_losses(logits, y).mean()) for logits in (chosen, best))
    aucs = (plain_auc(logits, y) for logits in (chosen, best))
    return (len(y), float(y.mean()), *losses, *aucs)


def _mark(period: Period) -> str:
    """The choice that was made on these dates."""
    if period.name == CAL:
        return "the model"
    return "contenders (selected on)" if period.selected_on else ""
