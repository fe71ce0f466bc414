"""The best of many values, corrected for having been chosen on the rows it is measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from phase6c.calibration import cross_fitted, log_losses
from phase6c.config import Objective

MIN_BLOCK_DAYS = 20
# Rows x draws that are held at once, to bound the memory of large panels.
MAX_WEIGHTS = 4_000_000

# (row weights [window, draw]) -> value [draw], larger is better, NaN where it is undefined.
Score = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """One epoch of one trial: something that could have been chosen.

    Attributes:
        trial: The trial's number.
        epoch: The epoch.
        logits: float[window], finite, its predictions on val in the block's order.
    """

    trial: int
    epoch: int
    logits: np.ndarray


def corrected_value(
    candidates: Sequence[Candidate],
    dates: np.ndarray,
    y: np.ndarray,
    objective: Objective,
    *,
    horizon_days: int = 1,
    draws: int = 1000,
    seed: int = 0,
) -> float | None:
    """The value to expect of the best candidate on rows that did not choose it.

    Bootstrap bias correction (BBC-CV: Tsamardinos, Greasidou & Borboudakis, 2018): each draw
    resamples the dates, chooses the best candidate on the rows drawn and scores it on the rows
    left out; the mean over the draws is the estimate. All tickers of a date go together. Dates
    are drawn by the stationary bootstrap (Politis & Romano, 1994) in blocks of
    max(horizon, 20) days on average. For the objective `refinement`, each candidate is
    recalibrated once, cross-fitted in halves as the metric is.

    Args:
        candidates: Every epoch of every eligible trial.
        dates: datetime64[D][window].
        y: [window] in {0, 1}.
        objective: What the candidates compete in.
        horizon_days: The label's horizon; overlapping labels belong into one block.
        draws: Resamples.
        seed: Of the resampling.

    Returns:
        None where there is no candidate, or no draw that could be scored.
    """
    maybe_scores = (_score(one.logits, y, objective) for one in candidates)
    scores = [score for score in maybe_scores if score is not None]
    if not scores:
        return None
    unique_dates, date_of_row = np.unique(dates, return_inverse=True)
    rng = np.random.default_rng(seed)
    values: list[np.ndarray] = []
    per_chunk = max(1, MAX_WEIGHTS // len(y))
    for start in range(0, draws, per_chunk):
        n_draws = min(per_chunk, draws - start)
        block_days = max(horizon_days, MIN_BLOCK_DAYS)
        counts = stationary_counts(len(unique_dates), block_days, n_draws, rng)
        values.append(_out_of_bag(scores, counts[date_of_row]))
    finite = np.concatenate(values)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return None
    return float(finite.mean()) if objective == "auc" else -float(finite.mean())


def stationary_counts(
    n_days: int, block_days: float, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """How often each day is drawn, float64[day, draw]: blocks of geometric length, circular."""
    restart = rng.random((n_days, draws)) < 1 / block_days
    restart[0] = True
    position = np.arange(n_days)[:, None]
    block_start = np.maximum.accumulate(np.where(restart, position, 0), axis=0)
    first_day = np.take_along_axis(rng.integers(n_days, size=(n_days, draws)), block_start, axis=0)
    day = (first_day + position - block_start) % n_days
    flat = np.bincount((day * draws + np.arange(draws)).ravel(), minlength=n_days * draws)
    return flat.reshape(n_days, draws).astype(np.float64)


def _out_of_bag(scores: Sequence[Score], weights: np.ndarray) -> np.ndarray:
    """For each draw, the value of its in-bag winner on the rows that were not drawn."""
    in_bag = np.stack([score(weights) for score in scores])
    winners = np.where(np.isnan(in_bag), -np.inf, in_bag).argmax(axis=0)
    left_out = (weights == 0).astype(np.float64)
    values = np.empty(weights.shape[1])
    for winner in np.unique(winners):
        of_winner = winners == winner
        values[of_winner] = scores[winner](left_out[:, of_winner])
    values[np.isnan(in_bag).all(axis=0)] = np.nan
    return values


def _score(logits: np.ndarray, y: np.ndarray, objective: Objective) -> Score | None:
    if objective == "auc":
        return _auc_score(logits, y)
    recalibrated = cross_fitted(logits, y) if objective == "refinement" else logits
    if recalibrated is None:
        return None
    losses = log_losses(recalibrated, y)

    def score(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            mean_loss: np.ndarray = (losses @ weights) / weights.sum(axis=0)
        return -mean_loss

    return score


def _auc_score(logits: np.ndarray, y: np.ndarray) -> Score:
    """Weighted AUC, the scores sorted once.

    For each rise it counts the weight of the others below it, and half of those level with it.
    """
    rises, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    others = others[np.argsort(logits[others], kind="stable")]
    below = np.searchsorted(logits[others], logits[rises], side="left")
    not_above = np.searchsorted(logits[others], logits[rises], side="right")

    def score(weights: np.ndarray) -> np.ndarray:
        cumulative = np.zeros((len(others) + 1, weights.shape[1]))
        np.cumsum(weights[others], axis=0, out=cumulative[1:])
        ranks = (cumulative[below] + cumulative[not_above]) / 2
        won = np.einsum("rd,rd->d", weights[rises], ranks)
        with np.errstate(invalid="ignore", divide="ignore"):
            auc: np.ndarray = won / (weights[rises].sum(axis=0) * cumulative[-1])
        return auc

    return score
