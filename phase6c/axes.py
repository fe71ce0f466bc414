"""The axes of a search space and their lowering to what every sampler understands."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from phase6c.config import Record, Value

# Six digits tell any two useful values apart and stay readable.
SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True)
class Steps:
    """The ordered integers 0..n-1."""

    n: int


@dataclass(frozen=True)
class Interval:
    """The reals from low to high."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Categories:
    """Values without an order."""

    values: tuple[Value, ...]


Domain = Steps | Interval | Categories


class AxisBase(Record, ABC):
    """One searched field.

    `domain` is what a sampler sees; `decode` turns its raw value into the field's value and
    `encode` turns it back.
    """

    @property
    @abstractmethod
    def domain(self) -> Domain:
        """What a sampler draws from."""

    @abstractmethod
    def decode(self, raw: Value) -> Value:
        """The field's value of a sampler's raw value."""

    @abstractmethod
    def encode(self, value: Value) -> Value:
        """A raw value that decodes to this value."""

    @abstractmethod
    def contains(self, value: Value) -> bool:
        """Whether the axis can take the value."""

    @property
    def edges(self) -> tuple[Value, Value] | None:
        """The first and the last value; None where there is no order."""
        return None

    @property
    def points(self) -> tuple[Value, ...] | None:
        """All values; None where they cannot be counted."""
        return None


class Grid(AxisBase):
    """Ordered values: a sampler sees an axis, not unrelated categories."""

    kind: Literal["grid"] = "grid"
    values: tuple[Value, ...] = Field(min_length=1)

    @classmethod
    def of(cls, *values: Value) -> Grid:
        """Short for the keywords."""
        return cls(values=values)

    @property
    def domain(self) -> Domain:
        return Steps(len(self.values))

    @property
    def points(self) -> tuple[Value, ...]:
        return self.values

    def decode(self, raw: Value) -> Value:
        return self.values[int(raw)]

    def encode(self, value: Value) -> Value:
        return self.values.index(value)

    @property
    def edges(self) -> tuple[Value, Value]:
        return self.values[0], self.values[-1]

    def contains(self, value: Value) -> bool:
        return value in self.values


class Choice(AxisBase):
    """Values without an order."""

    kind: Literal["choice"] = "choice"
    values: tuple[Value, ...] = Field(min_length=1)

    @classmethod
    def of(cls, *values: Value) -> Choice:
        """Short for the keywords."""
        return cls(values=values)

    @property
    def domain(self) -> Domain:
        return Categories(self.values)

    @property
    def points(self) -> tuple[Value, ...]:
        return self.values

    def decode(self, raw: Value) -> Value:
        return raw

    def encode(self, value: Value) -> Value:
        return value

    def contains(self, value: Value) -> bool:
        return value in self.values


class Int(AxisBase):
    """The integers from low to high, both included."""

    kind: Literal["int"] = "int"
    low: int
    high: int

    @classmethod
    def of(cls, low: int, high: int) -> Int:
        """Short for the keywords."""
        return cls(low=low, high=high)

    @property
    def domain(self) -> Domain:
        return Steps(self.high - self.low + 1)

    @property
    def points(self) -> tuple[Value, ...]:
        return tuple(range(self.low, self.high + 1))

    def decode(self, raw: Value) -> Value:
        return self.low + int(raw)

    def encode(self, value: Value) -> Value:
        return int(value) - self.low

    @property
    def edges(self) -> tuple[Value, Value]:
        return self.low, self.high

    def contains(self, value: Value) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low must not be above high, found {self.low} and {self.high}")
        return self


class Float(AxisBase):
    """The reals from low to high, on a logarithmic scale if `log`."""

    kind: Literal["float"] = "float"
    low: float
    high: float
    log: bool = False

    @classmethod
    def of(cls, low: float, high: float, *, log: bool = False) -> Float:
        """Short for the keywords."""
        return cls(low=low, high=high, log=log)

    @property
    def domain(self) -> Domain:
        return Interval(self.low, self.high, self.log)

    def decode(self, raw: Value) -> Value:
        return min(self.high, max(self.low, float(f"{float(raw):.{SIGNIFICANT_DIGITS}g}")))

    def encode(self, value: Value) -> Value:
        return value

    @property
    def edges(self) -> tuple[Value, Value]:
        return self.low, self.high

    def contains(self, value: Value) -> bool:
        return not isinstance(value, str) and self.low <= value <= self.high

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"low must be below high, and positive if log, found {self.low}")
        return self


class ZeroOr(AxisBase):
    """Zero, with a share of its own, or a value of a range: an ordered axis with zero at its end.

    Attributes:
        values: The range.
        zero_share: How likely zero is when values are drawn uniformly.
    """

    kind: Literal["zero_or"] = "zero_or"
    values: Float
    zero_share: float = Field(default=0.1, gt=0, lt=1)

    @classmethod
    def of(cls, values: Float) -> ZeroOr:
        """Short for the keywords."""
        return cls(values=values)

    @property
    def domain(self) -> Domain:
        return Interval(0.0, 1.0)

    def decode(self, raw: Value) -> Value:
        if float(raw) < self.zero_share:
            return 0.0
        share = (float(raw) - self.zero_share) / (1.0 - self.zero_share)
        low, high = self._scaled(self.values.low), self._scaled(self.values.high)
        position = low + share * (high - low)
        return self.values.decode(math.exp(position) if self.values.log else position)

    def encode(self, value: Value) -> Value:
        if value == 0:
            return self.zero_share / 2
        low, high = self._scaled(self.values.low), self._scaled(self.values.high)
        share = (self._scaled(float(value)) - low) / (high - low)
        return self.zero_share + share * (1.0 - self.zero_share)

    @property
    def edges(self) -> tuple[Value, Value]:
        return 0.0, self.values.high

    def contains(self, value: Value) -> bool:
        return value == 0 or self.values.contains(value)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.values.log else value


Axis = Annotated[Grid | Choice | Int | Float | ZeroOr, Field(discriminator="kind")]


def sample(axis: Axis, rng: np.random.Generator) -> Value:
    """Draws a value uniformly from the axis, on its own scale."""
    match axis.domain:
        case Steps(n):
            return axis.decode(int(rng.integers(n)))
        case Categories(values):
            return values[int(rng.integers(len(values)))]
        case Interval(low, high, log):
            if log:
                return axis.decode(float(np.exp(rng.uniform(np.log(low), np.log(high)))))
            return axis.decode(float(rng.uniform(low, high)))
