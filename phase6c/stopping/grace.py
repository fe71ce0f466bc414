"""The number of epochs that every trial gets, settled by how early epochs rank the search's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from phase6c.wording import counted

# The trials that settle the grace: as many as came first to the end of the grace that a search
# starts with. Those that come later have been chosen by what these have settled.
N_SETTLING = 10
# Of all pairs of trials, chance puts half in the order that the trials will end in.
CHANCE = 0.5
# The very first epoch must do better still: it shows no slope by which a forecast could tell a slow
# learner, so that only the best so far would be compared there.
AT_FIRST_EPOCH = 0.6
# Trials that are added to the evidence, each agreeing with half of the others, so that a few
# trials in perfect order are not taken for certainty.
_N_DOUBTFUL = 2


@dataclass(frozen=True)
class Agreement:
    """How well an epoch ranks trials, by their best so far, as they will end.

    Attributes:
        epoch: The epoch.
        share: Share of pairs of trials in the same order as at the end, 0 to 1.
        error: Standard error of the share, over trials.
    """

    epoch: int
    share: float
    error: float


@dataclass(frozen=True)
class Grace:
    """The first rung that stops trials.

    Attributes:
        epochs: Its epoch.
        start: Epoch of the first rung before anything was known.
        evidence: The agreement that moved it or kept it; None where there are too few trials.
        is_presumed: Whether it fell to a rung that is trusted as long as nothing speaks against it.
    """

    epochs: int
    start: int
    evidence: Agreement | None = None
    is_presumed: bool = False

    def reason(self) -> str:
        """Why the grace is what it is, as a sentence."""
        epochs, known = counted(self.epochs, "epoch"), self.evidence
        if known is None:
            return f"The grace is {epochs}, since too few trials have come that far to move it."
        only, verb = "", f"stays at {epochs}"
        if self.is_presumed:
            verb = f"fell to {epochs}, as a search of so many trials can afford it"
            only = "no fewer than "
        elif self.epochs < self.start:
            verb = f"fell to {epochs}"
        elif self.epochs > self.start:
            only, verb = "only ", f"rose to {epochs}"
        return (
            f"The grace {verb}: of the first {N_SETTLING} trials, epoch {known.epoch} puts "
            f"{only}{known.share:.0%} of the pairs in the order that they are expected to end in."
        )


def settle_grace(
    curves: Sequence[np.ndarray],
    ends: np.ndarray,
    rungs: Sequence[int],
    start: int,
    presumed: Collection[int] = (),
) -> Grace:
    """The grace that the first trials of a search speak for.

    It rises to the rung above where `start` surely ranks trials worse than chance would. Otherwise
    it falls to the lowest of `presumed` rungs above which none ranks surely worse than chance; and
    where the rung below `start` is none of them, it falls to that if it surely ranks better.

    Args:
        curves: float[epoch] of each trial that has come to `start`, in the order of their numbers.
        ends: float[trial], the scores that they have reached in the end or are expected to.
        rungs: Epochs of the ladder, ascending.
        start: Epoch of the rung to start from; the last epoch of all where there is no ladder.
        presumed: Rungs that are trusted as long as nothing speaks against them.
    """
    if start not in rungs or len(curves) < N_SETTLING:
        return Grace(start, start)
    curves, ends, position = curves[:N_SETTLING], ends[:N_SETTLING], rungs.index(start)
    known = agreement(curves, ends, start)
    if position < len(rungs) - 1 and _is_surely_worse(known):
        return Grace(rungs[position + 1], start, known)
    earlier = [agreement(curves, ends, epoch) for epoch in reversed(rungs[:position])]
    afforded = list(
        takewhile(lambda one: one.epoch in presumed and not _is_surely_worse(one), earlier)
    )
    if afforded:
        return Grace(afforded[-1].epoch, start, afforded[-1], is_presumed=True)
    if earlier and earlier[0].epoch not in presumed:
        known = earlier[0]
        if known.share - known.error > (CHANCE if known.epoch > 1 else AT_FIRST_EPOCH):
            return Grace(known.epoch, start, known)
    return Grace(start, start, earlier[0] if earlier else known)


def _is_surely_worse(known: Agreement) -> bool:
    return known.share + known.error < CHANCE


def agreement(curves: Sequence[np.ndarray], ends: np.ndarray, epoch: int) -> Agreement:
    """Kendall's share of concordant pairs, ties counting half, with its error over trials.

    Each trial contributes the share of the others that it agrees with; two trials at least.
    """
    early = np.array([curve[:epoch].max() for curve in curves])
    order = np.sign(early[:, None] - early) * np.sign(ends[:, None] - ends)
    # A trial agrees half with itself, which is taken out again.
    shares = (((1 + order) / 2).sum(axis=1) - 0.5) / (len(curves) - 1)
    shares = np.append(shares, [0.5] * _N_DOUBTFUL)
    # Each pair belongs to two trials, hence the factor of two in the error of the mean.
    error = 2 * float(shares.std()) / len(shares) ** 0.5
    return Agreement(epoch, float(shares.mean()), error)
