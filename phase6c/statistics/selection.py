"""The best of many values, corrected for having been chosen on the rows it is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Real

from phase6c.config import LOSSES, Objective, Record
from phase6c.statistics.bootstrap import Estimate, day_weights, estimate
from phase6c.statistics.cross_section import daily_rank_correlations, group_aucs
from phase6c.statistics.days import Days
from phase6c.statistics.logits import cross_fitted, log_losses
from phase6c.statistics.scores import Score, auc_score, daily_score, mean_score, remembered


@dataclass(frozen=True)
class Candidates:
    """The epochs of a trial, each of which could have been chosen.

    Attributes:
        trial: The trial's number.
        epochs: Predictions of each epoch on the rows of the rungs, in their order, finite.
        best: Predictions of the best epoch on all rows, where the rungs have but a part of them.
        best_place: Place of that epoch among the epochs.
    """

    trial: int
    epochs: Sequence[Float[np.ndarray, " rung_row"]]
    best: Float[np.ndarray, " row"] | None = None
    best_place: int = 0


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
    candidates: Iterable[Candidates],
    rows: ScoredRows,
    objective: Objective,
    *,
    rung_rows: Bool[np.ndarray, " row"] | None = None,
    rivals: Mapping[str, Float[np.ndarray, " window"]] | None = None,
    horizon_days: int = 1,
    draws: int = 1000,
    seed: int = 0,
) -> Corrected | None:
    """The value to expect of the best candidate on rows that did not choose it.

    Bootstrap bias correction (BBC-CV: Tsamardinos, Greasidou & Borboudakis, 2018): each draw
    resamples the dates, chooses the best candidate on the rows drawn and scores it on the rows
    left out; the mean over the draws is the estimate, their quantiles the interval, which is
    wide rather than narrow as about a third of the rows are left out. For the objective
    `refinement`, each candidate is recalibrated once, cross-fitted in halves as the metric is.

    Where epochs are measured on a part of the rows, they are chosen on that part and the trials on
    all rows, and so does each draw: it takes each trial's best epoch on the drawn days of the
    part, and then the trial with the best value on all drawn days. Of an epoch that was not the
    trial's best in fact, that value is not known; the best epoch's value on all rows then counts,
    and the difference of the two epochs on the part (a difference estimator, such as Cochran 1977,
    section 7). What is reported is made of the days left out in the same way.

    A draw needs nothing but sums over each day, whatever the number of tickers; for the AUC of
    large panels these are histograms, see `auc_score`.

    Args:
        candidates: The epochs of every eligible trial; each is let go once it has been read.
        rows: All validation rows.
        objective: Metric that the candidates compete in.
        rung_rows: The rows that epochs are measured on; None for all.
        rivals: Logits by name, to compare the chosen candidate with.
        horizon_days: The label's horizon.
        draws: Resamples.
        seed: Seed of the resampling.

    Returns:
        None where there is no candidate, or no draw that could be scored.
    """
    part = rows if rung_rows is None else rows.take(rung_rows)
    found = [
        (own.trial, score) for own in candidates for score in _scores(own, part, rows, objective)
    ]
    trials = np.array([trial for trial, score in found if score is not None])
    scores = [score for _, score in found if score is not None]
    named = {name: rows.score(logits, objective) for name, logits in (rivals or {}).items()}
    others = {name: score for name, score in named.items() if score is not None}
    if not scores:
        return None
    chunks = day_weights(rows.days, horizon_days=horizon_days, draws=draws, seed=seed)
    chunk_scores = [_out_of_bag(scores, list(others.values()), weights) for weights in chunks]
    values, theirs, winners = (
        np.concatenate(part, axis=-1) for part in zip(*chunk_scores, strict=True)
    )
    sign = -1 if objective in LOSSES else 1
    value = _mean_estimate(sign * values)
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


def _scores(
    trial: Candidates, part: ScoredRows, rows: ScoredRows, objective: Objective
) -> Iterator[Score | None]:
    """The objective of each epoch on all rows; the best of them is the best on the part."""
    scores = [part.score(logits, objective) for logits in trial.epochs]
    if trial.best is None:
        yield from scores
        return
    on_all, on_part = rows.score(trial.best, objective), scores[trial.best_place]
    if on_all is None or on_part is None:
        return
    # The same for each epoch of the trial.
    on_all, on_part = remembered(on_all), remembered(on_part)
    for score in scores:
        yield score and _shifted(score, on_part, on_all)


def _shifted(score: Score, known: Score, wanted: Score) -> Score:
    """A figure of the part as one of all rows, by how another figure differs between them."""
    return lambda weights: wanted(weights) + (score(weights) - known(weights))


def _mean_estimate(draws: np.ndarray) -> Estimate | None:
    finite = draws[np.isfinite(draws)]
    return estimate(float(finite.mean()), finite) if len(finite) else None


def _out_of_bag(
    scores: Sequence[Score], rivals: Iterable[Score], weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each draw, its in-bag winner's and the rivals' values on the rows that were not drawn.

    Returns:
        [draw], [rival, draw], and the winners' positions [draw].
    """
    in_bag = np.stack([score(weights) for score in scores])
    winners = np.where(np.isnan(in_bag), -np.inf, in_bag).argmax(axis=0)
    left_out = (weights == 0).astype(np.float64)
    values = np.empty(weights.shape[1])
    for winner in np.unique(winners):
        of_winner = winners == winner
        values[of_winner] = scores[winner](left_out[:, of_winner])
    values[np.isnan(in_bag).all(axis=0)] = np.nan
    theirs = [rival(left_out) for rival in rivals]
    return values, np.array(theirs).reshape(-1, len(values)), winners
