"""ROC and precision-recall curves of several labels of the same scores, which are sorted once.

scikit-learn has all of it, to the last bit; but its metrics take a second to import, which every
worker of a search would spend at its start, and sort anew for every curve.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real


class PrecisionRecall(NamedTuple):
    """Precision and recall of calling a rise from each different score on.

    Attributes:
        thresholds: Different scores, ascending.
        precision: Share of rises among the rows from the threshold on.
        recall: Share of the rises that lie there.
        n_predicted: Number of rows from the threshold on.
    """

    thresholds: Float[np.ndarray, " point"]
    precision: Float[np.ndarray, " point"]
    recall: Float[np.ndarray, " point"]
    n_predicted: Int[np.ndarray, " point"]

    @property
    def average(self) -> float:
        """The average precision, as scikit-learn's `average_precision_score` defines it."""
        steps = np.diff(np.append(self.recall, 0.0))
        return max(0.0, float(-np.sum(steps * self.precision)))


class Descending:
    """Rows in the order of their scores, the highest first.

    Args:
        scores: Finite scores of the rows.
    """

    def __init__(self, scores: Float[np.ndarray, " row"]) -> None:
        self._scores = scores
        self._order = np.argsort(-scores, kind="stable")

    def auc(
        self, y: Real[np.ndarray, " row"], rows: Bool[np.ndarray, " row"] | None = None
    ) -> float | None:
        """The AUC of labels, to the last bit as scikit-learn's `roc_auc_score` gives it.

        A large panel's epoch has three of them, and scikit-learn would sort and check for each.

        Args:
            y: Labels, 0 or 1, of all rows.
            rows: Rows that count; None for all.

        Returns:
            None for rows of a single class, and for none.
        """
        order = self._order if rows is None else self._order[rows[self._order]]
        hits, scores = y[order].astype(np.float64), self._scores[order]
        if not 0 < hits.sum() < len(hits):
            return None
        ends = self._ends(scores)
        true = np.cumsum(hits)[ends]
        false = 1 + ends - true
        # Points on a straight line between others add nothing but rounding.
        corners = np.ones(len(ends), dtype=bool)
        corners[1:-1] = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
        high, wide = (np.append(0.0, n[corners]) / n[-1] for n in (true, false))
        return float((np.diff(wide) * (high[1:] + high[:-1]) / 2.0).sum())

    def precision_recall(self, y: Real[np.ndarray, " row"]) -> PrecisionRecall:
        """The curve of labels, 0 or 1 with at least one 1.

        It equals scikit-learn's `precision_recall_curve` to the last bit, without the point at the
        end that has no threshold.
        """
        scores = self._scores[self._order]
        ends = self._ends(scores)
        true = np.cumsum(y[self._order].astype(np.float64))[ends]
        n_predicted = 1 + ends
        return PrecisionRecall(
            thresholds=scores[ends][::-1],
            precision=(true / n_predicted)[::-1],
            recall=(true / true[-1])[::-1],
            n_predicted=n_predicted[::-1],
        )

    @staticmethod
    def _ends(scores: Float[np.ndarray, " row"]) -> Int[np.ndarray, " point"]:
        """The last row of each score among rows in descending order."""
        return np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
