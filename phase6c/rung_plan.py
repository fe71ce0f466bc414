"""What the rungs will cost: how many trials reach which epoch."""

from __future__ import annotations

import math

from phase6c.config import Record


class Rung(Record):
    """How many trials are expected to train up to this epoch."""

    epoch: int
    n_trials: float


class RungPlan(Record):
    """The rungs of a search, lowest first, and the epochs that they will cost."""

    rungs: tuple[Rung, ...]
    epochs_expected: float
    epochs_without_rungs: int


def plan_rungs(
    n_trials: int, epochs: int, grace_epochs: int, reduction_factor: float | None
) -> RungPlan:
    """Expects each rung to pass one in `reduction_factor` trials; None means no rungs.

    The first arrivals at a rung always pass, so a real search costs somewhat more.
    """
    ends: list[float] = []
    end = float(min(grace_epochs, epochs))
    while reduction_factor is not None and end < epochs:
        ends.append(end)
        end *= reduction_factor
    ends.append(float(epochs))
    rungs = []
    expected, start = 0.0, 0.0
    for position, end in enumerate(ends):
        alive = max(1.0, n_trials / (reduction_factor or 1.0) ** position)
        rungs.append(Rung(epoch=math.ceil(end), n_trials=round(alive, 1)))
        expected += alive * (end - start)
        start = end
    return RungPlan(
        rungs=tuple(rungs),
        epochs_expected=round(expected, 1),
        epochs_without_rungs=n_trials * epochs,
    )
