"""When a trial is stopped: rungs compare trials of equal age, by their best and by a forecast."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phase6c.stopping.forecast import CurveModel
from phase6c.stopping.grace import N_SETTLING, Grace, settle_grace
from phase6c.stopping.rung import Rung
from phase6c.stopping.rung_plan import fixed_rungs, ladder, starting_grace

# The curve model learns from the latest trials only, to bound its time.
MAX_CURVES = 200


@dataclass(frozen=True)
class Cut:
    """A trial below its rung's cutoff; both as scores, larger is better."""

    score: float
    cutoff: float


class Rungs(ABC):
    """Asynchronous successive halving (Li et al., 2020) over trial numbers.

    A trial is stopped at a rung unless it is in the top 1/reduction_factor of the trials that came
    there before it. Its decisions follow from the curves known then, not from their order.

    Args:
        milestones: Epochs of the rungs, ascending.
        reduction_factor: A rung passes a trial in so many.
        n_epochs: Number of epochs of a whole training.
    """

    def __init__(self, milestones: Sequence[int], reduction_factor: float, n_epochs: int) -> None:
        self._curves: dict[int, np.ndarray] = {}
        # Ascending: sums of floats must not depend on who came first.
        self._numbers: list[int] = []
        self._rungs = {epoch: Rung(epoch) for epoch in milestones}
        # The very figure that Ray takes, so that equal scores are equal to both.
        self._percentile = (1 - 1 / reduction_factor) * 100
        self._n_epochs = n_epochs
        # Fitted when it is first asked for: most epochs lie at no rung.
        self._fitted: CurveModel | None = None

    def learn(self, number: int, curve: np.ndarray) -> None:
        """Takes the scores of a trial so far, float[epoch], without its entering a rung."""
        if number not in self._curves:
            insort(self._numbers, number)
        self._curves[number] = curve
        self._fitted = None

    def enter(self, number: int, curve: np.ndarray) -> None:
        """Takes the scores of a trial so far; it enters the rung of this epoch, if any."""
        self.learn(number, curve)
        rung = self._rungs.get(len(curve))
        if rung is not None:
            rung.enter(number, curve)

    def judge(self, number: int) -> Cut | None:
        """Whether the trial, just entered, is to be stopped."""
        epoch = len(self._curves[number])
        rung = self._rungs.get(epoch)
        # The first to come has nobody to be compared with.
        return self._compare(number, rung, epoch) if rung is not None and len(rung) > 1 else None

    def entries(self) -> dict[int, tuple[int, ...]]:
        """The numbers that entered each rung, by its epoch."""
        return {epoch: rung.numbers for epoch, rung in self._rungs.items()}

    def forecast(self, number: int) -> float:
        """The score to expect of a trial, had it trained to the end."""
        return float(self._model().forecast([self._curves[number]]).expected[0])

    @abstractmethod
    def _compare(self, number: int, rung: Rung, epoch: int) -> Cut | None:
        """Compares the trial with the others at its rung, whose epoch this is."""

    def _compare_best(self, number: int, rung: Rung) -> Cut | None:
        """Compares the best scores so far."""
        cutoff = rung.quantile_of_others(number, self._percentile / 100)
        return _below(rung.best(number), cutoff)

    def _model(self) -> CurveModel:
        """The model of the latest curves as they are now; fitted again after each new score."""
        if self._fitted is None:
            latest = [self._curves[number] for number in self._numbers[-MAX_CURVES:]]
            self._fitted = CurveModel(latest, self._n_epochs)
        return self._fitted


def _below(score: float, cutoff: float) -> Cut | None:
    return Cut(score, cutoff) if score < cutoff else None


class BestSoFarRungs(Rungs):
    """Compares the best scores so far, as Ray's ASHA does with a best-so-far metric."""

    def __init__(self, n_epochs: int, grace_epochs: int, reduction_factor: float) -> None:
        milestones = fixed_rungs(n_epochs, grace_epochs, reduction_factor)
        super().__init__(milestones, reduction_factor, n_epochs)

    def _compare(self, number: int, rung: Rung, epoch: int) -> Cut | None:
        return self._compare_best(number, rung)


class AdaptiveRungs(Rungs):
    """Stops a trial where both its best score so far and its forecast are below their cutoffs.

    Neither of the two ranks trials better on every kind of curves: the best so far stops slow
    learners, a forecast errs about fast ones. The first rung follows from the search's own trials,
    see `settle_grace`; where it is one that a search of many trials can afford, the best so far
    decides alone.

    Args:
        n_epochs: Number of epochs of a whole training.
        reduction_factor: A rung passes a trial in so many.
        presumed: Rungs that are trusted as long as nothing speaks against them.
    """

    def __init__(
        self, n_epochs: int, reduction_factor: float, presumed: Sequence[int] = ()
    ) -> None:
        super().__init__(ladder(n_epochs, reduction_factor), reduction_factor, n_epochs)
        self._start = starting_grace(n_epochs, reduction_factor)
        self._presumed = presumed
        # The lowest numbers that have come to the grace that the search starts with.
        self._settling: list[int] = []

    def learn(self, number: int, curve: np.ndarray) -> None:
        """Takes the scores of a trial so far, which may be one of the first to settle the grace."""
        super().learn(number, curve)
        if len(curve) >= self._start and number not in self._settling:
            insort(self._settling, number)
            del self._settling[N_SETTLING:]

    def grace(self) -> Grace:
        """The first rung that stops trials now, and why it does."""
        if len(self._settling) < N_SETTLING:
            return Grace(self._start, self._start)
        first = [self._curves[number] for number in self._settling]
        ends = self._model().forecast(first).expected
        return settle_grace(first, ends, tuple(self._rungs), self._start, self._presumed)

    def _compare(self, number: int, rung: Rung, epoch: int) -> Cut | None:
        # The cheap question first: only a trial that fails it needs the model.
        cut = self._compare_best(number, rung)
        if cut is None:
            return None
        grace = self.grace()
        if epoch < grace.epochs:
            return None
        if grace.is_presumed:
            return cut
        # All at the age that they came with, so that nobody is judged by a longer curve.
        curves = np.vstack([rung.curves_of_others(number), self._curves[number]])
        *others, own = self._model().forecast(curves).expected
        return _below(float(own), float(np.percentile(others, self._percentile)))
