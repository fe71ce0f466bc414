"""Which trials of a study may be called the best, and in which order."""

from __future__ import annotations

from collections.abc import Iterable

from phase6c.config import Objective
from phase6c.records import Trial, score
from phase6c.study.ledger import Trials
from phase6c.study.study_config import StudyConfig


def ordered(trials: Trials) -> tuple[Trial, ...]:
    """The trials in the order of their numbers."""
    return tuple(trials[number] for number in sorted(trials))


def eligible(trial: Trial, config: StudyConfig) -> bool:
    """Whether the trial may be called the best.

    It must be chosen by the search, lie in the budget, have ended past its grace, and have
    probabilities that are not constant. Where the grace is adaptive, its start counts: a shorter
    grace is long enough to rank most trials, not to trust a lucky epoch.
    """
    best = trial.best(config.objective)
    # A trial that was stopped by the first rung has had the grace and not an epoch more: its
    # value is the best of very few epochs.
    past_grace = trial.epochs > min(config.grace_epochs, config.train.epochs - 1)
    ended = trial.state == "COMPLETE" or (trial.state == "PRUNED" and past_grace)
    chosen = trial.chosen and trial.in_budget
    return bool(ended and chosen and best and best.health.verdict != "constant")


def best_trial(trials: Iterable[Trial], config: StudyConfig) -> Trial | None:
    """The eligible trial with the best value; the earliest of equals."""
    return next(iter(ranked(trials, config)), None)


def ranked(trials: Iterable[Trial], config: StudyConfig) -> list[Trial]:
    """The trials that may be called the best, the best first and the earliest of equals."""
    allowed = [trial for trial in trials if eligible(trial, config)]
    return sorted(allowed, key=lambda trial: (-value_of(trial, config.objective), trial.number))


def value_of(trial: Trial, objective: Objective) -> float:
    """The trial's value so far, turned so that larger is better."""
    best = trial.best(objective)
    return score(best.value if best else None, objective)


def rung_value_of(trial: Trial, objective: Objective) -> float:
    """The trial's value on the rows of the rungs, by which trials of any age compare."""
    best = trial.best_on_rungs(objective)
    return score(best.value if best else None, objective)
