"""A parameter budget: counted, never named, and met by solving for the width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field, ValidationError, model_validator

from phase6c.config import ModelConfig, Record, invalid

# The exact number of parameters of a shape, for the features at hand; hashable.
CountParameters = Callable[[ModelConfig], int]


class Budget(Record):
    """The number of parameters of a model, and how far its shapes may miss it.

    Attributes:
        name: Name, as it is given on the command line.
        n_params: Target of the count.
        tolerance: Share by which a count may miss the target.
        width_step: Divisor of every `d_model`.
        laptop: Whether a search of it is sensible without a GPU.

    Raises:
        ConfigError: A field is unknown or its value out of range.
    """

    name: str
    n_params: int = Field(gt=0)
    tolerance: float = Field(default=0.05, gt=0, lt=1)
    width_step: int = Field(default=16, ge=1)
    laptop: bool = True

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise invalid(Budget, error) from error

    @model_validator(mode="before")
    @classmethod
    def _memory_is_computed(cls, fields: Any) -> Any:
        # Budgets of earlier versions, also of stored studies, say how much a trial takes.
        if isinstance(fields, dict):
            return {name: fields[name] for name in fields if name != "gpu_memory_gib"}
        return fields

    def __repr__(self) -> str:
        return f"Budget({self.name!r}, {self.text} parameters)"

    @property
    def text(self) -> str:
        """The target and how far a count may miss it."""
        return f"{self.n_params:,} ± {self.tolerance:.0%}"

    def contains(self, n_params: int) -> bool:
        """Whether the count lies within the tolerance."""
        return abs(n_params - self.n_params) <= self.tolerance * self.n_params

    def solve_width(self, count: Callable[[int], int]) -> int | None:
        """The width whose count is nearest to the target; None if it is outside the tolerance.

        Args:
            count: The exact parameter count of a width; it must grow with the width.
        """
        step = self.width_step
        # The count grows with the width, so that doubling and bisection find the nearest width in a
        # few counts; a count builds a model on the meta device and takes milliseconds.
        low, high = 1, 2
        while count(high * step) < self.n_params:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if count(middle * step) < self.n_params else (low, middle)
        # The search ends with the two widths around the target: either may be nearer.
        width = min(
            (low * step, high * step), key=lambda candidate: abs(count(candidate) - self.n_params)
        )
        return width if self.contains(count(width)) else None
