"""Simple models predict from plain numbers what scikit-learn does, and refuse other numbers."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.interpolate import BSpline
from sklearn.ensemble import HistGradientBoostingClassifier

from phase6c.statistics.simple_models import (
    AnySimpleModel,
    BoostedTrees,
    LinearModel,
    SplineModel,
    windows_of,
)

STORED = TypeAdapter(AnySimpleModel)
TREES = {
    "base": 0.5,
    "roots": [0],
    "features": [1, 0, 0],
    "thresholds": [None, 0.0, 0.0],
    "missing_left": [False, False, False],
    "left": [1, 1, 2],
    "right": [2, 1, 2],
    "values": [0.0, 1.0, 2.0],
}


def stored(model):
    """The model after a way through a file."""
    return STORED.validate_json(json.dumps(model.model_dump(mode="json"), allow_nan=False))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(60, 400),
    missing=st.sampled_from([0.0, 0.1, 0.6]),
    depth=st.sampled_from([None, 1, 3]),
    leaves=st.sampled_from([2, 8, None]),
    early=st.booleans(),
    single=st.booleans(),
)
def test_trees_predict_what_scikit_learn_does(seed, n_rows, missing, depth, leaves, early, single):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, 4)).astype(np.float32 if single else np.float64)
    rows[:, 1] = rng.integers(3, size=n_rows)
    rows[rng.random(rows.shape) < missing] = np.nan
    # A column that is missing or not: its threshold is without end.
    rows[:, 3] = np.where(rng.random(n_rows) < 0.5, np.nan, 1.0)
    y = np.nansum(rows, axis=1) + np.isnan(rows[:, 3]) + rng.normal(size=n_rows) > 1
    fitted = HistGradientBoostingClassifier(
        max_iter=12,
        max_depth=depth,
        max_leaf_nodes=leaves,
        min_samples_leaf=5,
        early_stopping=early,
        n_iter_no_change=2,
        random_state=seed,
    ).fit(rows, y)
    asked = np.concatenate([rows, rng.normal(size=(50, 4)), np.full((1, 4), np.nan)])
    asked = np.concatenate([asked, np.full((1, 4), np.inf), np.full((1, 4), -np.inf)])
    found = stored(BoostedTrees.of(fitted)).decide(asked)
    np.testing.assert_allclose(found, fitted.decision_function(asked), rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), context_days=st.integers(1, 4))
def test_a_linear_model_adds_up_its_windows_day_after_day(seed, context_days):
    rng = np.random.default_rng(seed)
    panel = rng.normal(size=(30, 3)).astype(np.float32)
    ends = rng.integers(context_days - 1, 30, size=20)
    days = rng.normal(size=(context_days, 3))
    model = LinearModel(
        context_days=context_days, n_values=3 * context_days, intercept=0.3,
        coefficients=tuple(days.ravel().tolist()),
    )  # fmt: skip
    expected = [0.3 + (panel[end + 1 - context_days : end + 1] * days).sum() for end in ends]
    np.testing.assert_allclose(stored(model).logits(panel, ends), expected, rtol=0, atol=1e-12)
    assert stored(model) == model


def curve(knots, coefficients):
    """A spline of a single value."""
    return SplineModel(
        context_days=1, n_values=1, intercept=0.5, knots=(knots,), coefficients=(coefficients,)
    )


@given(seed=st.integers(0, 10_000), n_inside=st.integers(0, 4))
def test_a_curve_is_scipy_s_between_its_ends_and_constant_beyond(seed, n_inside):
    rng = np.random.default_rng(seed)
    inside = np.sort(rng.normal(size=n_inside + 2))
    knots = np.pad(inside, 3, mode="edge")
    coefficients = rng.normal(size=n_inside + 4)
    model = stored(curve(tuple(knots.tolist()), tuple(coefficients.tolist())))
    values = rng.normal(scale=3, size=(200, 1)).astype(np.float32)
    expected = BSpline(knots, coefficients, 3)(np.clip(values[:, 0], *inside[[0, -1]]))
    np.testing.assert_allclose(model.decide(values), 0.5 + expected, atol=1e-12)


@pytest.mark.parametrize(
    ("knots", "coefficients"),
    [((0.0,) * 4 + (1.0,) * 4, (1.0,) * 3), ((1.0,) * 4 + (0.0,) * 4, (1.0,) * 4), ((0.0,), ())],
)
def test_a_curve_that_is_not_whole_is_refused(knots, coefficients):
    with pytest.raises(ValidationError, match="knots in rising order"):
        curve(knots, coefficients)


def test_parts_of_the_rows_are_predicted_like_all_of_them(monkeypatch):
    panel = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    model = LinearModel(context_days=2, n_values=4, intercept=0.0, coefficients=(1, 2, 3, 4))
    ends = np.arange(1, 50)
    whole = model.logits(panel, ends)
    monkeypatch.setattr("phase6c.statistics.simple_models.MAX_PART_VALUES", 28)
    np.testing.assert_array_equal(model.logits(panel, ends), whole)
    assert windows_of(panel, ends, 2).shape == (49, 4)
    assert model.logits(panel, ends[:0]).shape == (0,)


def test_infinity_goes_left_where_all_numbers_do():
    model = BoostedTrees(context_days=1, n_values=2, **TREES)
    found = model.decide(np.array([[0.0, np.inf], [0.0, 1e300], [0.0, np.nan]]))
    np.testing.assert_array_equal(found, [1.5, 1.5, 2.5])


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"values": [0.0, 1.0]}, "all its parts"),
        ({"features": [2, 0, 0]}, "one of 2 values"),
        ({"left": [0, 1, 2]}, "further down"),
        ({"right": [3, 1, 2]}, "further down"),
        ({"roots": [1, 0]}, "roots must rise"),
        ({"roots": [3]}, "roots must rise"),
        ({"thresholds": [float("nan"), 0.0, 0.0]}, "finite"),
    ],
)
def test_trees_that_lead_nowhere_are_refused(changes, rule):
    with pytest.raises(ValidationError, match=rule):
        BoostedTrees(context_days=1, n_values=2, **(TREES | changes))


def test_too_few_coefficients_are_refused():
    with pytest.raises(ValidationError, match="must be 3 coefficients, found 2"):
        LinearModel(context_days=1, n_values=3, intercept=0.0, coefficients=(1.0, 2.0))


def test_no_scikit_learn_is_needed_to_predict():
    code = "import sys, phase6c.statistics.simple_models; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
