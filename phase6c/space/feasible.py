"""The feasible configurations of a space: completed, drawn uniformly, or walked through."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from phase6c.config import Value, Values
from phase6c.errors import ConfigError
from phase6c.space.axes import Axis, Int, draws, sample
from phase6c.space.budget import Budget, CountParameters
from phase6c.space.shapes import (
    SHAPE_FIELDS,
    WHOLE_HEADS,
    WHOLE_PATCHES,
    Broken,
    Rule,
    fitting_width,
    within_budget,
)

# After so many draws it pays to walk through all shapes once and to draw from the feasible ones.
# Where so many draws in a row are infeasible, the rest of a finite grid is walked through.
_MAX_DRAWS = 10_000
# Solving a width takes longer than judging a configuration.
_MAX_SHAPES = 100_000
_MAX_WALK = 5_000_000
_BLOCK = 256
_MAX_WORDS = 5


@dataclass(frozen=True)
class Feasible:
    """The feasible part of a space, for a given way to count parameters.

    The attributes are the space's own.
    """

    name: str
    axes: Mapping[str, Axis]
    budget: Budget | None
    fixed: Mapping[str, Value]
    rules: tuple[Rule, ...]
    count: CountParameters

    @cached_property
    def shaping(self) -> dict[str, Axis]:
        """The axes of the model's shape, all of them countable."""
        return {name: axis for name, axis in self.axes.items() if name in SHAPE_FIELDS}

    @cached_property
    def others(self) -> dict[str, Axis]:
        """The axes that no rule but a space's own looks at."""
        return {name: axis for name, axis in self.axes.items() if name not in SHAPE_FIELDS}

    def complete(self, values: Mapping[str, Value]) -> Values | None:
        """The flat values with pins and width; None if they break a rule."""
        judged = self._judged(self._fitted(values), ())
        return None if isinstance(judged, Broken) else judged

    def stream(self, rng: np.random.Generator) -> Iterator[Values]:
        """Configurations without end, each drawn uniformly and for itself.

        Raises:
            ConfigError: No configuration is feasible; the rules that collide are named.
        """
        # Solving a width takes milliseconds and the same shapes are drawn again and again.
        fitted = lru_cache(maxsize=1 << 16)(
            lambda row: self._fitted(dict(zip(self.shaping, row, strict=True)))
        )
        drawn = map(fitted, _rows(self.shaping, rng))
        tried: list[Broken] = []
        # Three ways, from the cheapest to the surest: draws among all shapes, draws among the
        # feasible shapes, and a walk through every configuration. All of them are uniform.
        if size(self.shaping) > _MAX_SHAPES:
            yield from self._completed(drawn, rng, tried)
            raise self._empty(tried, f"{_MAX_DRAWS:,} draws")
        yield from self._completed(itertools.islice(drawn, _MAX_DRAWS), rng, tried)
        shapes, broken = self._walk_shapes()
        total = f"{size(self.shaping):,} shapes"
        if not shapes:
            raise self._empty(broken, total)
        tried.clear()
        picked = _rows({"position": Int.of(0, len(shapes) - 1)}, rng)
        yield from self._completed((shapes[int(position)] for (position,) in picked), rng, tried)
        if len(shapes) * size(self.others) > _MAX_WALK:
            raise self._empty(broken + tried, f"{total} and {_MAX_DRAWS:,} draws")
        feasible = list(self._walk(shapes, broken))
        while feasible:
            yield feasible[rng.integers(len(feasible))].copy()
        raise self._empty(broken, total)

    def shapes(self) -> Iterator[Values]:
        """Shapes with their widths: all that are feasible, or a sample where they are too many."""
        if size(self.shaping) <= _MAX_SHAPES:
            return iter(self._walk_shapes()[0])
        return itertools.islice(self.stream(np.random.default_rng(0)), _MAX_DRAWS)

    def _fitted(self, values: Mapping[str, Value]) -> Values | Broken:
        """The values with pins and width, or the rule about shapes that they break."""
        fitted: Values = {**self.fixed, **values}
        if "d_model" not in self.axes and "d_model" not in self.fixed:
            fitted.pop("d_model", None)
        if not WHOLE_PATCHES.allows(fitted):
            return Broken(WHOLE_PATCHES, fitted)
        width = fitting_width(fitted, self.budget, self.count)
        if width is None:
            return Broken(within_budget(self.budget, self.count), fitted)
        fitted["d_model"] = width
        return fitted if WHOLE_HEADS.allows(fitted) else Broken(WHOLE_HEADS, fitted)

    def _judged(
        self, fitted: Values | Broken, others: Iterable[tuple[str, Value]]
    ) -> Values | Broken:
        """A fitted shape and the other values together, or the first rule that they break."""
        if isinstance(fitted, Broken):
            return fitted
        values = fitted.copy()
        values.update(others)
        for rule in self.rules:
            if not rule.allows(values):
                return Broken(rule, values)
        return values

    def _completed(
        self, shapes: Iterable[Values | Broken], rng: np.random.Generator, tried: list[Broken]
    ) -> Iterator[Values]:
        """Completes each shape by a draw until too many in a row, left in `tried`, break a rule."""
        for fitted, row in zip(shapes, _rows(self.others, rng), strict=False):
            values = self._judged(fitted, zip(self.others, row, strict=True))
            if not isinstance(values, Broken):
                tried.clear()
                yield values
                continue
            tried.append(values)
            if len(tried) == _MAX_DRAWS:
                return

    def _walk_shapes(self) -> tuple[list[Values], list[Broken]]:
        """The shapes that some values of the other axes may complete, and why the rest are out.

        A rule that looks up nothing but the shape says the same whatever the other values are, so
        that a single example of them judges the shape.
        """
        rng = np.random.default_rng(0)
        example = [(name, sample(axis, rng)) for name, axis in self.others.items()]
        possible, broken = [], []
        for point in grid(self.shaping):
            fitted = self._fitted(point)
            judged = self._judged(fitted, example)
            if isinstance(judged, Broken) and judged.names().isdisjoint(self.others):
                broken.append(judged)
            elif not isinstance(fitted, Broken):
                possible.append(fitted)
        return possible, broken

    def _walk(self, shapes: list[Values], broken: list[Broken]) -> Iterator[Values]:
        """The feasible configurations of these shapes.

        Of the configurations that break a rule, an example for each shape and rule goes to
        `broken`.
        """
        for shape in shapes:
            forbidden: dict[str, Broken] = {}
            for point in grid(self.others):
                values = self._judged(shape, point.items())
                if isinstance(values, Broken):
                    forbidden.setdefault(values.rule.name, values)
                else:
                    yield values
            broken.extend(forbidden.values())

    def _empty(self, broken: list[Broken], total: str) -> ConfigError:
        """Each rule with the values that it looks up and how often it was broken."""
        counts = Counter(case.rule.name for case in broken)
        read: dict[str, set[str]] = defaultdict(set)
        for case in broken:
            read[case.rule.name] |= case.names()
        known = dict.fromkeys([*self.fixed, *self.axes, "d_model"])
        reasons = [
            f"{rule} ({', '.join(self._held(name) for name in known if name in read[rule])})"
            f" forbids {n:,}"
            for rule, n in counts.most_common()
        ]
        return ConfigError(
            f"The space {self.name} must hold a feasible configuration",
            f"none in {total}: {'; '.join(reasons)}",
            "Free one of the pinned values or widen an axis.",
        )

    def _held(self, name: str) -> str:
        """A field and what the space lets it be."""
        if name in self.fixed:
            return f"{name} = {self.fixed[name]}"
        if name not in self.axes:
            return f"{name} from the budget"
        axis = self.axes[name]
        if axis.edges and (axis.points is None or len(axis.points) > _MAX_WORDS):
            return f"{name} from {axis.edges[0]} to {axis.edges[1]}"
        return f"{name} in {', '.join(map(str, axis.points or ()))}"


def size(axes: Mapping[str, Axis]) -> float:
    """The number of points that the axes have together; infinite with a continuous axis."""
    return math.prod(
        math.inf if axis.points is None else len(axis.points) for axis in axes.values()
    )


def grid(axes: Mapping[str, Axis]) -> Iterator[Values]:
    """Every point of countable axes; nothing where an axis is continuous."""
    for values in itertools.product(*(axis.points or () for axis in axes.values())):
        yield dict(zip(axes, values, strict=True))


def _rows(axes: Mapping[str, Axis], rng: np.random.Generator) -> Iterator[tuple[Value, ...]]:
    """Uniform values of all axes without end, drawn in blocks."""
    while True:
        columns = [draws(axis, rng, _BLOCK) for axis in axes.values()]
        yield from zip(*columns, strict=True) if columns else itertools.repeat((), _BLOCK)
