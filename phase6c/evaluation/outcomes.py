"""Rises and falls on the rows of some dates, and the predictions that were made beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from phase6c.statistics.bootstrap import Score, resampled
from phase6c.statistics.calibrators import Calibrator, CalibratorKind
from phase6c.statistics.logits import ensemble


@dataclass(frozen=True)
class Truth:
    """The rows of a block or of several, in order of their dates.

    Attributes:
        dates: datetime64[D][row].
        tickers: str[row].
        y: int8[row] in {0, 1}, the rises.
        down: bool[row], the mirrored falls.
        steps: str[row], the step of the evaluation that the row was predicted in.
    """

    dates: np.ndarray
    tickers: np.ndarray
    y: np.ndarray
    down: np.ndarray
    steps: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def of(self, steps: Sequence[str]) -> np.ndarray:
        """bool[row]: whether the row was predicted in one of these steps."""
        return np.isin(self.steps, steps)

    @classmethod
    def joined(cls, parts: Sequence[Truth]) -> Truth:
        """The rows of several steps in a row."""
        names = [column.name for column in fields(cls)]
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        )

    def take(self, rows: np.ndarray) -> Truth:
        """The rows of a mask bool[row]."""
        return Truth(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


@dataclass(frozen=True)
class CandidatePredictions:
    """A configuration with its predictions for rows that it was not fitted on.

    Attributes:
        name: Name in tables.
        logits: float64[seed, row], of all seeds that it was trained with.
        may_win: Whether it may be chosen; a reference is shown only.
    """

    name: str
    logits: np.ndarray
    may_win: bool = True

    @property
    def ensemble(self) -> np.ndarray:
        """float64[row], the logit of the seeds' mean probability."""
        return ensemble(self.logits)


class Draws(NamedTuple):
    """The way in which figures are resampled.

    Attributes:
        horizon_days: Horizon of the labels.
        n: Number of resamples.
        seed: Seed of the resampling.
    """

    horizon_days: int
    n: int = 2000
    seed: int = 0

    def of(self, score: Score, dates: np.ndarray, block_days: float = 0) -> np.ndarray:
        """A figure on every resample of the dates [draw]."""
        return resampled(
            score,
            dates,
            horizon_days=self.horizon_days,
            draws=self.n,
            seed=self.seed,
            block_days=block_days,
        )


def calibrated_forward(kind: CalibratorKind, logits: np.ndarray, truth: Truth) -> np.ndarray:
    """Logits float64[row], each step's mapped by a calibrator fitted on the steps before it.

    The first step has nothing before it and stays as it is, as does a step that only rows of a
    single class precede.

    Args:
        kind: Kind of calibrator.
        logits: float[row], out of fold.
        truth: Labels of the same rows.
    """
    calibrated = np.array(logits, dtype=np.float64)
    steps = dict.fromkeys(truth.steps)  # in order of time
    # Forward in time: a calibrator must not know the rates of the steps that it is applied to.
    seen = np.zeros(len(truth), dtype=bool)
    for step in steps:
        own = truth.steps == step
        if len(np.unique(truth.y[seen])) == 2:
            fitted = Calibrator.fit(kind, logits[seen], truth.y[seen])
            calibrated[own] = fitted.apply(logits[own])
        seen |= own
    return calibrated
