"""The baselines that stand beside a search's trials on the validation block."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines.base_rates import ticker_rates
from phase6c.evaluation.baselines.boosting import boosted_trees
from phase6c.evaluation.baselines.fitting import timed
from phase6c.records import Baseline, Metrics
from phase6c.statistics.cross_section import CrossSection
from phase6c.statistics.logits import log_losses
from phase6c.statistics.metrics import measure
from phase6c.study.study_config import BASELINES_FILE
from phase6c.study.trial_folder import prediction_tables, write_tables

logger = logging.getLogger(__name__)

# The search's own baselines are fitted before its first trial, which waits for them.
MAX_FITTED_WINDOWS = 600_000


class FittedBaseline(NamedTuple):
    """A simpler model's figures, and its predictions behind them.

    Attributes:
        baseline: Figures on the validation block.
        logits: Logits on the validation block.
    """

    baseline: Baseline
    logits: Float[np.ndarray, " window"]


def write_predictions(
    study_folder: Path, fitted: Sequence[FittedBaseline], data: SearchData
) -> None:
    """Stores the baselines' predictions as trials store theirs, with `name` for `epoch`."""
    logits = {baseline.baseline.name: baseline.logits for baseline in fitted}
    tables = prediction_tables("name", logits, data.val, data.tickers)
    write_tables(study_folder / BASELINES_FILE, tables)


def fit_baselines(data: SearchData, seed: int) -> tuple[FittedBaseline, ...]:
    """Logistic regression and gradient boosting on the last day's features of each window.

    Fitted on the train windows, of more than 600,000 on so many drawn at random; scored on the val
    windows, on a single thread. Of a panel also each ticker's own rates.
    """
    fitted = _fitted_rows(len(data.train), seed)
    if len(fitted) < len(data.train):
        logger.info(
            "The baselines are fitted on %s of the %s training windows, drawn at random.",
            f"{len(fitted):,}",
            f"{len(data.train):,}",
        )
    models = {
        "logistic_regression": LogisticRegression(max_iter=1000),
        "gradient_boosting": boosted_trees(150, seed),
    }
    with threadpool_limits(limits=1):
        rates = (_scored(name, fit, data) for name, fit in ticker_rates(data).items())
        return (*(_fit(name, model, data, fitted) for name, model in models.items()), *rates)


def _fitted_rows(n_windows: int, seed: int) -> np.ndarray:
    """The train windows that are fitted, in order: all that can be within a minute or two."""
    if n_windows <= MAX_FITTED_WINDOWS:
        return np.arange(n_windows)
    # By lot: every n-th window would be of the same tickers where their number is a multiple.
    drawn = np.random.default_rng(seed).choice(n_windows, MAX_FITTED_WINDOWS, replace=False)
    return np.sort(drawn)


def _scored(name: str, fit: Callable[[], np.ndarray], data: SearchData) -> FittedBaseline:
    logits, duration_s = timed(fit)
    baseline = Baseline(name=name, metrics=_metrics(logits, data), duration_s=duration_s)
    return FittedBaseline(baseline, logits)


def _fit(
    name: str,
    model: LogisticRegression | HistGradientBoostingClassifier,
    data: SearchData,
    fitted: np.ndarray,
) -> FittedBaseline:
    started = time.perf_counter()
    val, y = data.val, data.train.y[fitted]
    windows = data.features[data.train.end_rows[fitted]]
    model.fit(windows, y)
    loss_train = log_losses(model.decision_function(windows), y).mean()
    logits = model.decision_function(data.features[val.end_rows])
    metrics = _metrics(logits, data, float(loss_train))
    baseline = Baseline(name=name, metrics=metrics, duration_s=time.perf_counter() - started)
    return FittedBaseline(baseline, logits)


def _metrics(logits: np.ndarray, data: SearchData, loss_train: float | None = None) -> Metrics:
    val = data.val
    cross_section = CrossSection.of(val.dates, val.tickers, val.outcomes, data.config.horizon_days)
    return measure(logits, val.y, val.down, data.base_rate, loss_train, cross_section)
