"""When a trial is stopped: rungs compare trials of equal age, by their best or by a forecast."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phase6c.stopping.forecast import CurveModel, Forecast
from phase6c.stopping.rung_plan import fixed_rungs, ladder, longest_grace

# Before so many trials have trained through the longest grace, no shorter grace is considered.
MIN_TRIALS = 6
# An earlier rung serves if its forecasts keep so much of the later rung's reliability.
MIN_RELIABILITY = 0.95
# As many standard deviations below the best, a trial is not expected to become the best.
HOPELESS_DEVIATIONS = 2.5
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


class ForecastRungs(Rungs):
    """Compares forecasts made at equal age, from the first rung whose forecasts can be relied on.

    The first rung stands at a ninth of all epochs (the square of the reduction factor), or earlier
    on the ladder where the search's own trials say that a rung there tells as much. Beside the
    comparison, a trial ends at a rung if it can no longer be expected to become the best (after
    the predictive termination of Domhan, Springenberg & Hutter, 2015).
    """

    def __init__(self, n_epochs: int, reduction_factor: float) -> None:
        super().__init__(ladder(n_epochs, reduction_factor), reduction_factor, n_epochs)
        self._longest = longest_grace(n_epochs, reduction_factor)

    def grace_epochs(self) -> int:
        """The epoch of the first rung that stops trials now."""
        return self._grace(self._model())

    def _compare(self, number: int, others: Sequence[int], epoch: int) -> Cut | None:
        if epoch < self._longest and not self._may_shorten():
            return None
        model = self._model()
        if epoch < self._longest and epoch < self._grace(model):
            return None
        # Rivals that have trained on are cut to the same age, so that nobody is judged by a longer
        # curve.
        *rivals, own = model.forecast(self._prefixes([*others, number], epoch)).expected
        return self._below(float(own), np.array(rivals)) or self._hopeless(model, number)

    def _hopeless(self, model: CurveModel, number: int) -> Cut | None:
        """Whether the trial is too far below the best to be expected of the others."""
        others = [curve for key, curve in self._curves.items() if key != number]
        top = float(model.forecast(others).expected.max())
        own = model.forecast([self._curves[number]])
        reach = float(own.mean[0] + HOPELESS_DEVIATIONS * own.deviation[0])
        return Cut(float(own.expected[0]), top) if max(reach, float(own.best[0])) < top else None

    def _may_shorten(self) -> bool:
        lengths = [len(curve) for curve in self._curves.values()]
        return sum(length >= self._longest for length in lengths) >= MIN_TRIALS

    def _grace(self, model: CurveModel) -> int:
        """Goes down the ladder as long as the earlier rung's forecasts are nearly as reliable."""
        grace = self._longest
        if not self._may_shorten():
            return grace
        reliability = self._at(model, grace).reliability
        for epoch in sorted((epoch for epoch in self._entries if epoch < grace), reverse=True):
            earlier = self._at(model, epoch).reliability
            if earlier < MIN_RELIABILITY * reliability:
                break
            grace, reliability = epoch, earlier
        return grace

    def _at(self, model: CurveModel, epoch: int) -> Forecast:
        curves = self._curves.values()
        return model.forecast([curve[:epoch] for curve in curves if len(curve) >= epoch])
