"""The baselines that every model is held against on the same rows, made by simpler means."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

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
from phase6c.statistics.simple_models import BoostedTrees, LinearModel, SimpleModel, windows_of
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
# Of more rows scikit-learn draws as many for its bins.
MAX_BINNED_ROWS = 200_000
# The search's own baselines are fitted before its first trial, which waits for them.
MAX_FITTED_WINDOWS = 600_000
# Weights that fade with age, of which the latest part of the training chooses one.
HALF_LIVES: tuple[HalfLife, ...] = (750, 1500, 3000)

Fit = TypeVar("Fit")


class SimpleFit(NamedTuple):
    """A baseline that was fitted.

    Attributes:
        model: Fitted model.
        duration_s: Seconds of choosing and fitting.
    """

    model: SimpleModel
    duration_s: float


def fit_simple(
    inner: SearchData, data: SearchData, contexts: Sequence[int], seed: int
) -> dict[str, SimpleFit]:
    """The baselines that learn, fitted on the training of `data`, by name.

    Penalties, the number of trees, the half-life of weights and the days of the window are chosen
    by the log loss on the latest part of the training, `inner.val`, as the transformers' epochs
    are; then all of the training is fitted.

    Args:
        inner: Training of `data`, cut in two.
        data: Rows to be fitted.
        contexts: Numbers of days that the window of the linear model may have.
        seed: Seed of gradient boosting.
    """
    fits: dict[str, Callable[[], SimpleModel]] = {
        "volatility_logistic": lambda: _volatility(data),
        "ridge_logistic": lambda: _ridge(inner, data, TIER_STRENGTHS, [1]),
        "gradient_boosting": lambda: _boosting(inner, data, seed, ("none",)),
        "fading_boosting": lambda: _boosting(inner, data, seed, HALF_LIVES),
        "linear_window": lambda: _ridge(inner, data, WINDOW_STRENGTHS, contexts),
    }
    with threadpool_limits(limits=1):
        return {name: SimpleFit(*_timed(fit)) for name, fit in fits.items()}


def simple_logits(
    fits: Mapping[str, SimpleFit], data: SearchData
) -> dict[str, Float64[np.ndarray, " row"]]:
    """The predictions of the base rates and of fitted baselines for the rows of `data.val`.

    Args:
        fits: Baselines that were fitted on the training of `data`.
        data: Rows to be judged on.
    """
    rates = {name: rate() for name, rate in base_rates(data).items()}
    return rates | {name: _logits(fit.model, data, data.val) for name, fit in fits.items()}


def _timed(fit: Callable[[], Fit]) -> tuple[Fit, float]:
    begun = time.perf_counter()
    return fit(), time.perf_counter() - begun


def _logits(model: SimpleModel, data: SearchData, block: Block) -> np.ndarray:
    return model.logits(data.features, block.end_rows)


def _volatility(data: SearchData) -> LinearModel:
    column = [data.feature_names.index(VOLATILITY)]
    fitted = LogisticRegression(C=1e3, max_iter=1000)
    fitted.fit(_last_days(data, data.train)[:, column], data.train.y)
    coefficients = np.zeros(len(data.feature_names))
    coefficients[column] = fitted.coef_[0]
    return _linear(fitted, coefficients, 1)


def _linear(fitted: LogisticRegression, coefficients: np.ndarray, context_days: int) -> LinearModel:
    return LinearModel(
        context_days=context_days,
        n_values=len(coefficients),
        intercept=fitted.intercept_.item(),
        coefficients=tuple(coefficients.tolist()),
    )


def _ridge(
    inner: SearchData, data: SearchData, strengths: Sequence[float], contexts: Sequence[int]
) -> LinearModel:
    """The model of the best strength and days of a window."""
    losses: dict[tuple[float, int], float] = {}
    for days in contexts:
        tried = _fit_ridges(inner, strengths, days)
        for strength, model in zip(strengths, tried, strict=True):
            logits = _logits(model, inner, inner.val)
            losses[strength, days] = float(log_losses(logits, inner.val.y).mean())
    strength, days = min(losses, key=losses.__getitem__)
    return _fit_ridges(data, [strength], days)[0]


def _fit_ridges(
    data: SearchData, strengths: Sequence[float], context_days: int
) -> list[LinearModel]:
    """The models of several strengths on the same windows."""
    n_values = len(data.train) * context_days * len(data.feature_names)
    # Neighbouring windows share all but a day: every n-th tells nearly as much as all of them.
    every = -(-n_values // MAX_WINDOW_VALUES)
    windows = windows_of(data.features, data.train.end_rows[::every], context_days)
    y = data.train.y[::every]
    fitted = [LogisticRegression(C=one, max_iter=500).fit(windows, y) for one in strengths]
    return [_linear(model, model.coef_[0], context_days) for model in fitted]


def _boosting(
    inner: SearchData, data: SearchData, seed: int, half_lives: Sequence[HalfLife]
) -> BoostedTrees:
    losses = {half_life: _losses_by_trees(inner, half_life, seed) for half_life in half_lives}
    half_life = min(half_lives, key=lambda own: losses[own].min())
    fitted = boosted_trees(int(np.argmin(losses[half_life])) + 1, seed)
    fitted.fit(_last_days(data, data.train), data.train.y, _weights(data.train, half_life))
    return BoostedTrees.of(fitted)


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


def _scored(name: str, fit: Callable[[], np.ndarray], data: SearchData) -> FittedBaseline:
    logits, duration_s = _timed(fit)
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
