"""Probabilities of exactly 0 or 1: named as what they are, not taken for a general cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from phase6c.analysis.predictions import LabelledPredictions
from phase6c.statistics.logits import log_losses, logit
from phase6c.wording import listed

# Up to this share of the rows; more of them are a property of the model.
FEW = 0.05


def certain_rows(predictions: LabelledPredictions) -> Bool[np.ndarray, " row"]:
    """Which probabilities were 0 or 1, as far as float64 tells them from it."""
    edge = float(logit(np.array([1.0]))[0])
    certain: np.ndarray = np.abs(predictions.logits) >= edge
    return certain


def without(
    predictions: LabelledPredictions, certain: Bool[np.ndarray, " row"]
) -> LabelledPredictions:
    """The other rows, if the certain ones are few; else all, and so where a class would be lost.

    A wrong one costs 36 nats: a handful would outweigh thousands of rows in every fit.
    """
    kept = ~certain
    if certain.mean() > FEW or len(np.unique(predictions.y[kept])) < len(np.unique(predictions.y)):
        return predictions
    return replace(
        predictions,
        y=predictions.y[kept],
        logits=predictions.logits[kept],
        rows=predictions.rows[kept],
        days=None if predictions.days is None else predictions.days[kept],
        down=None if predictions.down is None else predictions.down[kept],
    )


def evidence(predictions: LabelledPredictions, certain: Bool[np.ndarray, " row"]) -> str:
    """Their number, their rows, and what those that are wrong cost."""
    wrong = wrong_rows(predictions, certain)
    losses = log_losses(predictions.logits, predictions.y)
    rows = [str(row) for row in np.sort(predictions.rows[certain])]
    count = f"{len(rows):,} {'probability is' if len(rows) == 1 else 'probabilities are'}"
    where = f"{'row' if len(rows) == 1 else 'rows'} {listed(rows)}"
    text = f"{count} exactly 0 or 1 ({where})"
    if not wrong.any():
        return f"{text}, none of them wrong."
    cost = float(losses[wrong].sum() / len(losses))
    alone = "that alone costs" if wrong.sum() == 1 else "those alone cost"
    return (
        f"{text}, {wrong.sum():,} of them wrong: {alone} {cost:.4f} of the log loss"
        f" {losses.mean():.4f}."
    )


def wrong_rows(
    predictions: LabelledPredictions, certain: Bool[np.ndarray, " row"]
) -> Bool[np.ndarray, " row"]:
    """Those of the certain rows that came out the other way."""
    wrong: np.ndarray = certain & ((predictions.logits > 0) != (predictions.y > 0.5))
    return wrong
