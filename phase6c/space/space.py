"""A search space: axes, pinned values and rules, within a parameter budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np
from pydantic import create_model

from phase6c.config import (
    SEARCHED_TRAIN_FIELDS,
    ModelConfig,
    OptimConfig,
    Record,
    TrainConfig,
    Value,
    Values,
    check_names,
    digest_of,
    parse,
)
from phase6c.errors import ConfigError
from phase6c.space.axes import (
    Axis,
    AxisBase,
    Choice,
    Float,
    Grid,
    Int,
    ListedAxis,
    ZeroOr,
    parse_axes,
    sample,
)
from phase6c.space.budget import Budget, CountParameters
from phase6c.space.feasible import Feasible, grid, size
from phase6c.space.shapes import Rule, counted_shape, model_of
from phase6c.wording import listed

__all__ = [
    "Choice",
    "Float",
    "Grid",
    "Int",
    "Reference",
    "Rule",
    "Space",
    "ZeroOr",
    "model_of",
    "with_defaults",
]

_LOG_AXES = ("learning_rate", "weight_decay")
_FIELDS = {
    **ModelConfig.model_fields,
    **OptimConfig.model_fields,
    **{name: TrainConfig.model_fields[name] for name in SEARCHED_TRAIN_FIELDS},
}


def with_defaults(values: Mapping[str, Any], names: Iterable[str]) -> Values:
    """Flat values, in which each of these fields that they lack has its default, if it has one."""
    lacking = {
        name: _FIELDS[name].get_default()
        for name in names
        if name not in values and not _FIELDS[name].is_required()
    }
    return {**values, **lacking}


class _Strict(Record, strict=True):
    """Values in strict types: text does not stand for a number, nor 2.0 for 2."""


# A record with a list for each field: pydantic then names every value of the space that its field
# cannot take, in a single message.
_lists: dict[str, Any] = {
    name: (list[Annotated[field_info.annotation, name, *field_info.metadata]], [])  # type: ignore[name-defined]
    for name, field_info in _FIELDS.items()
}
_FieldValues = create_model("_FieldValues", __base__=_Strict, **_lists)


@dataclass(frozen=True)
class Reference:
    """A configuration to compare with: trained as it is, exempt from the budget.

    Attributes:
        name: Name, as it is given on the command line.
        values: Flat values, `d_model` included.
        assumed: Names of values that its source did not record.
        reported_auc: Validation AUC that its source reported.
    """

    name: str
    values: Values
    assumed: tuple[str, ...] = ()
    reported_auc: float | None = None


@dataclass(frozen=True)
class Space:
    """The configurations that a search may choose.

    `d_model` is solved from the budget unless it is an axis or pinned.

    Attributes:
        name: For messages and files.
        axes: Flat name to axis.
        budget: Budget of every sampled configuration; None frees the width.
        fixed: Flat values that all configurations share.
        rules: Conditions beyond the budget's.
        references: Names of the references that run first.
    """

    name: str
    axes: Mapping[str, Axis]
    budget: Budget | None = None
    fixed: Mapping[str, Value] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    references: tuple[str, ...] = ()

    def __repr__(self) -> str:
        axes = listed(list(self.axes), limit=6) or "no axes"
        return f"Space({self.name!r}, budget {self.budget_text()}, axes: {axes})"

    def __post_init__(self) -> None:
        self._check_kinds()
        check_names([*self.axes, *self.fixed], _FIELDS, "search axis")
        self._check_fields()
        self._check_values()

    def digest(self) -> str:
        """The identity of the space, for resuming."""
        return digest_of(self.describe())

    def describe(self) -> Values:
        """The space as JSON; rules by their names."""
        return {
            "name": self.name,
            "axes": {name: axis.model_dump(mode="json") for name, axis in self.axes.items()},
            "budget": self.budget.model_dump(mode="json") if self.budget else None,
            "fixed": dict(self.fixed),
            "rules": [rule.name for rule in self.rules],
        }

    @classmethod
    def from_description(cls, described: Values) -> Space:
        """A space as `describe` tells it, but for its rules, of which only the names are told."""
        budget = described["budget"]
        return cls(
            name=described["name"],
            axes=parse_axes(described["axes"]),
            budget=budget and Budget.model_validate(budget),
            fixed=described["fixed"],
        )

    def without(self, name: str) -> Space:
        """A space in which a field that has a default is no axis any more."""
        return replace(self, axes=self._axes_without(name))

    def _axes_without(self, name: str) -> dict[str, Axis]:
        return {key: axis for key, axis in self.axes.items() if key != name}

    def pin(self, name: str, value: Value) -> Space:
        """A space in which a field has a fixed value and is no axis any more."""
        fixed = {**self.fixed, name: value}
        return replace(self, axes=self._axes_without(name), fixed=fixed)

    def as_ranges(self) -> Space:
        """A space in which the numeric grids of training fields are widened to ranges.

        Learning rate and weight decay become logarithmic ranges that keep zero, dropout a linear
        range.
        """
        ranged = {
            name: _range_of(axis, log=name in _LOG_AXES) if isinstance(axis, Grid) else axis
            for name, axis in self.axes.items()
            if name in (*_LOG_AXES, "dropout")
        }
        return replace(self, axes={**self.axes, **ranged})

    def complete(self, values: Mapping[str, Value], count: CountParameters) -> Values | None:
        """The flat values with pins and the solved width; None if a rule is broken."""
        return self._feasible(count).complete(values)

    def sample(self, rng: np.random.Generator, count: CountParameters) -> Values:
        """Draws a feasible configuration uniformly.

        Raises:
            ConfigError: No configuration is feasible; the rules that collide are named.
        """
        return next(self.stream(rng, count))

    def stream(self, rng: np.random.Generator, count: CountParameters) -> Iterator[Values]:
        """Feasible configurations without end, each drawn uniformly and for itself.

        Raises:
            ConfigError: No configuration is feasible; the rules that collide are named.
        """
        return self._feasible(count).stream(rng)

    def draw(self, rng: np.random.Generator) -> Values:
        """One uniform value of each axis, feasible or not."""
        return {name: sample(axis, rng) for name, axis in self.axes.items()}

    def n_points(self) -> float:
        """How many points the grid has, feasible or not; infinite with a continuous axis."""
        return size(self.axes)

    def points(self) -> Iterator[Values]:
        """Every point of a finite grid, feasible or not."""
        return grid(self.axes)

    def shapes(self, count: CountParameters) -> list[tuple[ModelConfig, int]]:
        """Every feasible model shape with its exact parameter count, or a sample of very many.

        Of shapes that differ in heads or pooling alone, a single shape is listed.
        """
        shapes = self._feasible(count).shapes()
        models = {counted_shape(values): model_of(values) for values in shapes}
        return [(model, count(model)) for model in models.values()]

    def budget_text(self) -> str:
        """The budget in words."""
        return self.budget.text if self.budget else "none"

    def _feasible(self, count: CountParameters) -> Feasible:
        return Feasible(self.name, self.axes, self.budget, self.fixed, self.rules, count)

    def _check_kinds(self) -> None:
        for part, part_value, kind in self._parts():
            if not isinstance(part_value, kind):
                raise ConfigError(
                    f"The {part} of the space {self.name} must be of type {kind.__name__}",
                    repr(part_value),
                    "An axis is a Grid, Choice, Int, Float or ZeroOr; (RULE,) is a tuple of one.",
                )

    def _parts(self) -> Iterator[tuple[str, object, type]]:
        yield "axes", self.axes, Mapping
        yield from ((f"axis {name}", axis, AxisBase) for name, axis in self.axes.items())
        yield "fixed values", self.fixed, Mapping
        yield "rules", self.rules, tuple
        yield from (("rule", rule, Rule) for rule in self.rules)
        if self.budget is not None:
            yield "budget", self.budget, Budget

    def _check_fields(self) -> None:
        if twice := sorted(self.axes.keys() & self.fixed.keys()):
            raise ConfigError(
                f"Every field of the space {self.name} must be an axis or fixed, not both",
                ", ".join(twice),
                "Remove it from one of them.",
            )
        required = {name for name, info in _FIELDS.items() if info.is_required()}
        if self.budget is not None:
            required.discard("d_model")
        if missing := sorted(required - self.axes.keys() - self.fixed.keys()):
            raise ConfigError(
                f"The space {self.name} must have an axis or a fixed value for every field that"
                " has no default",
                f"none for {', '.join(missing)}",
                "Add them; with a budget, d_model is solved.",
            )

    def _check_values(self) -> None:
        values = {name: _told(axis) for name, axis in self.axes.items()}
        try:
            parse(_FieldValues, values | {name: [value] for name, value in self.fixed.items()})
        except ConfigError as error:
            raise ConfigError(
                f"Every value of the space {self.name} must be one that its field can take",
                error.value,
                error.remedy,
            ) from error


def _told(axis: Axis) -> list[Value]:
    """The values that tell whether a field can take all of the axis."""
    return list(axis.values if isinstance(axis, ListedAxis) else axis.edges or ())


def _range_of(grid: Grid, *, log: bool) -> Axis:
    """The range that a grid spans; the grid itself where it has no two numbers to span."""
    numbers = [float(value) for value in grid.values]
    if log:
        numbers = [number for number in numbers if number > 0]
    if len(numbers) < 2:
        return grid
    span = Float.of(numbers[0], numbers[-1], log=log)
    return ZeroOr.of(span) if log and grid.contains(0) else span
