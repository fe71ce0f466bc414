"""Panels whose tickers share the shocks of the market, and how often intervals hold the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from scipy.signal import lfilter

from phase6c.statistics.bootstrap import estimates, optimal_block_days
from phase6c.statistics.cross_section import daily_rank_correlations, group_aucs
from phase6c.statistics.days import Days
from phase6c.statistics.logits import log_losses
from phase6c.statistics.scores import Score, auc_score, daily_score, mean_score

N_TICKERS = 20
# So many days tell the truth about as well as a hundred studies would together.
LONG = 40_000
FIGURES = ("log loss", "gain in log loss", "AUC", "AUC within day", "rank IC")


class ShockedPanel:
    """Rises of tickers of unequal rates under shocks of the market, and two models of them.

    The shock of a day is shared by all tickers and resembles that of the day before; outcomes are
    sums over the horizon, so that those of neighbouring days overlap. A model's own error varies
    slowly too, as where a regime suits it.
    """

    def __init__(self, rng: np.random.Generator, n_days: int, horizon_days: int) -> None:
        shape = (n_days, N_TICKERS)
        fresh = rng.standard_normal(n_days + horizon_days)
        shock = _over(lfilter([0.95], [1.0, -0.3], fresh), horizon_days)
        # The rates of the tickers are no matter of chance: the same in every study.
        rate = np.linspace(-1, 1, N_TICKERS)
        signal = rng.standard_normal(shape)
        noise = _over(rng.standard_normal((n_days + horizon_days, N_TICKERS)), horizon_days)
        skill = 0.5 + 0.15 * lfilter([0.6], [1.0, -0.8], rng.standard_normal(n_days))[:, None]
        self.outcomes = (rate + 2 * shock[:, None] + skill * signal + noise).ravel()
        self.y = (self.outcomes > 1.0).astype(int)
        self.days = Days.of(np.repeat(np.arange(n_days), N_TICKERS))
        self.logits = (-1.0 + 0.8 * rate + 0.8 * signal).ravel()
        self.rival = np.broadcast_to(-0.9 + 0.8 * rate, shape).ravel()

    def scores(self, days: Days) -> dict[str, Score]:
        """The figures of the model, with rows drawn by these days."""
        losses, others = (log_losses(one, self.y) for one in (self.logits, self.rival))
        by_day = self.days
        return {
            "log loss": mean_score(losses, days),
            "gain in log loss": mean_score(others - losses, days),
            "AUC": auc_score(self.logits, self.y, days),
            "AUC within day": daily_score(group_aucs(self.logits, self.y, by_day.of_row, by_day.n)),
            "rank IC": daily_score(daily_rank_correlations(self.logits, self.outcomes, by_day)),
        }


def rows_of(panel: ShockedPanel) -> Days:
    """Every row as a day of its own, in no order: what intervals would be of rows one by one."""
    n = len(panel.y)
    return Days(np.random.default_rng(n).permutation(n), n)


def _over(values: np.ndarray, horizon_days: int) -> np.ndarray:
    """Means of so many days that follow each day, of unit variance where the days are alone."""
    sums = lfilter(np.ones(horizon_days), [1.0], values, axis=0)[horizon_days:]
    return np.asarray(sums / horizon_days**0.5)


@cache
def truths(horizon_days: int) -> Mapping[str, float]:
    """The figures of days without end, nearly."""
    panel = ShockedPanel(np.random.default_rng(99), LONG, horizon_days)
    weights = np.ones((panel.days.n, 1))
    return {name: float(score(weights)[0]) for name, score in panel.scores(panel.days).items()}


def coverage(
    horizon_days: int,
    n_studies: int,
    draws: int = 400,
    n_days: int = 700,
    figures: tuple[str, ...] = FIGURES,
    days_of: Callable[[ShockedPanel], Days] = lambda panel: panel.days,
) -> dict[str, float]:
    """How often the 95% interval of each figure holds the truth.

    Args:
        horizon_days: Days over which outcomes are summed.
        n_studies: Number of panels.
        draws: Draws of each interval.
        n_days: Days of each panel.
        figures: Names of the figures.
        days_of: What is drawn; by default whole days.
    """
    truth = truths(horizon_days)
    hits = dict.fromkeys(figures, 0)
    for number in range(n_studies):
        panel = ShockedPanel(np.random.default_rng([7, number]), n_days, horizon_days)
        days = days_of(panel)
        scores = panel.scores(days)
        gains = log_losses(panel.rival, panel.y) - log_losses(panel.logits, panel.y)
        for name in figures:
            score = scores[name]
            # As the product does: differences of models are drawn in blocks of their own length.
            block = optimal_block_days(gains, days) if name.startswith("gain") else 0
            (found,) = estimates(
                score, days, horizon_days=horizon_days, draws=draws, seed=number, block_days=block
            )
            assert found is not None
            hits[name] += found.low <= truth[name] <= found.high
    return {name: hit / n_studies for name, hit in hits.items()}
