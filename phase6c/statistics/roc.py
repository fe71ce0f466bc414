"""The area under the ROC curve of several labels of the same scores, which are sorted once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Real


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
        ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
        true = np.cumsum(hits)[ends]
        false = 1 + ends - true
        # Points on a straight line between others add nothing but rounding.
        corners = np.ones(len(ends), dtype=bool)
        corners[1:-1] = (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0)
        high, wide = (np.append(0.0, n[corners]) / n[-1] for n in (true, false))
        return float((np.diff(wide) * (high[1:] + high[:-1]) / 2.0).sum())
