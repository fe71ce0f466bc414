"""A configuration of a space, made into the nearest configuration of another space."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from phase6c.config import Value, Values
from phase6c.space.axes import Axis, Float, ZeroOr
from phase6c.space.budget import CountParameters
from phase6c.space.shapes import SHAPE_FIELDS
from phase6c.space.space import Space, with_defaults

# So many values of each axis of the shape are tried, the nearest first.
_N_NEAREST = 4


def fit(space: Space, values: Mapping[str, Any], count: CountParameters) -> Values | None:
    """The feasible configuration of a space that is nearest to another space's flat values.

    The width is solved anew. The learning rate is scaled with its inverse, as AdamW's hidden
    weights ask for (muP: Yang et al., 2022), before it is put on its axis. What the values do not
    tell of has its default; without one, a value is drawn, always alike.

    Returns:
        Flat values; None if nothing near is feasible.
    """
    told = {name: values[name] for name, axis in space.axes.items() if _tells(axis, values, name)}
    defaults = {
        name: value
        for name, value in with_defaults({}, space.axes).items()
        if space.axes[name].contains(value)
    }
    wanted = space.draw(np.random.default_rng(0)) | defaults | told
    near = {name: _nearest(space, name, value) for name, value in wanted.items()}
    others = {name: ranked[0] for name, ranked in near.items()}
    for shape in _shapes(near):
        whole = space.complete(others | shape, count)
        # The width must be solved before the rate can be scaled by it; the rate does not change it.
        if whole is not None and "learning_rate" in told:
            rate = told["learning_rate"] * _width_ratio(values, whole)
            scaled = {"learning_rate": _nearest(space, "learning_rate", rate)[0]}
            whole = space.complete(others | shape | scaled, count)
        if whole is not None:
            return whole
    return None


def _tells(axis: Axis, values: Mapping[str, Any], name: str) -> bool:
    """Whether the values hold something that can be put on the axis."""
    value = values.get(name)
    if _is_number(value):
        return axis.points is None or any(_is_number(point) for point in axis.points)
    return isinstance(value, bool | str) and axis.contains(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _nearest(space: Space, name: str, value: Any) -> list[Value]:
    """The values of an axis by their distance to another; of a range the nearest alone.

    On a logarithmic scale zero is near to nothing but itself.
    """
    axis = space.axes[name]
    if axis.points is not None:
        log = _is_logarithmic(space.as_ranges().axes[name])
        return sorted(axis.points, key=lambda point: _distance(point, value, log=log))
    if isinstance(axis, ZeroOr):
        return [axis.values.decode(value) if value > 0 else 0.0]
    return [axis.decode(value)]


def _is_logarithmic(axis: Axis) -> bool:
    return isinstance(axis, ZeroOr) or (isinstance(axis, Float) and axis.log)


def _distance(value: Any, other: Any, *, log: bool) -> float:
    if value == other:
        return 0.0
    if not (_is_number(value) and _is_number(other)):
        return math.inf
    if log:
        return abs(math.log(value / other)) if value > 0 and other > 0 else math.inf
    return float(abs(value - other))


def _shapes(near: Mapping[str, Sequence[Value]]) -> Iterator[Values]:
    """The shapes around the nearest shape, by the number of steps away from it."""
    # A step in the number of heads changes the model least; among equals it comes first.
    names = sorted(near.keys() & set(SHAPE_FIELDS), key=lambda name: (name == "n_heads", name))
    steps = [range(len(near[name][:_N_NEAREST])) for name in names]
    for taken in sorted(itertools.product(*steps), key=sum):
        yield {name: near[name][step] for name, step in zip(names, taken, strict=True)}


def _width_ratio(values: Mapping[str, Any], whole: Values) -> float:
    """The width that the values tell of over the solved width; 1 where they tell of no width."""
    width = values.get("d_model")
    return float(width) / whole["d_model"] if _is_number(width) and width > 0 else 1.0
