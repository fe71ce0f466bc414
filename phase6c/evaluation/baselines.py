"""The baselines that every model is held against on the same rows, made by simpler means."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from phase6c.config import HalfLife
from phase6c.data.recency import recency_weights
from phase6c.data.windows import Block, SearchData
from phase6c.evaluation.base_rates import base_rates, ticker_rates
from phase6c.records import Baseline, Metrics
from phase6c.statistics.cross_section import CrossSection
from phase6c.statistics.logits import log_losses, logit
from phase6c.statistics.metrics import measure
from phase6c.study.study_config import BASELINES_FILE
from phase6c.study.trial_folder import prediction_tables, write_tables

logger = logging.getLogger(__name__)

# The transformer's shortcut and bias alone; their predictions come from the transformer itself.
OWN_SHORTCUT = "own_shortcut"

VOLATILITY = "rv_20"
# Inverse strengths of the ridge penalty, stronger for the many columns of a window.
TIER_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
WINDOW_STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)
# Values in all windows together, to bound the memory; of more rows, every n-th is fitted.
MAX_WINDOW_VALUES = 40_000_000
MAX_TREES = 300
# The search's own baselines are fitted before its first trial, which waits for them.
MAX_FITTED_WINDOWS = 600_000
# Weights that fade with age, of which the latest part of the training chooses one.
HALF_LIVES: tuple[HalfLife, ...] = (750, 1500, 3000)


class Simple(NamedTuple):
    """The predictions of a baseline, and how long it took to fit.

    Attributes:
        logits: Logits of the rows to be judged on.
        duration_s: Seconds of choosing and fitting.
    """

    logits: Float64[np.ndarray, " row"]
    duration_s: float


def fit_simple(
    inner: SearchData, data: SearchData, context_days: int, seed: int
) -> dict[str, Simple]:
    """The predictions of each baseline for the rows of `data.val`, by name.

    Penalties, the number of trees and the half-life of weights are chosen by the log loss on the
    latest part of the training, `inner.val`, as the transformers' epochs are; then all of the
    training is fitted.

    Args:
        inner: Training of `data`, cut in two.
        data: Rows to be fitted, and rows to be judged on.
        context_days: Days of the window that the linear model sees.
        seed: Seed of gradient boosting.
    """
    fits = {
        **base_rates(data),
        "volatility_logistic": lambda: _volatility(data),
        "ridge_logistic": lambda: _ridge(inner, data, TIER_STRENGTHS, 1),
        "gradient_boosting": lambda: _boosting(inner, data, seed, ("none",)),
        "fading_boosting": lambda: _boosting(inner, data, seed, HALF_LIVES),
        "linear_window": lambda: _ridge(inner, data, WINDOW_STRENGTHS, context_days),
    }
    with threadpool_limits(limits=1):
        return {name: _timed(fit) for name, fit in fits.items()}


def _timed(fit: Callable[[], np.ndarray]) -> Simple:
    begun = time.perf_counter()
    return Simple(fit(), time.perf_counter() - begun)


def _volatility(data: SearchData) -> np.ndarray:
    column = [data.feature_names.index(VOLATILITY)]
    model = LogisticRegression(C=1e3, max_iter=1000)
    model.fit(_windows(data, data.train, 1)[:, column], data.train.y)
    return _decided(model, _windows(data, data.val, 1)[:, column])


def _ridge(
    inner: SearchData, data: SearchData, strengths: tuple[float, ...], context_days: int
) -> np.ndarray:
    tried = _fit_ridges(inner, strengths, context_days)
    losses = [float(log_losses(logits, inner.val.y).mean()) for logits in tried]
    best = strengths[int(np.argmin(losses))]
    return _fit_ridges(data, [best], context_days)[0]


def _fit_ridges(
    data: SearchData, strengths: Sequence[float], context_days: int
) -> list[np.ndarray]:
    """The predictions of models of several strengths, fitted on the training, for `data.val`."""
    n_values = len(data.train) * context_days * len(data.feature_names)
    # Neighbouring windows share all but a day: every n-th tells nearly as much as all of them.
    every = -(-n_values // MAX_WINDOW_VALUES)
    windows, y = _windows(data, data.train, context_days, every), data.train.y[::every]
    models = [
        LogisticRegression(C=strength, max_iter=500).fit(windows, y) for strength in strengths
    ]
    parts = np.array_split(np.arange(len(data.val)), max(1, len(data.val) // 10_000))
    rows = (_windows(data, data.val, context_days, part=part) for part in parts)
    by_part = [[_decided(model, part_rows) for model in models] for part_rows in rows]
    return [np.concatenate(logits) for logits in zip(*by_part, strict=True)]


def _boosting(
    inner: SearchData, data: SearchData, seed: int, half_lives: Sequence[HalfLife]
) -> np.ndarray:
    losses = {half_life: _losses_by_trees(inner, half_life, seed) for half_life in half_lives}
    half_life = min(half_lives, key=lambda own: losses[own].min())
    model = boosted_trees(int(np.argmin(losses[half_life])) + 1, seed)
    model.fit(_windows(data, data.train, 1), data.train.y, _weights(data.train, half_life))
    return _decided(model, _windows(data, data.val, 1))


def _losses_by_trees(inner: SearchData, half_life: HalfLife, seed: int) -> np.ndarray:
    """The log loss on the latest part of the training after each tree."""
    model = boosted_trees(MAX_TREES, seed)
    model.fit(_windows(inner, inner.train, 1), inner.train.y, _weights(inner.train, half_life))
    stages = model.staged_predict_proba(_windows(inner, inner.val, 1))
    return np.array([log_losses(logit(p[:, 1]), inner.val.y).mean() for p in stages])


def _weights(block: Block, half_life: HalfLife) -> np.ndarray | None:
    return None if half_life == "none" else recency_weights(block.dates, half_life)


def _windows(
    data: SearchData,
    block: Block,
    context_days: int,
    every: int = 1,
    part: np.ndarray | None = None,
) -> np.ndarray:
    """float32[row, day x feature] of the block's windows: every n-th of them, or a part."""
    ends = block.end_rows[::every] if part is None else block.end_rows[part]
    rows = ends[:, None] + np.arange(1 - context_days, 1)
    return data.features[rows].reshape(len(ends), -1)


def _decided(model: Any, rows: np.ndarray) -> np.ndarray:
    logits: np.ndarray = model.decision_function(rows).astype(np.float64)
    return logits


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


def _scored(name: str, fit: Callable[[], np.ndarray], data: SearchData) -> FittedBaseline:
    simple = _timed(fit)
    baseline = Baseline(
        name=name, metrics=_metrics(simple.logits, data), duration_s=simple.duration_s
    )
    return FittedBaseline(baseline, simple.logits)


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
