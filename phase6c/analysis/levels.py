"""The values of an axis that a table has rows for, and where a trial stands among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from phase6c.config import Value
from phase6c.space.axes import Axis, Categories, Continuous, ZeroOr

# An axis of more values has as many bins as a range.
_MAX_VALUES = 24
_N_BINS = 8


@dataclass(frozen=True)
class Level:
    """A row of a table: a value, or a bin of neighbouring values.

    Attributes:
        value: Value, or the middle of the bin on the axis's own scale.
        span: First and last value of the bin; None for a single value.
    """

    value: Value
    span: tuple[Value, Value] | None = None


@dataclass(frozen=True)
class Levels:
    """The rows of an axis in their order.

    Attributes:
        axis: Axis of the values.
        rows: Values of the axis, or equal bins of its own scale where they are too many to list.
        shares: float[level], how likely each is when values are drawn uniformly.
    """

    axis: Axis
    rows: tuple[Level, ...]
    shares: np.ndarray

    @property
    def ordered(self) -> bool:
        """Whether neighbours are alike."""
        return not isinstance(self.axis.domain, Categories)

    @property
    def listed(self) -> bool:
        """Whether each row is a single value."""
        return all(row.span is None for row in self.rows)

    @cached_property
    def _centres(self) -> np.ndarray:
        return np.array([_raw(self.axis, row.value) for row in self.rows])

    def weights(self, values: Sequence[Value]) -> np.ndarray:
        """float[value, level] that sum to 1: between the middles of two bins, part of each."""
        if self.listed:
            where = {row.value: n for n, row in enumerate(self.rows)}
            return np.eye(len(self.rows))[[where[value] for value in values]]
        # Zero is a level of its own: no bin of the range shares in it.
        first = 1 if isinstance(self.axis, ZeroOr) else 0
        centres = self._centres[first:]
        raw = np.array([_raw(self.axis, value) for value in values])
        weights = np.zeros((len(values), len(self.rows)))
        weights[:, first:] = _hats(raw, centres)
        if first:
            zero = np.array([value == 0 for value in values])
            weights[zero] = np.eye(len(self.rows))[0]
        return weights

    def rows_of(self, values: Sequence[Value]) -> np.ndarray:
        """int[value], the row that each belongs to."""
        nearest: np.ndarray = self.weights(values).argmax(axis=1)
        return nearest


def levels_of(axis: Axis) -> Levels:
    """The rows of an axis."""
    points = axis.points
    if points is not None and len(points) <= _MAX_VALUES:
        rows = tuple(Level(point) for point in points)
        return Levels(axis, rows, np.full(len(rows), 1 / len(rows)))
    if isinstance(axis, ZeroOr):
        bins = _bins(axis.values, _N_BINS - 1)
        shares = np.full(_N_BINS, (1 - axis.zero_share) / (_N_BINS - 1))
        shares[0] = axis.zero_share
        return Levels(axis, (Level(0.0), *bins), shares)
    return Levels(axis, _bins(axis, _N_BINS), np.full(_N_BINS, 1 / _N_BINS))


def _bins(axis: Axis, n: int) -> tuple[Level, ...]:
    low, high = (_raw(axis, end) for end in axis.edges or ())
    marks = [_value(axis, low + (high - low) * step / (2 * n)) for step in range(2 * n + 1)]
    return tuple(
        Level(marks[2 * place + 1], (marks[2 * place], marks[2 * place + 2])) for place in range(n)
    )


def _raw(axis: Axis, value: Value) -> float:
    """Where a value stands on the axis's own scale."""
    domain = axis.domain
    raw = float(axis.encode(value))
    return math.log(raw) if isinstance(domain, Continuous) and domain.log else raw


def _value(axis: Axis, raw: float) -> Value:
    domain = axis.domain
    if isinstance(domain, Continuous):
        return axis.decode(math.exp(raw) if domain.log else raw)
    return axis.decode(round(raw))


def _hats(raw: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """float[value, centre]: linear between two centres; beyond the outer centres the nearest."""
    return np.array([np.interp(raw, centres, row) for row in np.eye(len(centres))]).T
