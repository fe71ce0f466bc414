"""The cost of the rungs: how many of the trials that they stop would have been good."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from phase6c.config import Record
from phase6c.records import Trial
from phase6c.study.ranking import value_of
from phase6c.study.study_config import StudyConfig

_CONFIDENCE = 0.95


class RungAudit(Record):
    """The outcome of the trials that were finished although a rung would have stopped them.

    A good trial is at least as good as the best 1/reduction_factor of the trials that the rungs
    let train to their end; a trial that diverged is not.

    Attributes:
        n_stopped: Trials that a rung stopped or would have stopped.
        n_audited: Stopped trials that were finished all the same.
        n_good: Audited trials that were good.
        good_share: Lower and upper end of the 95% interval of the share of good trials among all
            stopped trials (Wilson, 1927).
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
    n_good = sum(
        trial.state == "COMPLETE" and value_of(trial, config.objective) >= cutoff
        for trial in audited
    )
    return RungAudit(
        n_stopped=len(stopped),
        n_audited=len(audited),
        n_good=n_good,
        good_share=share_interval(n_good, len(audited)),
    )


def share_interval(n_found: int, n_tried: int) -> tuple[float, float]:
    """Lower and upper end of the Wilson interval of a share, of 95% confidence."""
    from scipy.stats import binomtest

    interval = binomtest(n_found, n_tried).proportion_ci(_CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _has_ended(trial: Trial) -> bool:
    """Whether a trial shows its outcome; a lost worker or a bug shows nothing."""
    diverged = trial.error is not None and trial.error.kind == "diverged"
    return trial.state == "COMPLETE" or diverged
