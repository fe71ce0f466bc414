"""A space hands out what keeps all of its rules, and nothing else."""

import math
import re
from functools import partial
from itertools import islice

import numpy as np
import pytest

from phase6c.config import TrialConfig
from phase6c.errors import ConfigError
from phase6c.nn.model import count_parameters
from phase6c.space.budget import Budget
from phase6c.space.space import Choice, Float, Grid, Int, Rule, Space, ZeroOr, model_of

SHORT = Rule("at most 8 tokens", lambda v: v["context_days"] // v["patch_days"] <= 8)
FIXED = {"d_ff_ratio": 2, "context_days": 16, "learning_rate": 1e-3}


def count(model):
    return model.n_layers * (4 + 2 * model.d_ff_ratio) * model.d_model**2


def space(**fields):
    axes = {
        "n_layers": Int.of(1, 4),
        "n_heads": Grid.of(2, 3, 16),
        "patch_days": Grid.of(1, 2, 3, 4),
        "dropout": Grid.of(0.0, 0.1, 0.5),
    }
    budget = Budget(name="small", n_params=20_000, tolerance=0.1, width_step=4)
    whole = {"axes": axes, "budget": budget, "fixed": FIXED, "rules": (SHORT,)}
    return Space(name="some", **(whole | fields))


def test_every_sample_keeps_every_rule():
    some = space()
    rng = np.random.default_rng(0)
    for _ in range(300):
        values = some.sample(rng, count)
        model = model_of(values)
        assert some.budget.contains(count(model))
        assert model.d_model % 4 == model.d_model % model.n_heads == 0
        assert SHORT.holds(values)
        assert values.items() >= FIXED.items()


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"patch_days": 3}, "patch_days divides context_days"),
        ({"patch_days": 1}, "at most 8 tokens"),
        ({"n_heads": 16}, "n_heads divides d_model"),
        ({"n_layers": 200}, "the parameter count is within the budget 20,000 ± 10%"),
    ],
)
def test_an_infeasible_configuration_is_told_by_the_rule_it_breaks(values, rule):
    sound = {**FIXED, "n_layers": 2, "n_heads": 2, "patch_days": 4, "dropout": 0.0}
    assert space().complete(sound, count) == sound | {"d_model": 36}
    assert space().complete(sound | values, count) is None
    pinned = space()
    for name, value in (sound | values).items():
        pinned = pinned.pin(name, value)
    # Of a space of this configuration alone, the message names what forbids it, and no other rule.
    with pytest.raises(ConfigError, match=rf"1 shapes: {re.escape(rule)} \([^;]*\) forbids"):
        pinned.sample(np.random.default_rng(0), count)


@pytest.mark.parametrize("patch_days", [1, 3, 4])
def test_judging_leaves_the_values_as_they_are(patch_days):
    values = {"n_layers": 2, "n_heads": 2, "patch_days": patch_days, "dropout": 0.0}
    before = dict(values)
    space().complete(values, count)
    assert values == before


def test_a_solved_width_replaces_one_that_is_brought_along():
    values = {"n_layers": 2, "n_heads": 2, "patch_days": 4, "dropout": 0.0, "d_model": 4}
    assert space().complete(values, count)["d_model"] == 36


def test_an_empty_space_names_the_rules_that_collide():
    empty = space().pin("n_heads", 16).pin("patch_days", 1)
    with pytest.raises(ConfigError, match="n_heads divides d_model") as caught:
        empty.sample(np.random.default_rng(0), count)
    assert "at most 8 tokens" in str(caught.value)
    assert "Free one of the pinned values" in str(caught.value)


def test_a_pin_leaves_the_axes():
    some = space()
    pinned = some.pin("n_layers", 2)
    assert "n_layers" not in pinned.axes
    assert pinned.sample(np.random.default_rng(0), count)["n_layers"] == 2
    assert pinned.n_points() == some.n_points() / 4
    assert "n_layers" in some.axes


def test_a_pinned_width_must_still_be_in_the_budget():
    some = space()
    solved = some.sample(np.random.default_rng(0), count)
    pinned = some.pin("d_model", solved["d_model"])
    rng = np.random.default_rng(1)
    assert {pinned.sample(rng, count)["d_model"] for _ in range(20)} == {solved["d_model"]}
    with pytest.raises(ConfigError, match="within the budget"):
        some.pin("d_model", 16).sample(rng, count)


def test_a_name_that_is_no_field_is_refused():
    with pytest.raises(ConfigError, match="Did you mean n_layers"):
        space().pin("n_layer", 2)
    with pytest.raises(ConfigError, match="horizon_days"):
        space(fixed=FIXED | {"horizon_days": 3})


def test_missing_fields_are_named_all_at_once():
    with pytest.raises(ConfigError, match="The space some must have an axis or a fixed") as caught:
        space(fixed={"d_ff_ratio": 2}, budget=None)
    assert caught.value.value == "none for context_days, d_model, learning_rate"
    assert "d_model is solved" in caught.value.remedy


def test_a_field_is_an_axis_or_fixed():
    with pytest.raises(ConfigError, match="an axis or fixed, not both; found: dropout, n_heads"):
        space(fixed=FIXED | {"n_heads": 2, "dropout": 0.1})


@pytest.mark.parametrize(
    ("name", "axis", "found"),
    [
        ("dropout", Grid.of(0.1, 1.5), "dropout.1 must be less than 1 .found 1.5"),
        ("n_heads", Grid.of(2, 0), "n_heads.0 must be at least 1 .found 0"),
        ("pooling", Choice.of("mean", "max"), "pooling.1 must be 'mean' or 'last' .found 'max'"),
        (
            "weight_decay",
            ZeroOr.of(Float.of(1, 11)),
            "weight_decay.1 must be at most 10 .found 11.0",
        ),
        ("n_layers", Float.of(1, 4), "n_layers.0 must be a whole number .found 1.0"),
        ("n_layers", Choice.of("2", 3), "n_layers.0 must be a whole number .found '2'"),
        ("patch_days", Int.of(1, 10**12), "patch_days.1 must be at most 16 .found 1000000000000"),
        ("batch_size", Int.of(0, 64), "batch_size.0 must be at least 1 .found 0"),
    ],
)
def test_a_value_that_its_field_cannot_take_is_refused(name, axis, found):
    with pytest.raises(ConfigError, match=f"Every value of the space some must .*{found}"):
        space(axes={**space().axes, name: axis})


def test_a_fixed_value_and_a_pin_are_checked_as_well():
    found = "learning_rate.0 must be greater than 0 .found 0"
    with pytest.raises(ConfigError, match=found):
        space(fixed=FIXED | {"learning_rate": 0})
    with pytest.raises(ConfigError, match=found):
        space().pin("learning_rate", 0)


def test_all_unusable_values_are_named_at_once():
    with pytest.raises(ConfigError, match=r"n_heads\.0 must .*; learning_rate\.0 must "):
        space(axes=space().axes | {"n_heads": Int.of(0, 2)}, fixed=FIXED | {"learning_rate": 2})


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"axes": {"n_layers": [1, 2]}}, "axis n_layers .*AxisBase; found: .1, 2."),
        ({"axes": [Int.of(1, 2)]}, "axes .*Mapping"),
        ({"rules": SHORT}, "rules .*tuple; .* is a tuple of one"),
        ({"rules": (SHORT.holds,)}, "rule .*Rule"),
        ({"budget": 20_000}, "budget .*Budget; found: 20000"),
    ],
)
def test_a_part_of_another_kind_is_refused(fields, found):
    with pytest.raises(ConfigError, match=f"The {found}"):
        space(**fields)


def test_a_rule_on_an_unknown_name_is_named():
    broken = Rule("few layers", lambda v: v["n_layer"] < 3)
    with pytest.raises(ConfigError, match=r"'few layers' fails .*'n_layer'"):
        space(rules=(broken,)).sample(np.random.default_rng(0), count)


def test_without_a_budget_the_width_is_an_axis():
    with pytest.raises(ConfigError, match="none for d_model"):
        space(budget=None)
    axes = {**space().axes, "d_model": Grid.of(32, 48)}
    free = space(budget=None, axes=axes)
    widths = {free.sample(np.random.default_rng(seed), count)["d_model"] for seed in range(20)}
    assert widths == {32, 48}


def test_points_are_the_whole_grid_each_once():
    some = space()
    points = [tuple(point.values()) for point in some.points()]
    assert len(points) == len(set(points)) == some.n_points() == 4 * 3 * 4 * 3


def test_a_continuous_axis_has_no_countable_points():
    ranged = space().as_ranges()
    assert ranged.n_points() == math.inf
    assert list(ranged.points()) == []


def test_ranges_span_the_grids_and_keep_zero():
    axes = {
        "n_layers": Int.of(1, 4),
        "dropout": Grid.of(0.5, 0.0, 0.1),
        "weight_decay": Grid.of(0.0, 1e-4, 0.3),
        "learning_rate": Grid.of(1e-5, 1e-3),
        "clip_norm": Grid.of(0.5, 1.0),
        "pooling": Choice.of("mean", "last"),
    }
    fixed = {"n_heads": 2, "d_ff_ratio": 2, "context_days": 16, "patch_days": 2}
    ranged = space(axes=axes, fixed=fixed).as_ranges().axes
    assert ranged["dropout"] == Float.of(0.0, 0.5)
    assert ranged["weight_decay"] == ZeroOr.of(Float.of(1e-4, 0.3, log=True))
    assert ranged["learning_rate"] == Float.of(1e-5, 1e-3, log=True)
    for untouched in ("n_layers", "clip_norm", "pooling"):
        assert ranged[untouched] == axes[untouched]


@pytest.mark.parametrize(
    ("name", "axis"),
    [
        ("dropout", Grid.of(0.1)),
        ("dropout", Grid.of(0.0)),
        ("weight_decay", Grid.of(0.0)),
        ("weight_decay", Grid.of(0.0, 0.1)),
        ("weight_decay", Choice.of(0.1, 0.2)),
        ("weight_decay", Float.of(0.1, 0.2)),
    ],
)
def test_what_spans_no_range_stays_as_it_is(name, axis):
    assert space(axes=space().axes | {name: axis}).as_ranges().axes[name] == axis


def test_zero_and_one_value_are_a_range_where_the_scale_is_linear():
    axes = space().axes | {"dropout": Grid.of(0.0, 0.1)}
    assert space(axes=axes).as_ranges().axes["dropout"] == Float.of(0.0, 0.1)


def test_shapes_are_the_feasible_ones_with_their_counts():
    some = space()
    shapes = some.shapes(count)
    assert len({(model.n_layers, model.patch_days) for model, _ in shapes}) == len(shapes)
    for model, n_params in shapes:
        assert n_params == count(model)
        assert some.budget.contains(n_params)
        assert 16 // model.patch_days <= 8


def test_the_digest_follows_what_is_searched():
    some = space()
    assert some.digest() == space().digest()
    for other in (some.pin("n_layers", 2), some.as_ranges(), space(rules=())):
        assert other.digest() != some.digest()


def test_every_part_of_a_model_can_be_searched():
    axes = {
        "n_layers": Int.of(1, 2),
        "bins": Grid.of(0, 6, 12),
        "auxiliary": Choice.of("none", "range"),
        "members": Grid.of(1, 4),
        "half_life_days": Grid.of(750, 1500, 3000, "none"),
    }
    fixed = {"n_heads": 2, "patch_days": 1, "context_days": 4, "d_ff_ratio": 2}
    budget = Budget(name="small", n_params=20_000, tolerance=0.2, width_step=2)
    some = space(axes=axes, fixed=fixed | {"learning_rate": 1e-3}, budget=budget)
    exactly = partial(count_parameters, n_features=5)
    assert Space.from_description(some.describe()).axes == some.axes
    drawn = list(islice(some.stream(np.random.default_rng(0), exactly), 200))
    for name, axis in axes.items():
        assert {values[name] for values in drawn} == set(axis.points)
    for values in drawn:
        config = TrialConfig.from_flat(values)
        assert budget.contains(exactly(config.model))
        assert config.train.half_life_days == values["half_life_days"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("half_life_days", 0), ("half_life_days", "never"), ("bins", 6.0), ("auxiliary", "ladder")],
)
def test_a_part_that_there_is_not_is_no_axis(name, value):
    with pytest.raises(ConfigError, match=name):
        space(axes=space().axes | {name: Grid.of(value)})
