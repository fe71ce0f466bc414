"""A sampler's raw value and the field's value turn into each other without loss."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from phase6c.errors import ConfigError
from phase6c.space.axes import (
    Axis,
    Categories,
    Choice,
    Continuous,
    Float,
    Grid,
    Int,
    Steps,
    ZeroOr,
    draws,
    sample,
)

numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e3, 1e3))
grids = st.lists(numbers, min_size=1, max_size=9, unique=True).map(lambda values: Grid.of(*values))
choices = st.lists(st.sampled_from(["mean", "last", True, 3.5]), min_size=1, unique=True).map(
    lambda values: Choice.of(*values)
)
ints = st.tuples(st.integers(-50, 50), st.integers(0, 50)).map(
    lambda ends: Int.of(ends[0], sum(ends))
)


@st.composite
def floats(draw):
    log = draw(st.booleans())
    low = float(f"{draw(st.floats(1e-7, 10)):.6g}")
    high = float(f"{low * draw(st.floats(1.1, 1e4)):.6g}")
    assume(low < high)
    return Float.of(low, high, log=log)


axes = st.one_of(grids, choices, ints, floats(), floats().map(ZeroOr.of))


@given(axis=axes, seed=st.integers(0, 1000))
def test_what_is_drawn_lies_in_the_axis_and_survives_encoding(axis, seed):
    value = sample(axis, np.random.default_rng(seed))
    assert axis.contains(value)
    assert axis.decode(axis.encode(value)) == value


@given(axis=axes)
def test_edges_and_points_lie_in_the_axis_and_survive_encoding(axis):
    for value in (*(axis.edges or ()), *(axis.points or ())):
        assert axis.contains(value)
        assert axis.decode(axis.encode(value)) == value


@given(axis=axes)
def test_an_axis_survives_json(axis):
    adapter = TypeAdapter(Axis)
    assert adapter.validate_json(adapter.dump_json(axis)) == axis


@given(ranged=floats().map(ZeroOr.of), raws=st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_zero_lies_below_the_range_in_one_order(ranged, raws):
    low, high = sorted(raws)
    assert ranged.decode(low) <= ranged.decode(high)
    assert ranged.encode(0.0) < ranged.encode(ranged.values.low) < ranged.encode(ranged.values.high)


def test_zero_has_a_share_of_its_own():
    axis = ZeroOr.of(Float.of(1e-5, 0.1, log=True))
    rng = np.random.default_rng(0)
    values = np.array([sample(axis, rng) for _ in range(4000)])
    assert (values == 0).mean() == pytest.approx(0.1, abs=0.02)
    assert np.median(values[values > 0]) == pytest.approx(1e-3, rel=0.3)


def test_a_logarithmic_range_is_drawn_evenly_over_its_decades():
    axis = Float.of(1e-6, 1e-2, log=True)
    rng = np.random.default_rng(0)
    decades = [math.floor(math.log10(sample(axis, rng))) for _ in range(4000)]
    shares = np.bincount(np.array(decades) + 6) / 4000
    assert shares == pytest.approx([0.25] * 4, abs=0.03)


def test_values_of_a_range_have_six_digits():
    assert Float.of(0, 1).decode(0.123456789) == 0.123457
    assert Float.of(0, 0.1234567).decode(0.12345671) == 0.1234567


@given(axis=axes, seed=st.integers(0, 1000))
def test_one_draw_is_the_first_of_one(axis, seed):
    (drawn,) = draws(axis, np.random.default_rng(seed), 1)
    assert sample(axis, np.random.default_rng(seed)) == drawn


@pytest.mark.parametrize("axis", [Grid.of(1, 2, 4, 8), Choice.of("a", "b", "c", "d"), Int.of(3, 6)])
def test_every_value_is_drawn_equally_often(axis):
    drawn = draws(axis, np.random.default_rng(0), 8000)
    shares = [drawn.count(value) / 8000 for value in axis.points]
    assert shares == pytest.approx([0.25] * 4, abs=0.02)


def test_numbers_of_a_grid_ascend_and_words_stay_as_they_are():
    assert Grid.of(0.5, 0.0, 0.1) == Grid.of(0.0, 0.1, 0.5)
    assert Grid.of(0.5, 0.0, 0.1).edges == (0.0, 0.5)
    assert Grid.of("float32", "bfloat16").edges == ("float32", "bfloat16")


def test_the_points_of_a_wide_axis_are_not_listed():
    axis = Int.of(1, 10**12)
    assert len(axis.points) == 10**12
    assert axis.points[-1] == 10**12


def test_samplers_see_an_order_where_there_is_one():
    assert Grid.of(0.1, 0.5, 0.7).domain == Steps(3)
    assert Int.of(4, 16).domain == Steps(13)
    assert Choice.of("mean", "last").domain == Categories(("mean", "last"))
    assert Float.of(1, 2, log=True).domain == Continuous(1, 2, True)
    assert ZeroOr.of(Float.of(1, 2)).domain == Continuous(0, 1)


@pytest.mark.parametrize(
    ("axis", "outside"),
    [
        (Grid.of(1, 2), 3),
        (Choice.of("mean"), "last"),
        (Int.of(1, 4), 0),
        (Int.of(1, 4), 2.5),
        (Float.of(0.1, 0.5), 0.6),
        (Float.of(0.1, 0.5), "0.2"),
        (ZeroOr.of(Float.of(0.1, 0.5)), 0.05),
    ],
)
def test_what_an_axis_cannot_take_is_not_in_it(axis, outside):
    assert not axis.contains(outside)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: Int.of(3, 2), "low must not be above high"),
        (lambda: Float.of(2, 2), "found: low must be below high"),
        (lambda: Float.of(0, 2, log=True), "positive if log"),
        (lambda: Float.of(0, math.inf), "finite"),
        (lambda: Int.of(1, 2.5), "whole number"),
        (lambda: ZeroOr.of(Float.of(0, 1)), "must lie above zero"),
        (Grid.of, r"found: values must not be empty\. "),
        (Choice.of, r"found: values must not be empty\. "),
        (lambda: Grid.of(0.1, 0.2, 0.1), "named once"),
        (lambda: Choice.of(True, 1), "named once"),
        (lambda: Grid.of([0.1, 0.2]), r"found: values\.0 must be [^;]* or a text\. "),
        (lambda: ZeroOr.of(0.1), "values must be a dictionary or a Float"),
    ],
)
def test_what_cannot_be_an_axis_is_refused(make, rule):
    with pytest.raises(ConfigError, match=rule):
        make()
