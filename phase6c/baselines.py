"""What simpler models reach on the same rows, so that a score can be judged."""

from __future__ import annotations

import time

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from phase6c.calibration import log_losses
from phase6c.data.windows import SearchData
from phase6c.metrics import measure
from phase6c.records import Baseline


def fit_baselines(data: SearchData, seed: int) -> tuple[Baseline, ...]:
    """Logistic regression and gradient boosting on the last day's features of each window.

    Fitted on the train windows, scored on the val windows, on one thread.
    """
    models = {
        "logistic_regression": LogisticRegression(max_iter=1000),
        "gradient_boosting": HistGradientBoostingClassifier(
            learning_rate=0.03,
            max_iter=150,
            max_leaf_nodes=8,
            min_samples_leaf=40,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        ),
    }
    with threadpool_limits(limits=1):
        return tuple(_fit(name, model, data) for name, model in models.items())


def _fit(
    name: str, model: LogisticRegression | HistGradientBoostingClassifier, data: SearchData
) -> Baseline:
    started = time.perf_counter()
    train, val = data.train, data.val
    model.fit(data.features[train.end_rows], train.y)
    loss_train = log_losses(model.decision_function(data.features[train.end_rows]), train.y).mean()
    logits = model.decision_function(data.features[val.end_rows])
    metrics = measure(logits, val.y, val.down, data.base_rate, float(loss_train))
    return Baseline(name=name, metrics=metrics, duration_s=time.perf_counter() - started)
