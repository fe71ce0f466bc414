"""Who gets no more seeds: configurations that the seeds so far show to be behind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from phase6c.evaluation.outcomes import CandidatePredictions, Draws, Truth
from phase6c.statistics.bootstrap import PairedInterval, paired_interval
from phase6c.statistics.logits import log_losses
from phase6c.statistics.scores import mean_score
from phase6c.statistics.seeds import MIN_SEEDS

# How the reason begins for which a contender drops out here.
BEHIND = "behind the leader"


def cannot_win(
    candidates: Sequence[CandidatePredictions], truth: Truth, draws: Draws
) -> dict[str, PairedInterval]:
    """The candidates whose log loss lies above the leader's, as far as seeds and days can tell.

    The leader has the least mean log loss over its seeds, out of those that may win, before any
    calibration: a calibrator fitted on a fold adds noise of its own. Another drops out where the
    95% interval of the paired difference, for other seeds and other days of the same kind, lies
    wholly above zero: a race as of Maron & Moore (1997) and irace. Each round looks anew, so that
    over several rounds a good configuration is dropped more often than in 2.5% of the cases.

    Args:
        candidates: Candidates on the same seeds, in the same order.
        truth: Rows of the walk forward so far.
        draws: Resampling of the days.

    Returns:
        By name, the interval of how much worse it is.
    """
    if not candidates or any(len(candidate.logits) < MIN_SEEDS for candidate in candidates):
        return {}
    losses = {candidate.name: race_losses(candidate, truth) for candidate in candidates}
    # The mean over the seeds: configurations race, whatever form is handed over later.
    leader = min(
        (candidate for candidate in candidates if candidate.may_win),
        key=lambda candidate: losses[candidate.name].mean(),
    ).name
    behind = {
        name: _worse_by(own - losses[leader], truth, draws)
        for name, own in losses.items()
        if name != leader
    }
    return {name: interval for name, interval in behind.items() if interval.low > 0}


def race_losses(candidate: CandidatePredictions, truth: Truth) -> Float64[np.ndarray, "seed row"]:
    """The log loss of every seed on every row."""
    return np.stack([log_losses(logits, truth.y) for logits in candidate.logits])


def _worse_by(differences: np.ndarray, truth: Truth, draws: Draws) -> PairedInterval:
    days = truth.days
    resampled = np.stack([draws.of(mean_score(rows, days), days) for rows in differences])
    return paired_interval(differences.mean(axis=1), resampled)
