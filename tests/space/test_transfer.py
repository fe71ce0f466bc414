"""A configuration of another space becomes the nearest feasible one of this."""

import math
from functools import partial

import numpy as np
import pytest

from phase6c.nn.model import count_parameters
from phase6c.space.axes import Grid, Int
from phase6c.space.references import REFERENCES
from phase6c.space.transfer import fit
from search_spaces import budget_2m, tiny

count = partial(count_parameters, n_features=30)
TINY = {
    "n_layers": 2,
    "d_model": 40,
    "n_heads": 4,
    "d_ff_ratio": 4,
    "context_days": 16,
    "patch_days": 4,
    "pooling": "last",
    "shortcut": False,
    "bins": 0,
    "auxiliary": "none",
    "half_life_days": "none",
    "dropout": 0.1,
    "weight_decay": 1e-3,
    "learning_rate": 1e-3,
}
JANUARY = REFERENCES["january_20m"].values


def test_a_configuration_of_the_space_itself_stays_as_it_is():
    stream = tiny.SPACE.stream(np.random.default_rng(0), count)
    for values in (next(stream) for _ in range(20)):
        assert fit(tiny.SPACE, values, count) == values


def test_the_width_meets_the_new_budget_and_the_rate_falls_with_it():
    values = fit(budget_2m.SPACE, TINY, count)
    assert budget_2m.SPACE.complete(values, count) == values
    assert values["d_model"] > 200
    scaled = TINY["learning_rate"] * TINY["d_model"] / values["d_model"]
    rates = budget_2m.SPACE.axes["learning_rate"].points
    assert values["learning_rate"] == min(rates, key=lambda rate: abs(math.log(rate / scaled)))
    kept = TINY.keys() - {"d_model", "learning_rate", "n_layers"}
    assert {name: values[name] for name in kept} == {name: TINY[name] for name in kept}


def test_what_lies_outside_an_axis_goes_to_its_edge():
    values = fit(tiny.SPACE, JANUARY | {"dropout": 0.9, "learning_rate": 1.0}, count)
    assert (values["n_layers"], values["dropout"], values["learning_rate"]) == (4, 0.7, 2e-3)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("dropout", 0.24, 0.2),
        ("dropout", 0.02, 0.0),
        ("weight_decay", 0.0, 0.0),
        ("weight_decay", 1e-9, 1e-5),
        ("weight_decay", 4e-4, 1e-3),
        ("learning_rate", 2.5e-5, 5e-5),
        ("n_heads", 3, 2),
        ("half_life_days", 1400, 1500),
        ("half_life_days", "none", "none"),
        ("half_life_days", 100_000, 3000),
    ],
)
def test_a_value_between_two_goes_to_the_nearer_on_its_own_scale(name, value, expected):
    assert fit(tiny.SPACE, TINY | {name: value}, count)[name] == expected


def test_ranges_keep_the_value_and_clip_it():
    ranged = tiny.SPACE.as_ranges()
    values = fit(ranged, TINY | {"dropout": 0.123, "weight_decay": 0.0}, count)
    assert (values["dropout"], values["weight_decay"]) == (0.123, 0.0)
    assert fit(ranged, TINY | {"weight_decay": 7.0}, count)["weight_decay"] == 0.3


def test_heads_that_do_not_divide_the_width_are_replaced_first():
    heads_only = tiny.SPACE.pin("d_model", 40)
    values = fit(heads_only, TINY | {"n_heads": 16}, count)
    assert values == TINY | {"n_heads": 8}


def test_pinned_values_stay_pinned():
    pinned = tiny.SPACE.pin("learning_rate", 1e-4).pin("n_layers", 1)
    values = fit(pinned, TINY, count)
    assert (values["learning_rate"], values["n_layers"]) == (1e-4, 1)


def test_what_is_not_told_or_makes_no_sense_has_its_default_or_is_drawn_always_alike():
    poor = TINY | {"pooling": "max", "n_layers": "two", "dropout": None, "context_days": [16]}
    poor = {name: value for name, value in poor.items() if name not in ("bins", "half_life_days")}
    values = fit(tiny.SPACE, poor, count)
    assert (values["pooling"], values["dropout"]) == ("mean", 0.1)
    assert (values["bins"], values["half_life_days"]) == (0, "none")
    assert tiny.SPACE.complete(values, count) == values
    assert values == fit(tiny.SPACE, poor, count)
    assert values["weight_decay"] == TINY["weight_decay"]


def test_without_a_width_the_rate_stays():
    told = {name: value for name, value in TINY.items() if name != "d_model"}
    assert fit(budget_2m.SPACE, told, count)["learning_rate"] == TINY["learning_rate"]


def test_a_space_with_nothing_feasible_nearby_has_no_fit():
    far = tiny.SPACE.pin("d_model", 16).pin("bins", 0)
    axes = {"n_layers": Int.of(1, 60), "dropout": Grid.of(0.1)}
    assert fit(type(far)("far", {**far.axes, **axes}, far.budget, far.fixed), TINY, count) is None
