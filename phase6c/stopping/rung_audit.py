"""The cost of the rungs: how many of the trials that they stop would have been good."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from phase6c.config import Record
from phase6c.records import Trial
from phase6c.statistics.shares import share_interval
from phase6c.study.ranking import value_of
from phase6c.study.study_config import StudyConfig


class RungAudit(Record):
    """The outcome of the trials that were finished although a rung would have stopped them.

    A good trial is at least as good as the best 1/reduction_factor of the trials that the rungs
    let train to their end; a trial that diverged is not.

    Attributes:
        n_stopped: Trials that a rung stopped or would have stopped.
        n_audited: Stopped trials that were finished all the same.
        n_good: Audited trials that were good.
        good_share: Lower and upper end of the 95% interval of the share of good trials among all
            stopped trials (Wilson, 1927), each audited trial weighed by the inverse of its chance
            to be audited, with the effective number of trials of such weights (Kish, 1965).
    """

    n_stopped: int
    n_audited: int
    n_good: int
    good_share: tuple[float, float]


def audit_rungs(trials: Iterable[Trial], config: StudyConfig) -> RungAudit | None:
    """Judges the rungs by their audited trials.

    Returns:
        None as long as no audited trial has ended, or no trial that the rungs let through.
    """
    trials = tuple(trials)
    stopped = [trial for trial in trials if trial.stopped is not None]
    audited = [trial for trial in stopped if trial.audited and _has_ended(trial)]
    passed = [
        value_of(trial, config.objective)
        for trial in trials
        if trial.state == "COMPLETE" and trial.stopped is None and trial.chosen
    ]
    if not audited or not passed:
        return None
    cutoff = float(np.quantile(passed, 1 - 1 / config.reduction_factor))
    is_good = [
        trial.state == "COMPLETE" and value_of(trial, config.objective) >= cutoff
        for trial in audited
    ]
    weights = np.array([_weight(trial) for trial in audited])
    n_effective = float(weights.sum() ** 2 / (weights**2).sum())
    share = float(weights @ is_good / weights.sum())
    return RungAudit(
        n_stopped=len(stopped),
        n_audited=len(audited),
        n_good=sum(is_good),
        good_share=share_interval(share * n_effective, n_effective),
    )


def _weight(trial: Trial) -> float:
    """Number of stopped trials that an audited one stands for: few of those stopped early are."""
    chance = trial.stopped.audit_chance if trial.stopped else None
    return 1.0 if chance is None else 1.0 / chance


def _has_ended(trial: Trial) -> bool:
    """Whether a trial shows its outcome; a lost worker or a bug shows nothing."""
    diverged = trial.error is not None and trial.error.kind == "diverged"
    return trial.state == "COMPLETE" or diverged
