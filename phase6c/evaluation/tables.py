"""The chosen model beside the best baseline, step by step and ticker by ticker."""

from __future__ import annotations

import numpy as np

from phase6c.data.splits import CAL
from phase6c.document.section import Cell, Table
from phase6c.evaluation.entries import plain_auc, step_masks
from phase6c.evaluation.evidence import Evidence, Period
from phase6c.evaluation.judgement import gain
from phase6c.evaluation.outcomes import Truth
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
                *_compared(chosen.forward[own], best.forward[own], y),
            )
        )
    columns = ("step", "dates", "chosen by it", *_columns(evidence))
    return Table(name="steps", title="Step by step", columns=columns, rows=tuple(rows))


def ticker_tables(
    name: str, chosen: np.ndarray, best: np.ndarray, truth: Truth, evidence: Evidence
) -> tuple[Table, ...]:
    """A line for each ticker; all tickers share a training. Nothing for a single ticker.

    Args:
        name: Name of the rows, part of the table's name.
        chosen, best: float64[row], calibrated logits of the model and of the best baseline.
        truth: Labels of the same rows.
        evidence: All else that is known.
    """
    tickers = np.unique(truth.tickers)
    if len(tickers) < 2:
        return ()
    rows = []
    for ticker in tickers:
        own = truth.tickers == ticker
        part = truth.take(own)
        # Each ticker has an interval of its own: a gain over all of them may come from a single
        # ticker.
        over = gain(chosen[own], best[own], evidence.best_baseline, part, evidence.draws)
        cells = _compared(chosen[own], best[own], part.y)
        rows.append((str(ticker), over.log_loss, over.auc, *cells))
    columns = ("ticker", "gain in log loss", "gain in AUC", *_columns(evidence))
    title = "Ticker by ticker (one interval in 20 misses by chance)"
    return (Table(name=f"{name}_tickers", title=title, columns=columns, rows=tuple(rows)),)


def _columns(evidence: Evidence) -> tuple[str, ...]:
    name = words(evidence.best_baseline)
    return ("rows", "base rate", "log loss", f"log loss of {name}", "AUC", f"AUC of {name}")


def _compared(chosen: np.ndarray, best: np.ndarray, y: np.ndarray) -> tuple[Cell, ...]:
    """Both models' figures of some rows, from calibrated logits."""
    losses = (float(log_losses(logits, y).mean()) for logits in (chosen, best))
    aucs = (plain_auc(logits, y) for logits in (chosen, best))
    return (len(y), float(y.mean()), *losses, *aucs)


def _mark(period: Period) -> str:
    """The choice that was made on these dates."""
    if period.name == CAL:
        return "the model"
    return "contenders (selected on)" if period.selected_on else ""
