"""Draws are feasible and uniform however rare that is; an empty space says why it is empty."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from phase6c.errors import ConfigError
from phase6c.space.budget import Budget
from phase6c.space.space import Choice, Float, Grid, Int, Rule, Space

SHORT = Rule("at most 8 tokens", lambda v: v["context_days"] // v["patch_days"] <= 8)
SPACE = Space(
    name="some",
    axes={
        "n_layers": Int.of(1, 4),
        "n_heads": Grid.of(2, 3, 16),
        "patch_days": Grid.of(1, 2, 3, 4),
        "dropout": Grid.of(0.0, 0.1, 0.5),
    },
    budget=Budget(name="small", n_params=20_000, tolerance=0.1, width_step=4),
    fixed={"d_ff_ratio": 2, "context_days": 16, "learning_rate": 1e-3},
    rules=(SHORT,),
)
WIDE = Space(
    name="wide",
    axes={
        "d_model": Int.of(1001, 4000),
        "n_layers": Int.of(1, 100),
        "learning_rate": Float.of(1e-5, 1e-3, log=True),
    },
    fixed={"n_heads": 2, "d_ff_ratio": 2, "context_days": 16, "patch_days": 2},
)


def count(model):
    return model.n_layers * (4 + 2 * model.d_ff_ratio) * model.d_model**2


def drawn(space, n, seed=0):
    return list(itertools.islice(space.stream(np.random.default_rng(seed), count), n))


def identity(values):
    return tuple(sorted(values.items()))


def feasible(space):
    return {identity(one) for point in space.points() if (one := space.complete(point, count))}


def refusal(space):
    with pytest.raises(ConfigError, match=f"The space {space.name} must hold a feasible") as caught:
        space.sample(np.random.default_rng(0), count)
    return caught.value.value


@pytest.mark.parametrize("n", [9_000, 30_000], ids=["drawn", "walked"])
def test_every_feasible_point_is_drawn_equally_often(n):
    counts = Counter(map(identity, drawn(SPACE, n)[-9_000:]))
    expected = feasible(SPACE)
    assert counts.keys() == expected
    shares = np.array(list(counts.values())) * len(expected) / 9_000
    assert shares == pytest.approx(np.ones(len(expected)), abs=0.35)


def test_one_sample_is_the_first_of_the_stream():
    assert SPACE.sample(np.random.default_rng(3), count) == drawn(SPACE, 1, seed=3)[0]


def test_the_seed_decides_the_stream():
    assert drawn(SPACE, 20, seed=1) == drawn(SPACE, 20, seed=1) != drawn(SPACE, 20, seed=2)


def test_what_is_drawn_is_not_shared():
    only = replace(SPACE, rules=(SHORT, Rule("no dropout", lambda v: v["dropout"] == 0)))
    for values in itertools.islice(only.stream(np.random.default_rng(0), count), 12_000):
        assert "mine" not in values
        values["mine"] = True


def test_a_space_without_axes_has_one_configuration():
    pinned = SPACE.pin("n_layers", 2).pin("n_heads", 2).pin("patch_days", 4).pin("dropout", 0.1)
    assert pinned.axes == {}
    assert drawn(pinned, 3) == 3 * [dict(pinned.fixed) | {"d_model": 36}]


@pytest.mark.parametrize(
    "rare",
    [
        pytest.param(
            lambda v: v["context_days"] == v["batch_size"] == 61 and v["n_layers"] == 17,
            marks=pytest.mark.slow,
        ),
        lambda v: v["context_days"] == 61 and v["n_layers"] == 17,
    ],
    ids=["any fields", "shape alone"],
)
def test_one_point_in_a_million_is_found(rare):
    axes = {
        "n_layers": Int.of(1, 20),
        "context_days": Int.of(1, 128),
        "patch_days": Int.of(1, 4),
        "batch_size": Int.of(1, 100),
    }
    fixed = {"n_heads": 2, "d_ff_ratio": 2, "d_model": 16, "learning_rate": 1e-3}
    batch = Rule("batch", lambda v: v["batch_size"] == 61)
    space = Space(name="rare", axes=axes, fixed=fixed, rules=(Rule("rare", rare), batch))
    assert space.n_points() > 1e6
    only = {"n_layers": 17, "context_days": 61, "patch_days": 1, "batch_size": 61}
    assert drawn(space, 2) == 2 * [fixed | only]


def test_a_rare_shape_is_found_beside_a_continuous_axis():
    layers = Rule("layers", lambda v: v["n_layers"] == 77 and v["d_model"] == 1018)
    space = replace(WIDE, axes=WIDE.axes | {"d_model": Int.of(1001, 1200)}, rules=(layers,))
    values = drawn(space, 5)
    assert {(one["n_layers"], one["d_model"]) for one in values} == {(77, 1018)}
    assert len({one["learning_rate"] for one in values}) == 5


def test_an_empty_grid_names_every_rule_with_the_values_it_looked_up():
    said = refusal(SPACE.pin("n_heads", 16).pin("patch_days", 1))
    assert "none in 4 shapes" in said
    assert "n_heads divides d_model (n_heads = 16, d_model from the budget) forbids" in said
    assert "at most 8 tokens (context_days = 16, patch_days = 1) forbids" in said


def test_a_budget_that_nothing_meets_names_what_the_count_depends_on():
    said = refusal(SPACE.pin("n_layers", 200))
    assert "within the budget 20,000 ± 10% (" in said
    for held in ("d_ff_ratio = 2", "n_layers = 200", "patch_days in 1, 2, 3, 4"):
        assert held in said
    assert "dropout" not in said


def test_rules_on_any_field_are_judged_on_the_whole_grid():
    never = Rule("low dropout", lambda v: v["dropout"] < 0)
    said = refusal(replace(SPACE, rules=(SHORT, never)))
    assert "none in 48 shapes" in said
    assert "low dropout (dropout in 0.0, 0.1, 0.5) forbids" in said


def test_beside_a_continuous_axis_an_empty_space_is_known_from_draws():
    never = Rule("low dropout", lambda v: v["dropout"] < 0)
    said = refusal(replace(SPACE, rules=(never,)).as_ranges())
    assert "none in 48 shapes and 10,000 draws" in said
    assert "low dropout (dropout from 0.0 to 0.5) forbids 10,000" in said


def test_too_many_shapes_to_walk_are_judged_by_draws():
    said = refusal(WIDE.pin("n_heads", 4099))
    assert said == (
        "none in 10,000 draws: n_heads divides d_model"
        " (n_heads = 4099, d_model from 1001 to 4000) forbids 10,000"
    )
    assert len(WIDE.shapes(count)) > 1000


def test_values_without_an_order_are_named_one_by_one():
    never = Rule("other pooling", lambda v: v["pooling"] not in ("mean", "last"))
    axes = SPACE.axes | {"pooling": Choice.of("mean", "last")}
    assert "pooling in mean, last" in refusal(replace(SPACE, axes=axes, rules=(never,)))
