"""A search space: axes, pinned values and rules, within a parameter budget."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from phase6c.axes import Axis, Choice, Float, Grid, Int, ZeroOr, sample
from phase6c.budget import Budget, CountParameters
from phase6c.config import (
    ModelConfig,
    OptimConfig,
    Value,
    Values,
    check_names,
    digest_of,
)
from phase6c.errors import ConfigError

__all__ = ["Choice", "Float", "Grid", "Int", "Reference", "Rule", "Space", "ZeroOr"]

_MAX_DRAWS = 10_000
_LOG_AXES = ("learning_rate", "weight_decay")
_SEARCHED = (*ModelConfig.model_fields, *OptimConfig.model_fields, "batch_size")


@dataclass(frozen=True)
class Rule:
    """A condition that every configuration of the space fulfils.

    Attributes:
        name: What must hold, in words.
        holds: Takes the flat values, `d_model` included where it is known.
    """

    name: str
    holds: Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Reference:
    """A configuration to compare with: trained as it is, exempt from the budget.

    Attributes:
        name: As on the command line.
        values: Flat values, `d_model` included.
        assumed: Names of values that its source did not record.
        reported_auc: What its source reported.
    """

    name: str
    values: Values
    assumed: tuple[str, ...] = ()
    reported_auc: float | None = None


@dataclass(frozen=True)
class Space:
    """What is searched.

    `d_model` is solved from the budget unless it is an axis or pinned.

    Attributes:
        name: For messages and files.
        axes: Flat name to axis.
        budget: What every sampled configuration must meet; None frees the width.
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

    def __post_init__(self) -> None:
        check_names([*self.axes, *self.fixed], _SEARCHED, "search axis")
        if "d_model" not in {**self.axes, **self.fixed} and self.budget is None:
            raise ConfigError("A space without a budget must have an axis d_model", self.name)

    @property
    def solves_width(self) -> bool:
        """Whether `d_model` follows from the budget."""
        return "d_model" not in self.axes and "d_model" not in self.fixed

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

    def pin(self, name: str, value: Value) -> Space:
        """The same space with one value fixed, out of the axes if it was searched."""
        check_names([name], _SEARCHED, "search axis")
        axes = {key: axis for key, axis in self.axes.items() if key != name}
        return replace(self, axes=axes, fixed={**self.fixed, name: value})

    def as_ranges(self) -> Space:
        """The same space with numeric training grids widened to ranges.

        Logarithmic for learning rate and weight decay, with zero kept; linear for dropout.
        """
        ranged = {
            name: _range_of(axis, log=name in _LOG_AXES) if isinstance(axis, Grid) else axis
            for name, axis in self.axes.items()
            if name in (*_LOG_AXES, "dropout")
        }
        return replace(self, axes={**self.axes, **ranged})

    def complete(self, values: Mapping[str, Value], count: CountParameters) -> Values | None:
        """The flat values with pins and the solved width; None if a rule is broken."""
        completed = {**self.fixed, **values}
        return None if self.broken_rule(completed, count) else completed

    def broken_rule(self, values: Values, count: CountParameters) -> str | None:
        """Solves `d_model` into `values` and names the first rule that does not hold."""
        if values["context_days"] % values["patch_days"]:
            return "patch_days divides context_days"
        if self.solves_width:
            width = self._solve_width(values, count)
            if width is None:
                return f"the parameter count is within the budget {self.budget_text()}"
            values["d_model"] = width
        if values["d_model"] % values["n_heads"]:
            return "n_heads divides d_model"
        for rule in self.rules:
            if not rule.holds(values):
                return rule.name
        if self.budget and not self.budget.contains(count(model_of(values))):
            return f"the parameter count is within the budget {self.budget_text()}"
        return None

    def sample(self, rng: np.random.Generator, count: CountParameters) -> Values:
        """Draws a feasible configuration uniformly.

        Raises:
            ConfigError: No feasible one was found; the rules that collide are named.
        """
        broken: Counter[str] = Counter()
        for _ in range(_MAX_DRAWS):
            values = {**self.fixed, **self.draw(rng)}
            rule = self.broken_rule(values, count)
            if rule is None:
                return values
            broken[rule] += 1
        raise ConfigError(
            f"The space {self.name} must hold a feasible configuration",
            "always broken: " + "; ".join(name for name, _ in broken.most_common()),
            "Free one of the pinned values or widen an axis.",
        )

    def draw(self, rng: np.random.Generator) -> Values:
        """One uniform value of each axis, feasible or not."""
        return {name: sample(axis, rng) for name, axis in self.axes.items()}

    def n_points(self) -> float:
        """How many points the grid has, feasible or not; infinite with a continuous axis."""
        return math.prod(len(axis.points or ()) or math.inf for axis in self.axes.values())

    def points(self) -> Iterator[Values]:
        """Every point of a finite grid, feasible or not."""
        names = list(self.axes)
        for values in itertools.product(*(axis.points or () for axis in self.axes.values())):
            yield dict(zip(names, values, strict=True))

    def shapes(self, count: CountParameters) -> list[tuple[ModelConfig, int]]:
        """Every feasible model shape of the space with its exact parameter count."""
        rng = np.random.default_rng(0)
        shaping = set(ModelConfig.model_fields) - {"dropout", "pooling", "n_heads"}
        axes = {name: axis for name, axis in self.axes.items() if name in shaping}
        example = {**self.fixed, **self.draw(rng), "n_heads": 1}
        found = []
        for point in replace(self, axes=axes).points():
            values = {**example, **point}
            if self.broken_rule(values, count) is None:
                model = model_of(values)
                found.append((model, count(model)))
        return found

    def budget_text(self) -> str:
        """The budget in words."""
        if self.budget is None:
            return "none"
        return f"{self.budget.n_params:,} ± {self.budget.tolerance:.0%}"

    def _solve_width(self, values: Values, count: CountParameters) -> int | None:
        if self.budget is None:
            return None
        return self.budget.solve_width(
            lambda width: count(model_of({**values, "d_model": width, "n_heads": 1}))
        )


def model_of(values: Mapping[str, Any]) -> ModelConfig:
    """The model part of flat values."""
    return ModelConfig(
        **{name: values[name] for name in ModelConfig.model_fields if name in values}
    )


def _range_of(grid: Grid, *, log: bool) -> Axis:
    numbers = sorted(float(value) for value in grid.values)
    if len(numbers) == 1:
        return grid
    if not log:
        return Float.of(numbers[0], numbers[-1])
    positive = [number for number in numbers if number > 0]
    span = Float.of(positive[0], positive[-1], log=True)
    return ZeroOr.of(span) if numbers[0] == 0 else span
