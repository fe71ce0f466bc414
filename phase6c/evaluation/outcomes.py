"""Rises and falls on the rows of some dates, and the predictions that were made beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int8, Shaped

from phase6c.statistics.bootstrap import Estimate, estimates, resampled
from phase6c.statistics.calibrators import Calibrator, CalibratorKind
from phase6c.statistics.days import Days
from phase6c.statistics.logits import ensemble
from phase6c.statistics.scores import Score


@dataclass(frozen=True)
class Truth:
    """The rows of a block or of several, in order of their dates.

    Attributes:
        dates: Dates of the rows, datetime64[D].
        tickers: Names of their tickers.
        y: Rises, 0 or 1.
        down: Mirrored falls.
        steps: Name of the step of the evaluation that each row was predicted in.
        outcomes: What the labels are cut from; NaN where it is not known.
        volatility: Standard deviation of the 20 daily log returns up to the day; NaN where it is
            not known.
    """

    dates: Shaped[np.ndarray, " row"]
    tickers: Shaped[np.ndarray, " row"]
    y: Int8[np.ndarray, " row"]
    down: Bool[np.ndarray, " row"]
    steps: Shaped[np.ndarray, " row"]
    outcomes: Float[np.ndarray, " row"]
    volatility: Float[np.ndarray, " row"]

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def days(self) -> Days:
        """The days of the rows, which are the units of every interval."""
        return Days.of(self.dates)

    @cached_property
    def step_names(self) -> tuple[str, ...]:
        """The steps in order of time."""
        # As a list: a dictionary is slow to take the texts of an array.
        return tuple(dict.fromkeys(self.steps.tolist()))

    def of(self, steps: Sequence[str]) -> Bool[np.ndarray, " row"]:
        """Whether each row was predicted in one of these steps."""
        return np.isin(self.steps, steps)

    @classmethod
    def joined(cls, parts: Sequence[Truth]) -> Truth:
        """The rows of several steps in a row."""
        names = [column.name for column in fields(cls)]
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        )

    def take(self, rows: Bool[np.ndarray, " row"]) -> Truth:
        """The rows of a mask."""
        return Truth(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


@dataclass(frozen=True)
class CandidatePredictions:
    """A configuration with its predictions for rows that it was not fitted on.

    Attributes:
        name: Name in tables.
        logits: Logits of all seeds that it was trained with.
        may_win: Whether it may be chosen; a reference is shown only.
        partner: Logits of the simple model that it is blended with; None without a blend.
    """

    name: str
    logits: Float64[np.ndarray, "seed row"]
    may_win: bool = True
    partner: Float64[np.ndarray, " row"] | None = None

    @property
    def ensemble(self) -> Float64[np.ndarray, " row"]:
        """The logit of the seeds' mean probability."""
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

    def of(self, score: Score, days: Days) -> Float64[np.ndarray, "*figure draw"]:
        """A figure, or a stack of figures, on every resample of the days."""
        return resampled(score, days, horizon_days=self.horizon_days, draws=self.n, seed=self.seed)

    def estimates(self, score: Score, days: Days, block_days: float = 0) -> list[Estimate | None]:
        """A figure, or each of a stack, with its interval; in blocks of so many days at least."""
        return estimates(
            score,
            days,
            horizon_days=self.horizon_days,
            draws=self.n,
            seed=self.seed,
            block_days=block_days,
        )


def calibrated_forward(
    kind: CalibratorKind, logits: Float[np.ndarray, " row"], truth: Truth
) -> Float64[np.ndarray, " row"]:
    """Logits, each step's mapped by a calibrator fitted on the steps before it.

    The first step has nothing before it and stays as it is, as does a step that only rows of a
    single class precede.

    Args:
        kind: Kind of calibrator.
        logits: Out of fold.
        truth: Labels of the same rows.
    """
    calibrated = np.array(logits, dtype=np.float64)
    # Forward in time: a calibrator must not know the rates of the steps that it is applied to.
    seen = np.zeros(len(truth), dtype=bool)
    for step in truth.step_names:
        own = truth.steps == step
        if len(np.unique(truth.y[seen])) == 2:
            fitted = Calibrator.fit(kind, logits[seen], truth.y[seen])
            calibrated[own] = fitted.apply(logits[own])
        seen |= own
    return calibrated
