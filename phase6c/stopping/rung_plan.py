"""The places of the rungs and their cost: how many trials reach which epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from phase6c.config import Record
from phase6c.study.study_config import StudyConfig

# Trials that are trained whole, of a search that trusts its first rungs: as many as make its best
# not an accident.
LEAST_WHOLE = 5


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
    """Epochs at which an adaptive search may compare: the first, and each power of the factor."""
    return fixed_rungs(n_epochs, 1, reduction_factor) if n_epochs >= reduction_factor else ()


def starting_grace(n_epochs: int, reduction_factor: float) -> int:
    """The grace that an adaptive search starts with: two rungs below all epochs, or nearly so."""
    rungs = ladder(n_epochs, reduction_factor)
    aim = round(n_epochs / reduction_factor**2)
    return max((epoch for epoch in rungs if epoch <= aim), default=rungs[0] if rungs else n_epochs)


def rungs_of(config: StudyConfig) -> tuple[int, ...]:
    """Epochs at which a study may stop trials, ascending; none where nobody is stopped."""
    epochs, factor = config.train.epochs, config.reduction_factor
    if config.scheduler == "none":
        return ()
    if config.adaptive_grace:
        return ladder(epochs, factor)
    return fixed_rungs(epochs, config.grace_epochs, factor)


def compared_epochs(config: StudyConfig) -> tuple[int, ...]:
    """Epochs at which a study's trials compare, ascending; the last of all is the end."""
    epochs = config.train.epochs
    rungs = rungs_of(config) or ladder(epochs, config.reduction_factor)
    return (*rungs, epochs)


def presumed_rungs(config: StudyConfig) -> tuple[int, ...]:
    """Rungs that a search can afford to trust unless they mislead, also below its starting grace.

    Where so many trials come to a rung that `LEAST_WHOLE` of them are trained whole after it and
    all rungs above it, losing some good trials costs less than the time that the rung saves. With
    fewer, each of them counts, and a rung has to show first that it keeps the good ones.
    """
    rungs, factor = ladder(config.train.epochs, config.reduction_factor), config.reduction_factor
    return tuple(
        epoch
        for place, epoch in enumerate(rungs)
        if config.n_trials / factor ** (len(rungs) - place) >= LEAST_WHOLE
    )


def planned_rungs(config: StudyConfig) -> RungPlan:
    """Number of trials that reach each epoch; with an adaptive grace, hardly more than that."""
    # Rungs below the starting grace come only once they are known to be reliable, so that the plan
    # counts on none of them but those that the search can afford.
    counted = presumed_rungs(config) if config.adaptive_grace else ()
    rungs = [
        epoch for epoch in rungs_of(config) if epoch >= config.grace_epochs or epoch in counted
    ]
    return plan_rungs(
        config.n_trials, config.train.epochs, rungs, config.reduction_factor, config.audit_share
    )


def plan_rungs(
    n_trials: int,
    n_epochs: int,
    rungs: Sequence[int],
    reduction_factor: float,
    audit_share: float = 0.0,
) -> RungPlan:
    """Expects each rung to pass a trial in `reduction_factor`; no rungs stop nobody.

    Some of the others train to the end all the same, for `audit_share` of their epochs. The first
    arrivals at a rung always pass, so a real search costs somewhat more.
    """
    judged, audited, start, expected = float(n_trials), 0.0, 0, 0.0
    planned = []
    for end in (*rungs, n_epochs):
        planned.append(PlannedRung(epoch=end, n_trials=round(judged + audited, 1)))
        expected += (judged + audited) * (end - start)
        passed = max(1.0, judged / reduction_factor)
        if end < n_epochs:
            audited += audit_chance(audit_share, end, n_epochs) * (judged - passed)
        judged, start = passed, end
    return RungPlan(
        rungs=tuple(planned),
        epochs_expected=round(expected, 1),
        epochs_without_rungs=n_trials * n_epochs,
    )


def audit_chance(audit_share: float, epoch: int, n_epochs: int) -> float:
    """The chance that a trial is finished which a rung would stop at this epoch, before the last.

    It spends `audit_share` of the epochs that stopped trials had on finishing some of them, so that
    early rungs, which stop many, do not cost more by their audit than they save.
    """
    return min(1.0, audit_share * epoch / (n_epochs - epoch))
