"""The best of many values, corrected for having been chosen on the rows it is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Real

from phase6c.config import DRAWS, LOSSES, Objective, Record
from phase6c.statistics.bootstrap import Estimate, day_weights, estimate
from phase6c.statistics.cross_section import daily_rank_correlations, group_aucs
from phase6c.statistics.days import Days
from phase6c.statistics.logits import cross_fitted, log_losses
from phase6c.statistics.scores import Score, auc_score, daily_score, mean_score


@dataclass(frozen=True)
class Candidate:
    """An epoch of a trial: something that could have been chosen.

    Attributes:
        trial: The trial's number.
        epoch: The epoch.
        logits: Predictions on all validation rows, in the block's order, finite.
    """

    trial: int
    epoch: int
    logits: Float[np.ndarray, " window"]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """The rows that predictions compete on.

    Attributes:
        days: Days of the rows.
        y: Rises, 0 or 1.
        outcomes: What the labels are cut from; the objective `rank_ic` is undefined without.
    """

    days: Days
    y: Real[np.ndarray, " window"]
    outcomes: Float[np.ndarray, " window"] | None = None

    def take(self, kept: Bool[np.ndarray, " window"]) -> ScoredRows:
        """Some of the rows, on the days of all."""
        outcomes = None if self.outcomes is None else self.outcomes[kept]
        return ScoredRows(self.days.take(kept), self.y[kept], outcomes)

    def score(self, logits: Float[np.ndarray, " window"], objective: Objective) -> Score | None:
        """The objective as a function of the days' weights; None where it is undefined."""
        days, y = self.days, self.y
        if objective == "auc":
            return auc_score(logits, y, days)
        if objective == "auc_within_day":
            return daily_score(group_aucs(logits, y, days.of_row, days.n))
        if objective == "rank_ic":
            if self.outcomes is None:
                return None
            return daily_score(daily_rank_correlations(logits, self.outcomes, days))
        recalibrated = cross_fitted(logits, y) if objective == "refinement" else logits
        return None if recalibrated is None else mean_score(-log_losses(recalibrated, y), days)


class Corrected(Record):
    """The value of the chosen candidate on rows that did not choose it.

    Attributes:
        value: Value, in the objective's own direction.
        gains: By rival, how much better the chosen candidate is on the same rows; positive is
            better whatever the objective.
        shares: By trial, the share of the draws in which an epoch of the trial was chosen.
    """

    value: Estimate
    gains: dict[str, Estimate]
    shares: dict[int, float]


def correct(
    candidates: Iterable[Candidate],
    rows: ScoredRows,
    objective: Objective,
    *,
    untouched: Bool[np.ndarray, " window"] | None = None,
    rivals: Mapping[str, Float[np.ndarray, " window"]] | None = None,
    horizon_days: int = 1,
    draws: int = DRAWS,
    seed: int = 0,
) -> Corrected | None:
    """The value to expect of the best candidate on rows that did not choose it.

    Bootstrap bias correction (BBC-CV: Tsamardinos, Greasidou & Borboudakis, 2018): each draw
    resamples the dates, chooses the best candidate on the rows drawn and scores it on the rows
    left out; the mean over the draws is the estimate, their quantiles the interval, which is
    wide rather than narrow as about a third of the rows are left out. For the objective
    `refinement`, each candidate is recalibrated once, cross-fitted in halves as the metric is.

    Where epochs were chosen on a part of the rows, a trial has one candidate: its best epoch. A
    draw then chooses among the trials on all rows drawn, as the search did, and scores its choice
    on those left out that no epoch was chosen on. To draw the epochs anew would take the
    predictions of each for all rows; and to make up for these by the best epoch's would count the
    luck that made it the best against it. As the untouched days may be easier or harder than
    all, the value is moved by the difference that they make to the strongest rival, which no
    validation row has chosen.

    A draw needs nothing but sums over each day, whatever the number of tickers; for the AUC of
    large panels these are histograms, see `auc_score`.

    Args:
        candidates: Every epoch of every eligible trial, or the best of each where `untouched` is
            given; each is let go once it has been read.
        rows: Rows that all of them have predicted.
        objective: Metric that the candidates compete in.
        untouched: Rows that no epoch was chosen on, by whole days; None where epochs were chosen
            on all rows.
        rivals: Logits by name, to compare the chosen candidate with.
        horizon_days: The label's horizon.
        draws: Resamples.
        seed: Seed of the resampling.

    Returns:
        None where there is no candidate, or no draw that could be scored.
    """
    judged = rows if untouched is None else rows.take(untouched)

    def scored(logits: np.ndarray) -> _Scored | None:
        on_all = on_judged = rows.score(logits, objective)
        if untouched is not None:
            on_judged = judged.score(logits[untouched], objective)
        return None if on_all is None or on_judged is None else _Scored(on_all, on_judged)

    found = [(candidate.trial, scored(candidate.logits)) for candidate in candidates]
    trials = np.array([trial for trial, score in found if score is not None])
    scores = [score for _, score in found if score is not None]
    named = {name: scored(logits) for name, logits in (rivals or {}).items()}
    others = {name: score for name, score in named.items() if score is not None}
    if not scores:
        return None
    chunks = day_weights(rows.days, horizon_days=horizon_days, draws=draws, seed=seed)
    chunk_scores = [_out_of_bag(scores, list(others.values()), weights) for weights in chunks]
    values, theirs, winners = (
        np.concatenate(part, axis=-1) for part in zip(*chunk_scores, strict=True)
    )
    offset = 0.0 if untouched is None else _offset(list(others.values()), rows.days.n)
    sign = -1 if objective in LOSSES else 1
    value = _mean_estimate(sign * (values + offset))
    if value is None:
        return None
    gains = {
        name: _mean_estimate(values - rival) for name, rival in zip(others, theirs, strict=True)
    }
    chosen = trials[winners[np.isfinite(values)]]
    return Corrected(
        value=value,
        gains={name: gain for name, gain in gains.items() if gain is not None},
        shares={int(trial): float(np.mean(chosen == trial)) for trial in np.unique(chosen)},
    )


def strongest_rival(gains: Mapping[str, Estimate]) -> str | None:
    """The name of the rival that the chosen candidate gains the least over; None without rivals."""
    return min(gains, key=lambda name: gains[name].value, default=None)


def _mean_estimate(draws: np.ndarray) -> Estimate | None:
    finite = draws[np.isfinite(draws)]
    return estimate(float(finite.mean()), finite) if len(finite) else None


class _Scored(NamedTuple):
    """The objective of predictions on the rows that choose, and on those that judge."""

    on_all: Score
    on_judged: Score


def _offset(rivals: Sequence[_Scored], n_days: int) -> float:
    """How much more the strongest rival reaches on all rows than on those that judge."""
    every_day = np.ones((n_days, 1))
    reached = [tuple(float(score(every_day)[0]) for score in rival) for rival in rivals]
    on_all, on_judged = max(reached, default=(0.0, 0.0))
    return on_all - on_judged if np.isfinite(on_all - on_judged) else 0.0


def _out_of_bag(
    scores: Sequence[_Scored], rivals: Iterable[_Scored], weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each draw, its in-bag winner's and the rivals' values on the rows that were not drawn.

    Returns:
        [draw], [rival, draw], and the winners' positions [draw].
    """
    in_bag = np.stack([score.on_all(weights) for score in scores])
    winners = np.where(np.isnan(in_bag), -np.inf, in_bag).argmax(axis=0)
    left_out = (weights == 0).astype(np.float64)
    values = np.empty(weights.shape[1])
    for winner in np.unique(winners):
        of_winner = winners == winner
        values[of_winner] = scores[winner].on_judged(left_out[:, of_winner])
    values[np.isnan(in_bag).all(axis=0)] = np.nan
    theirs = [rival.on_judged(left_out) for rival in rivals]
    return values, np.array(theirs).reshape(-1, len(values)), winners
