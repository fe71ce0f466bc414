"""Simple models as plain numbers, linear ones, splines and boosted trees, which predict alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float, Float32, Float64, Int
from pydantic import Field, model_validator

from phase6c.config import Record

# Values in the windows that are predicted at once, to bound the memory.
MAX_PART_VALUES = 4_000_000
SPLINE_DEGREE = 3

Index = Annotated[int, Field(ge=0)]


def windows_of(
    panel: Float32[np.ndarray, "row feature"], ends: Int[np.ndarray, " window"], context_days: int
) -> Float32[np.ndarray, "window value"]:
    """The values of windows, day after day.

    Args:
        panel: Scaled features, the rows of each ticker together and in order.
        ends: Panel row of each window's last day.
        context_days: Days of a window.
    """
    rows = ends[:, None] + np.arange(1 - context_days, 1)
    return panel[rows].reshape(len(ends), context_days * panel.shape[1])


class SimpleModel(Record):
    """A model of the values in a window.

    Attributes:
        kind: `linear`, `spline` or `boosting`.
        context_days: Days of a window.
        n_values: Number of values in a window.
    """

    kind: str
    context_days: int = Field(ge=1)
    n_values: int = Field(ge=1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_values:,} values)"

    def logits(
        self, panel: Float32[np.ndarray, "row feature"], ends: Int[np.ndarray, " window"]
    ) -> Float64[np.ndarray, " window"]:
        """Logits of windows.

        Args:
            panel, ends: See `windows_of`.
        """
        per_part = max(1, MAX_PART_VALUES // self.n_values)
        parts = np.split(ends, range(per_part, len(ends), per_part))
        return np.concatenate(
            [self.decide(windows_of(panel, part, self.context_days)) for part in parts]
        )

    def decide(self, windows: Float[np.ndarray, "window value"]) -> Float64[np.ndarray, " window"]:
        """Logits of windows whose values are gathered already."""
        raise NotImplementedError


class LinearModel(SimpleModel):
    """A logistic regression.

    Attributes:
        intercept: Logit of a window of zeros.
        coefficients: Coefficient of each value.
    """

    kind: Literal["linear"] = "linear"
    intercept: float
    coefficients: tuple[float, ...]

    def decide(self, windows: Float[np.ndarray, "window value"]) -> Float64[np.ndarray, " window"]:
        """Logits of windows whose values are gathered already."""
        logits: np.ndarray = windows.astype(np.float64) @ np.array(self.coefficients)
        return logits + self.intercept

    @model_validator(mode="after")
    def _has_a_coefficient_for_each_value(self) -> LinearModel:
        if len(self.coefficients) != self.n_values:
            raise ValueError(
                f"there must be {self.n_values} coefficients, found {len(self.coefficients)}"
            )
        return self


def spline_basis(
    values: Float[np.ndarray, " window"], knots: Sequence[float]
) -> Float64[np.ndarray, "window coefficient"]:
    """The cubic B-splines (de Boor, 1978) of a value, constant beyond the outermost knots.

    Args:
        values: Finite values.
        knots: Knots in rising order, each end four times; none for a value without a curve.
    """
    # SciPy takes as long to load as all else, and most who load this have no splines.
    from scipy.interpolate import BSpline

    if not knots:
        return np.empty((len(values), 0))
    inside = np.clip(values.astype(np.float64), knots[0], knots[-1])
    basis: np.ndarray = BSpline.design_matrix(inside, np.array(knots), SPLINE_DEGREE).toarray()
    return basis


class SplineModel(SimpleModel):
    """A logistic regression on a curve of each value.

    Attributes:
        intercept: Logit before the first curve.
        knots: Knots of each value's curve, see `spline_basis`.
        coefficients: Coefficients of each value's B-splines.
    """

    kind: Literal["spline"] = "spline"
    intercept: float
    knots: tuple[tuple[float, ...], ...]
    coefficients: tuple[tuple[float, ...], ...]

    def decide(self, windows: Float[np.ndarray, "window value"]) -> Float64[np.ndarray, " window"]:
        """Logits of windows whose values are gathered already."""
        logits = np.full(len(windows), self.intercept)
        for values, knots, coefficients in zip(
            windows.T, self.knots, self.coefficients, strict=True
        ):
            logits += spline_basis(values, knots) @ np.array(coefficients)
        return logits

    @model_validator(mode="after")
    def _curves_are_whole(self) -> SplineModel:
        if not len(self.knots) == len(self.coefficients) == self.n_values:
            raise ValueError(f"there must be {self.n_values} curves")
        for knots, coefficients in zip(self.knots, self.coefficients, strict=True):
            n_knots = len(coefficients) + SPLINE_DEGREE + 1 if coefficients else 0
            if len(knots) != n_knots or any(left > right for left, right in pairwise(knots)):
                raise ValueError(f"a curve must have {n_knots} knots in rising order")
        return self


class BoostedTrees(SimpleModel):
    """Trees whose values are added up; the nodes of all trees stand one after another.

    Attributes:
        base: Logit before the first tree.
        roots: First node of each tree, which its other nodes follow.
        features: Value of the window that a node asks about.
        thresholds: Largest number that goes left; null where all numbers do.
        missing_left: Whether a missing value goes left.
        left, right: The nodes that follow, each further down the list; a leaf names itself twice.
        values: What a leaf adds to the logit.
    """

    kind: Literal["boosting"] = "boosting"
    base: float
    roots: tuple[Index, ...]
    features: tuple[Index, ...]
    thresholds: tuple[float | None, ...]
    missing_left: tuple[bool, ...]
    left: tuple[Index, ...]
    right: tuple[Index, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, fitted: Any) -> BoostedTrees:
        """The trees of a `HistGradientBoostingClassifier` of two classes, without categories.

        scikit-learn has no public way to its trees; tests compare what both predict.
        """
        # Each iteration has a single tree, as two classes need.
        trees = [tree.nodes for (tree,) in fitted._predictors]
        roots = np.cumsum([0, *map(len, trees)])
        nodes = np.concatenate(trees)
        own, first = np.arange(len(nodes)), np.repeat(roots[:-1], np.diff(roots))
        leaf = nodes["is_leaf"].astype(bool)
        left, right = (np.where(leaf, own, first + nodes[side]) for side in ("left", "right"))
        thresholds = nodes["num_threshold"].tolist()
        return cls(
            context_days=1,
            n_values=fitted.n_features_in_,
            base=float(fitted._baseline_prediction.item()),
            roots=tuple(roots[:-1].tolist()),
            features=tuple(np.where(leaf, 0, nodes["feature_idx"]).tolist()),
            thresholds=tuple(None if cut == np.inf else cut for cut in thresholds),
            missing_left=tuple(nodes["missing_go_to_left"].astype(bool).tolist()),
            left=tuple(left.tolist()),
            right=tuple(right.tolist()),
            values=tuple(nodes["value"].tolist()),
        )

    def decide(self, windows: Float[np.ndarray, "window value"]) -> Float64[np.ndarray, " window"]:
        """Logits of windows whose values are gathered already; values may be missing (NaN)."""
        cuts = [np.inf if cut is None else cut for cut in self.thresholds]
        features, thresholds, values = map(np.array, (self.features, cuts, self.values))
        missing_left, left, right = map(np.array, (self.missing_left, self.left, self.right))
        rows, windows = np.arange(len(windows)), windows.astype(np.float64)
        logits = np.full(len(windows), self.base)
        for root in self.roots:
            node, before = np.full(len(windows), root), None
            # Leaves name themselves: once nothing moves any more, every window is in its leaf.
            while before is None or (node != before).any():
                before = node
                found = windows[rows, features[node]]
                goes_left = (found <= thresholds[node]) | (np.isnan(found) & missing_left[node])
                node = np.where(goes_left, left[node], right[node])
            logits += values[node]
        return logits

    @model_validator(mode="after")
    def _nodes_fit_each_other(self) -> BoostedTrees:
        n = len(self.values)
        columns = (self.features, self.thresholds, self.missing_left, self.left, self.right)
        if any(len(column) != n for column in columns):
            raise ValueError("every node must have all its parts")
        if any(feature >= self.n_values for feature in self.features):
            raise ValueError(f"nodes must ask about one of {self.n_values} values")
        if any(left >= right for left, right in pairwise((-1, *self.roots, n))):
            raise ValueError("the roots must rise")
        for node, sides in enumerate(zip(self.left, self.right, strict=True)):
            # Further down means that every window comes to a leaf.
            if sides != (node, node) and not all(node < side < n for side in sides):
                raise ValueError(f"what follows node {node} must stand further down")
        return self


AnySimpleModel = Annotated[LinearModel | SplineModel | BoostedTrees, Field(discriminator="kind")]
