"""The axes of a search space and their lowering to what every sampler understands."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, TypeAdapter, field_validator, model_validator

from phase6c.config import Record, Value, parse
from phase6c.wording import listed

# Six digits tell any two useful values apart and stay readable.
SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True)
class Steps:
    """The ordered integers 0..n-1."""

    n: int


@dataclass(frozen=True)
class Continuous:
    """The reals from low to high."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Categories:
    """Values without an order."""

    values: tuple[Value, ...]


Domain = Steps | Continuous | Categories


class AxisBase(Record, ABC):
    """A searched field and the values that it may take.

    `domain` is what a sampler sees; `decode` turns its raw value into the field's value and
    `encode` turns it back.

    `of`, short for the keywords, raises a ConfigError for what cannot be an axis.
    """

    @property
    @abstractmethod
    def domain(self) -> Domain:
        """The numbers or categories that a sampler draws from."""

    def decode(self, raw: Value) -> Value:
        """The field's value of a sampler's raw value."""
        return raw

    def encode(self, value: Value) -> Value:
        """A raw value that decodes to this value."""
        return value

    @abstractmethod
    def contains(self, value: Value) -> bool:
        """Whether the axis can take the value."""

    @property
    def edges(self) -> tuple[Value, Value] | None:
        """The first and the last value; None where there is no order."""
        return None

    @property
    def points(self) -> Sequence[Value] | None:
        """All values; None where they cannot be counted."""
        return None


class ListedAxis(AxisBase):
    """An axis whose values are listed, each a single time."""

    values: tuple[Value, ...] = Field(min_length=1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.of({listed([repr(value) for value in self.values])})"

    @classmethod
    def of(cls, *values: Value) -> Self:
        """Short for the keywords."""
        return parse(cls, {"values": values})

    @property
    def points(self) -> tuple[Value, ...]:
        return self.values

    def contains(self, value: Value) -> bool:
        return value in self.values

    @field_validator("values")
    @classmethod
    def _each_once(cls, values: tuple[Value, ...]) -> tuple[Value, ...]:
        if len(set(values)) < len(values):
            raise ValueError(f"each value must be named once, found {values}")
        return values


class Grid(ListedAxis):
    """Ordered values: a sampler sees an axis, not unrelated categories.

    Numbers are put in ascending order; words stay in the order that they are named in.
    """

    kind: Literal["grid"] = "grid"

    @property
    def domain(self) -> Domain:
        return Steps(len(self.values))

    def decode(self, raw: Value) -> Value:
        return self.values[int(raw)]

    def encode(self, value: Value) -> Value:
        return self.values.index(value)

    @property
    def edges(self) -> tuple[Value, Value]:
        return self.values[0], self.values[-1]

    @field_validator("values")
    @classmethod
    def _in_order(cls, values: tuple[Value, ...]) -> tuple[Value, ...]:
        if any(isinstance(value, str) for value in values):
            return values
        return tuple(sorted(values))


class Choice(ListedAxis):
    """Values without an order."""

    kind: Literal["choice"] = "choice"

    @property
    def domain(self) -> Domain:
        return Categories(self.values)


class Int(AxisBase):
    """The integers from low to high, both included."""

    kind: Literal["int"] = "int"
    low: int
    high: int

    def __repr__(self) -> str:
        return f"Int.of({self.low}, {self.high})"

    @classmethod
    def of(cls, low: int, high: int) -> Int:
        """Short for the keywords."""
        return parse(cls, {"low": low, "high": high})

    @property
    def domain(self) -> Domain:
        return Steps(self.high - self.low + 1)

    @property
    def points(self) -> Sequence[Value]:
        return range(self.low, self.high + 1)

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

    def __repr__(self) -> str:
        return f"Float.of({self.low}, {self.high}{', log=True' if self.log else ''})"

    @classmethod
    def of(cls, low: float, high: float, *, log: bool = False) -> Float:
        """Short for the keywords."""
        return parse(cls, {"low": low, "high": high, "log": log})

    @property
    def domain(self) -> Domain:
        return Continuous(self.low, self.high, self.log)

    def decode(self, raw: Value) -> Value:
        return min(self.high, max(self.low, float(f"{float(raw):.{SIGNIFICANT_DIGITS}g}")))

    @property
    def edges(self) -> tuple[Value, Value]:
        return self.low, self.high

    def contains(self, value: Value) -> bool:
        return not isinstance(value, str) and self.low <= value <= self.high

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"low must be below high, and positive if log, found {self.low} and {self.high}"
            )
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

    def __repr__(self) -> str:
        return f"ZeroOr.of({self.values!r})"

    @classmethod
    def of(cls, values: Float) -> ZeroOr:
        """Short for the keywords."""
        return parse(cls, {"values": values})

    @property
    def domain(self) -> Domain:
        return Continuous(0.0, 1.0)

    def decode(self, raw: Value) -> Value:
        # Zero gets an interval of the raw axis, not a point that no continuous sampler would hit.
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

    @model_validator(mode="after")
    def _zero_is_below(self) -> Self:
        if self.values.low <= 0:
            raise ValueError(f"the range must lie above zero, found {self.values.low}")
        return self

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.values.log else value


Axis = Annotated[Grid | Choice | Int | Float | ZeroOr, Field(discriminator="kind")]


def parse_axes(described: Mapping[str, Any]) -> dict[str, Axis]:
    """The axes by name, as `Space.describe` tells them."""
    adapter: TypeAdapter[dict[str, Axis]] = TypeAdapter(dict[str, Axis])
    return adapter.validate_python(dict(described))


def sample(axis: Axis, rng: np.random.Generator) -> Value:
    """Draws a value uniformly from the axis, on its own scale."""
    return draws(axis, rng, 1)[0]


def draws(axis: Axis, rng: np.random.Generator, n: int) -> list[Value]:
    """Draws `n` values uniformly and independently from the axis, on its own scale."""
    domain = axis.domain
    if isinstance(domain, Continuous):
        low, high = (math.log(end) if domain.log else end for end in (domain.low, domain.high))
        raws = rng.uniform(low, high, n)
        return [axis.decode(raw) for raw in (np.exp(raws) if domain.log else raws).tolist()]
    points = axis.points or ()
    return [points[position] for position in rng.integers(len(points), size=n).tolist()]
