"""The walk forward of an evaluation: the data that each of its steps is fitted and judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from phase6c.data.history import History
from phase6c.data.splits import CAL, TEST, EvaluationStep
from phase6c.data.windows import SearchData
from phase6c.errors import DataError


@dataclass(frozen=True)
class Walk:
    """All that the trainings of an evaluation may see: nothing of the test block is in it.

    Attributes:
        history: Rows that end before the test block.
        steps: Steps by name, in order of time; the last, `test`, has only a training, which ends
            where the test block begins.
    """

    history: History
    steps: Mapping[str, EvaluationStep]

    @classmethod
    def before_test(cls, history: History, steps: tuple[EvaluationStep, ...]) -> Walk:
        """The walk over a history, cut where the test block begins."""
        named = {step.name: step for step in steps}
        return cls(history.before(named[TEST].fold.out.first), named)

    @property
    def folds(self) -> tuple[str, ...]:
        """The steps before cal."""
        return tuple(name for name in self.steps if name not in (CAL, TEST))

    @property
    def past(self) -> tuple[str, ...]:
        """The steps before the test block."""
        return (*self.folds, CAL)

    def check_classes(self) -> None:
        """Checks that every training has rises and other days to learn from.

        Raises:
            DataError: One has not.
        """
        rows = self.history.rows
        for name, step in self.steps.items():
            y = rows.up[rows.windows_in(step.inner.train)]
            if len(np.unique(y)) < 2:
                raise DataError(
                    "Both classes must occur in the earlier part of every step's training",
                    f"{name}, through {step.inner.train.last}: "
                    + ("rises only" if y.any() else "no rise" if len(y) else "no rows"),
                    "Use fewer folds, another threshold, horizon or label, or add earlier bars.",
                )

    def inner(self, name: str) -> SearchData:
        """The training of a step, cut in two to choose the number of epochs."""
        step = self.steps[name]
        return self.history.between(step.inner, step.fold.out.first)

    def outer(self, name: str) -> SearchData:
        """The whole training of a step, and what it is judged on; nothing for `test`."""
        fold = self.steps[name].fold
        if name == TEST:
            return self.history.fitted_on(fold.train, fold.out.first)
        return self.history.between(fold, self._border(name))

    def _border(self, name: str) -> np.datetime64:
        """Where the block that a step is judged in ends."""
        return self.steps[TEST if name == CAL else CAL].fold.out.first
