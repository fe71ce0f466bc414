"""What simpler models reach on the same rows, so that a score can be judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from phase6c.data.windows import SearchData
from phase6c.records import Baseline
from phase6c.statistics.logits import log_losses
from phase6c.statistics.metrics import measure
from phase6c.study.study_config import BASELINES_FILE
from phase6c.study.trial_folder import validation_frame, write_frame


class FittedBaseline(NamedTuple):
    """A simpler model's figures, and its predictions behind them.

    Attributes:
        baseline: What it reaches.
        logits: float[window], on the validation block.
    """

    baseline: Baseline
    logits: np.ndarray


def write_predictions(
    study_folder: Path, fitted: Sequence[FittedBaseline], data: SearchData
) -> None:
    """Stores the baselines' predictions as trials store theirs, with `name` for `epoch`."""
    names = [one.baseline.name for one in fitted]
    frame = validation_frame("name", names, [one.logits for one in fitted], data)
    write_frame(study_folder / BASELINES_FILE, frame)


def fit_baselines(data: SearchData, seed: int) -> tuple[FittedBaseline, ...]:
    """Logistic regression and gradient boosting on the last day's features of each window.

    Fitted on the train windows, scored on the val windows, on one thread.
    """
    models = {
        "logistic_regression": LogisticRegression(max_iter=1000),
        "gradient_boosting": boosted_trees(150, seed),
    }
    with threadpool_limits(limits=1):
        return tuple(_fit(name, model, data) for name, model in models.items())


def boosted_trees(n_trees: int, seed: int) -> HistGradientBoostingClassifier:
    """Small trees, slowly added, as suits a few thousand noisy rows."""
    return HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=n_trees,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def _fit(
    name: str, model: LogisticRegression | HistGradientBoostingClassifier, data: SearchData
) -> FittedBaseline:
    started = time.perf_counter()
    train, val = data.train, data.val
    model.fit(data.features[train.end_rows], train.y)
    loss_train = log_losses(model.decision_function(data.features[train.end_rows]), train.y).mean()
    logits = model.decision_function(data.features[val.end_rows])
    metrics = measure(logits, val.y, val.down, data.base_rate, float(loss_train))
    baseline = Baseline(name=name, metrics=metrics, duration_s=time.perf_counter() - started)
    return FittedBaseline(baseline, logits)
