"""The places of the rungs and their cost: how many trials reach which epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from phase6c.config import Record
from phase6c.study.study_config import StudyConfig


class PlannedRung(Record):
    """How many trials are expected to train up to this epoch."""

    epoch: int
    n_trials: float


class RungPlan(Record):
    """The rungs of a search, lowest first, and the epochs that they will cost."""

    rungs: tuple[PlannedRung, ...]
    epochs_expected: float
    epochs_without_rungs: int


def fixed_rungs(n_epochs: int, grace_epochs: int, reduction_factor: float) -> tuple[int, ...]:
    """Epochs of the rungs of ASHA: the grace times each power of the reduction factor."""
    epochs = []
    epoch = float(grace_epochs)
    while math.ceil(epoch) < n_epochs:
        epochs.append(math.ceil(epoch))
        epoch *= reduction_factor
    return tuple(dict.fromkeys(epochs))


def ladder(n_epochs: int, reduction_factor: float) -> tuple[int, ...]:
    """Epochs at which an adaptive search may compare: all, divided by powers of the factor."""
    epochs = []
    epoch = n_epochs / reduction_factor
    while epoch >= 1:
        epochs.append(math.ceil(epoch - 1e-9))
        epoch /= reduction_factor
    return tuple(dict.fromkeys(epoch for epoch in reversed(epochs) if epoch < n_epochs))


def starting_grace(n_epochs: int, reduction_factor: float) -> int:
    """The grace that an adaptive search starts with: the last rung but one of its ladder."""
    rungs = (*ladder(n_epochs, reduction_factor), n_epochs)
    return rungs[max(0, len(rungs) - 3)]


def planned_rungs(config: StudyConfig) -> RungPlan:
    """Number of trials that reach each epoch; with an adaptive grace, at most that number."""
    epochs, factor = config.train.epochs, config.reduction_factor
    if config.scheduler == "none":
        rungs: tuple[int, ...] = ()
    elif config.adaptive_grace:
        # The search begins with the longest grace; earlier rungs come only once they are known to
        # be reliable, so that the plan counts on none of them.
        rungs = tuple(epoch for epoch in ladder(epochs, factor) if epoch >= config.grace_epochs)
    else:
        rungs = fixed_rungs(epochs, config.grace_epochs, factor)
    return plan_rungs(config.n_trials, epochs, rungs, factor, config.audit_share)


def plan_rungs(
    n_trials: int,
    n_epochs: int,
    rungs: Sequence[int],
    reduction_factor: float,
    audit_share: float = 0.0,
) -> RungPlan:
    """Expects each rung to pass a trial in `reduction_factor`; no rungs stop nobody.

    Of the others `audit_share` train to the end all the same. The first arrivals at a rung always
    pass, so a real search costs somewhat more.
    """
    judged, audited, start, expected = float(n_trials), 0.0, 0, 0.0
    planned = []
    for end in (*rungs, n_epochs):
        planned.append(PlannedRung(epoch=end, n_trials=round(judged + audited, 1)))
        expected += (judged + audited) * (end - start)
        passed = max(1.0, judged / reduction_factor)
        audited += audit_share * (judged - passed)
        judged, start = passed, end
    return RungPlan(
        rungs=tuple(planned),
        epochs_expected=round(expected, 1),
        epochs_without_rungs=n_trials * n_epochs,
    )
