"""Whether a configuration is better than the others by more than the choice of the best gives."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np

from phase6c.analysis.final_scores import final_scores
from phase6c.analysis.trials import Result, Search, alike
from phase6c.config import Record

# Probability of naming a winner where there is none.
ERROR_RATE = 0.05
# Repeats that decide: so many of the best, each trained to the end with so many new seeds.
N_REPEATED = 5
N_SEEDS = 3
_MIN_TRIALS = 3


class Winner(Record):
    """Whether there is a winner, and how that was judged.

    The doubt is that of training with other seeds, not that of other validation days.

    Attributes:
        best: Number of the trial that is judged: of repeated trials the best on average, else the
            best of the search.
        wins: Whether it is better than all that it was compared with.
        by_repeats: Whether new seeds were compared, rather than the search's single runs.
        n_compared: Number of configurations, the best included.
        lead: Lead over the next best by repeats, over the mean of the others by single runs; a
            score, larger is better.
        needed_lead: Lead from which on it wins, at 5 % error in all.
        seed_deviation: Deviation between trainings of a configuration; by repeats only.
        says: Finding in a sentence.
        command: Command that would decide it; null where it is decided, or where the trials came
            from a file.
    """

    best: int
    wins: bool
    by_repeats: bool
    n_compared: int
    lead: float
    needed_lead: float
    seed_deviation: float | None
    says: str
    command: str | None


def find_winner(search: Search) -> Winner | None:
    """Judges the best configuration by repeats with new seeds where there are, else by the search.

    Returns:
        None with too few trials to judge.
    """
    repeats = [group for group in repeated(search) if _is_of_the_search(search, group)]
    return _by_repeats(search, repeats) if len(repeats) > 1 else _by_single_runs(search)


def repeated(search: Search) -> list[list[Result]]:
    """The probes of each configuration that completed with several seeds.

    The run that the search chose a configuration by is not among them: it was lucky to be chosen.
    """
    return alike(
        result
        for result in search.results
        if result.source == "probe" and result.state == "COMPLETE"
    )


def _is_of_the_search(search: Search, group: Sequence[Result]) -> bool:
    """Whether the search itself chose the configuration.

    Variants of the same configuration are so alike that they would count its luck several times.
    """
    return any(result.chosen and result.params == group[0].params for result in search.results)


def _by_repeats(search: Search, groups: Sequence[Sequence[Result]]) -> Winner:
    """The best mean against each other mean, with the pooled variance between seeds.

    A two-sided t test against the next best is enough however many are compared: luck alone is
    the least unlikely where two are equal and all others are far below (Gutmann & Maymin, Ann.
    Statist. 15, 1987).
    """
    from scipy.stats import t

    scores = [np.array([result.score for result in group]) for group in groups]
    means = np.array([own.mean() for own in scores])
    sizes = np.array([len(own) for own in scores])
    # Pooled over configurations: three seeds of each tell next to nothing of its own variance.
    degrees = int((sizes - 1).sum())
    deviation = float(np.sqrt(sum(((own - own.mean()) ** 2).sum() for own in scores) / degrees))
    top = int(means.argmax())
    others = np.arange(len(means)) != top
    leads = means[top] - means[others]
    errors = deviation * np.sqrt(1 / sizes[top] + 1 / sizes[others])
    needed = float(t.ppf(1 - ERROR_RATE / 2, degrees)) * errors
    nearest = int((leads - needed).argmin())
    wins = bool(leads[nearest] > needed[nearest])
    best = searched_as(search, groups[top][0])
    again = "that were trained again with new seeds"
    if wins:
        says = (
            f"Trial {best} is better than each of the other {len(groups) - 1} {again}, beyond the "
            "luck of training; on other days that may be otherwise."
        )
    else:
        says = (
            f"No winner can be named among the {len(groups)} {again}: the first two are too close."
        )
    return Winner(
        best=best,
        wins=wins,
        by_repeats=True,
        n_compared=len(groups),
        lead=float(leads[nearest]),
        needed_lead=float(needed[nearest]),
        seed_deviation=deviation,
        says=says,
        command=None if wins else _command(search, 3 * N_SEEDS),
    )


def _by_single_runs(search: Search) -> Winner | None:
    """The best against the mean and the spread of all others, as an outlier of a sample.

    The largest deleted t statistic with Bonferroni's bound (Grubbs, 1950; Paulson, 1952). The
    spread is that of seeds and configurations together, so that a trial is named only if it
    stands out from all of them. An unfinished trial counts with its forecast and the forecast's
    variance.
    """
    from scipy.stats import t

    known = final_scores(search)
    n = len(known.results)
    if n < _MIN_TRIALS:
        return None
    top = int(known.expected.argmax())
    others = np.arange(n) != top
    rest = known.expected[others]
    variance = float(rest.var(ddof=1) + np.mean(known.deviation[others] ** 2))
    # The best itself is left out of mean and variance, which it would pull towards itself.
    error = np.sqrt(variance * n / (n - 1) + known.deviation[top] ** 2)
    lead = float(known.expected[top] - rest.mean())
    needed = float(t.ppf(1 - ERROR_RATE / n, n - 2) * error)
    best, wins = known.results[top].number, lead > needed
    if wins:
        says = (
            f"Trial {best} stands out from all {n - 1} others beyond what the best of {n} does "
            "by luck."
        )
    else:
        says = (
            f"Trial {best}'s lead is no bigger than luck gives among {n} equally good "
            "configurations."
        )
    return Winner(
        best=best,
        wins=wins,
        by_repeats=False,
        n_compared=n,
        lead=lead,
        needed_lead=needed,
        seed_deviation=None,
        says=says,
        command=None if wins else _command(search, N_SEEDS),
    )


def searched_as(search: Search, probe: Result) -> int:
    """The number of the trial that a probe repeats; the probe's own where it repeats no trial."""
    same = (result.number for result in search.results if result.params == probe.params)
    return min(same, default=probe.number)


def _command(search: Search, n_seeds: int) -> str | None:
    if search.study is None:
        return None
    words = ["phase6c", "probe", "--base", f"top:{N_REPEATED}"]
    return shlex.join([*words, "--seeds", str(n_seeds), str(search.path)])
