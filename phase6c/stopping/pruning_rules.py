"""When a trial is stopped: rungs compare trials of equal age, by their best and by a forecast."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phase6c.stopping.forecast import CurveModel
from phase6c.stopping.grace import N_SETTLING, Grace, settle_grace
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
        self._entries: dict[int, set[int]] = {epoch: set() for epoch in milestones}
        # The very figure that Ray takes, so that equal scores are equal to both.
        self._percentile = (1 - 1 / reduction_factor) * 100
        self._n_epochs = n_epochs
        # Fitted when it is first asked for: most epochs lie at no rung.
        self._fitted: CurveModel | None = None

    def learn(self, number: int, curve: np.ndarray) -> None:
        """Takes the scores of a trial so far, float[epoch], without its entering a rung."""
        # By number: sums of floats must not depend on who came first.
        self._curves = dict(sorted((self._curves | {number: curve}).items()))
        self._fitted = None

    def enter(self, number: int, curve: np.ndarray) -> None:
        """Takes the scores of a trial so far; it enters the rung of this epoch, if any."""
        self.learn(number, curve)
        rung = self._entries.get(len(curve))
        if rung is not None:
            rung.add(number)

    def judge(self, number: int) -> Cut | None:
        """Whether the trial, just entered, is to be stopped."""
        epoch = len(self._curves[number])
        others = sorted(self._entries.get(epoch, set()) - {number})
        return self._compare(number, others, epoch) if others else None

    def entries(self) -> dict[int, tuple[int, ...]]:
        """The numbers that entered each rung, by its epoch."""
        return {epoch: tuple(sorted(rung)) for epoch, rung in self._entries.items()}

    def forecast(self, number: int) -> float:
        """The score to expect of a trial, had it trained to the end."""
        return float(self._model().forecast([self._curves[number]]).expected[0])

    @abstractmethod
    def _compare(self, number: int, others: Sequence[int], epoch: int) -> Cut | None:
        """Compares the trial with those that came to its rung before."""

    def _prefixes(self, numbers: Sequence[int], epoch: int) -> list[np.ndarray]:
        return [self._curves[number][:epoch] for number in numbers]

    def _model(self) -> CurveModel:
        """The model of all curves as they are now; fitted again after each new score."""
        if self._fitted is None:
            latest = list(self._curves.values())[-MAX_CURVES:]
            self._fitted = CurveModel(latest, self._n_epochs)
        return self._fitted

    def _below(self, score: float, others: np.ndarray) -> Cut | None:
        cutoff = float(np.percentile(others, self._percentile))
        return Cut(score, cutoff) if score < cutoff else None


class BestSoFarRungs(Rungs):
    """Compares the best scores so far, as Ray's ASHA does with a best-so-far metric."""

    def __init__(self, n_epochs: int, grace_epochs: int, reduction_factor: float) -> None:
        milestones = fixed_rungs(n_epochs, grace_epochs, reduction_factor)
        super().__init__(milestones, reduction_factor, n_epochs)

    def _compare(self, number: int, others: Sequence[int], epoch: int) -> Cut | None:
        *rivals, own = [curve.max() for curve in self._prefixes([*others, number], epoch)]
        return self._below(float(own), np.array(rivals))


class AdaptiveRungs(Rungs):
    """Stops a trial where both its best score so far and its forecast are below their cutoffs.

    Neither of the two ranks trials better on every kind of curves: the best so far stops slow
    learners, a forecast errs about fast ones. The first rung follows from the search's own trials,
    see `settle_grace`.
    """

    def __init__(self, n_epochs: int, reduction_factor: float) -> None:
        super().__init__(ladder(n_epochs, reduction_factor), reduction_factor, n_epochs)
        self._start = starting_grace(n_epochs, reduction_factor)

    def grace(self) -> Grace:
        """The first rung that stops trials now, and why it does."""
        arrived = [curve for curve in self._curves.values() if len(curve) >= self._start]
        if len(arrived) < N_SETTLING:
            return Grace(self._start, self._start)
        first = arrived[:N_SETTLING]
        ends = self._model().forecast(first).expected
        return settle_grace(first, ends, tuple(self._entries), self._start)

    def _compare(self, number: int, others: Sequence[int], epoch: int) -> Cut | None:
        # Rivals that have trained on are cut to the same age, so that nobody is judged by a longer
        # curve.
        curves = self._prefixes([*others, number], epoch)
        *rivals, own = [float(curve.max()) for curve in curves]
        # The cheap question first: only a trial that fails it needs the model.
        if self._below(own, np.array(rivals)) is None or epoch < self.grace().epochs:
            return None
        *rivals, own = self._model().forecast(curves).expected
        return self._below(float(own), np.array(rivals))
