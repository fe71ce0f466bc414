"""Gradient boosting on the last day's features, small and slow, with weights that may fade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from phase6c.config import HalfLife
from phase6c.data.recency import recency_weights
from phase6c.data.windows import Block, SearchData
from phase6c.evaluation.baselines.choosing_days import to_choose_on
from phase6c.statistics.logits import log_losses, logit
from phase6c.statistics.simple_models import BoostedTrees

MAX_TREES = 300
# Of more rows scikit-learn draws as many for its bins.
MAX_BINNED_ROWS = 200_000
# Weights that fade with age, of which the latest part of the training chooses one.
HALF_LIVES: tuple[HalfLife, ...] = (750, 1500, 3000)


class _QuicklyBinned(HistGradientBoostingClassifier):  # type: ignore[misc]
    """Boosting that cuts its bins at quantiles of weighted rows without the cost of these.

    scikit-learn computes each weighted quantile anew, which takes six times as long as growing all
    the trees. Rows that are repeated as often as their weight says have the same quantiles.
    """

    def _bin_data(self, X: Any, sample_weight: Any, is_training_data: bool) -> Any:  # noqa: N803
        n_rows = len(X)
        if sample_weight is None or not is_training_data or n_rows >= MAX_BINNED_ROWS:
            return super()._bin_data(X, sample_weight, is_training_data)
        n_repeated = min(10 * n_rows, MAX_BINNED_ROWS)
        shares = np.cumsum(sample_weight) / np.sum(sample_weight)
        repeated = np.searchsorted(shares, (np.arange(n_repeated) + 0.5) / n_repeated)
        return self._bin_mapper.fit(X[repeated]).transform(X)


def boosted_trees(n_trees: int, seed: int) -> HistGradientBoostingClassifier:
    """Small trees, slowly added, as suits a few thousand noisy rows."""
    return _QuicklyBinned(
        learning_rate=0.03,
        max_iter=n_trees,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def fit_boosting(
    inner: SearchData, data: SearchData, seed: int, half_lives: Sequence[HalfLife]
) -> BoostedTrees:
    """Trees of which number and half-life are chosen on the latest part of the training.

    Of a large panel the fits that are chosen from see a part of the days; see `choosing_rows`.

    Args:
        inner: Training of `data`, cut in two.
        data: Rows to be fitted.
        seed: Seed of scikit-learn's draws, and of the days of a large panel.
        half_lives: Half-lives of the rows' weights, in calendar days, to choose from.
    """
    part = to_choose_on(inner, seed)
    losses = {half_life: _losses_by_trees(part, half_life, seed) for half_life in half_lives}
    half_life = min(half_lives, key=lambda own: losses[own].min())
    share = len(part.train) / len(inner.train)
    n_trees = _for_all_rows(int(np.argmin(losses[half_life])) + 1, share)
    fitted = boosted_trees(n_trees, seed)
    fitted.fit(_last_days(data, data.train), data.train.y, _weights(data.train, half_life))
    return BoostedTrees.of(fitted)


def _for_all_rows(n_trees: int, share: float) -> int:
    """The number of trees for all rows, given the best number on a share of them.

    More rows bear more trees before they are overfitted. The square root lies between none more
    and as many more as there are rows; a few trees too many cost less than a few too few.
    """
    return min(MAX_TREES, round(n_trees / math.sqrt(share)))


def _losses_by_trees(inner: SearchData, half_life: HalfLife, seed: int) -> np.ndarray:
    """The log loss on the latest part of the training after each tree."""
    model = boosted_trees(MAX_TREES, seed)
    model.fit(_last_days(inner, inner.train), inner.train.y, _weights(inner.train, half_life))
    stages = model.staged_predict_proba(_last_days(inner, inner.val))
    return np.array([log_losses(logit(p[:, 1]), inner.val.y).mean() for p in stages])


def _weights(block: Block, half_life: HalfLife) -> np.ndarray | None:
    return None if half_life == "none" else recency_weights(block.dates, half_life)


def _last_days(data: SearchData, block: Block) -> np.ndarray:
    """float32[row, feature] of the last day of each window."""
    features: np.ndarray = data.features[block.end_rows]
    return features
