"""The rules that a model shape must keep, and the width that meets the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from phase6c.config import ModelConfig, Value, Values
from phase6c.errors import ConfigError
from phase6c.space.budget import Budget, CountParameters

# Dropout acts on a model of any shape and may be a range; the other fields are countable.
SHAPE_FIELDS = tuple(name for name in ModelConfig.model_fields if name != "dropout")
# Heads share the width among them and pooling has no weights: neither changes the count.
_COUNTED_FIELDS = tuple(name for name in SHAPE_FIELDS if name not in ("n_heads", "pooling"))

Shape = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Rule:
    """A condition that every configuration of the space fulfils.

    Attributes:
        name: The condition in words.
        holds: Function of the flat values, `d_model` included; it may depend on them alone.
    """

    name: str
    holds: Callable[[Mapping[str, Any]], bool]

    def __repr__(self) -> str:
        return f"Rule({self.name!r})"

    def allows(self, values: Mapping[str, Any]) -> bool:
        """Whether the rule holds.

        Raises:
            ConfigError: The rule itself fails.
        """
        try:
            return bool(self.holds(values))
        except Exception as error:
            raise ConfigError(
                "A rule must be able to judge every configuration of the space",
                f"{self.name!r} fails with {error!r}",
                f"It may look up {', '.join(values)}.",
            ) from error


class Broken(NamedTuple):
    """A rule and the values that it forbids."""

    rule: Rule
    values: Values

    def names(self) -> set[str]:
        """The names that the rule looked up to judge the values."""
        noted = _Noted(self.values)
        self.rule.allows(noted)
        return noted.names


class _Noted(Mapping[str, Any]):
    """Values that note what is looked up in them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        self.names.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


WHOLE_PATCHES = Rule(
    "patch_days divides context_days",
    lambda values: values["context_days"] % values["patch_days"] == 0,
)
WHOLE_HEADS = Rule(
    "n_heads divides d_model", lambda values: values["d_model"] % values["n_heads"] == 0
)


def within_budget(budget: Budget | None, count: CountParameters) -> Rule:
    """The rule that the width, given or solved, meets the budget."""
    return Rule(
        f"the parameter count is within the budget {budget.text if budget else 'none'}",
        lambda values: fitting_width(values, budget, count) is not None,
    )


def fitting_width(
    values: Mapping[str, Any], budget: Budget | None, count: CountParameters
) -> int | None:
    """The width that meets the budget: `d_model` where it is given, else solved; None if none does.

    Each shape is counted once for each way to count: counting builds the model.
    """
    return _fitting_width(counted_shape(values), budget, count)


def counted_shape(values: Mapping[str, Any]) -> Shape:
    """The fields that decide about the number of parameters, with their values."""
    return tuple((name, values[name]) for name in _COUNTED_FIELDS if name in values)


@lru_cache(maxsize=1 << 16)
def _fitting_width(shape: Shape, budget: Budget | None, count: CountParameters) -> int | None:
    # A model of a single head is valid for any width, and has as many parameters as any other.
    given: Values = {"n_heads": 1, **dict(shape)}

    def counted(width: int) -> int:
        return count(model_of({**given, "d_model": width}))

    if "d_model" in given:
        width: int = given["d_model"]
        return width if budget is None or budget.contains(counted(width)) else None
    return budget.solve_width(counted) if budget else None


def model_of(values: Mapping[str, Any]) -> ModelConfig:
    """The model part of flat values."""
    return ModelConfig(
        **{name: values[name] for name in ModelConfig.model_fields if name in values}
    )
