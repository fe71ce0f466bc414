"""A rule judges values or says why it cannot; a width is solved once for each shape."""

from collections import Counter

import pytest

from phase6c.errors import ConfigError
from phase6c.space.budget import Budget
from phase6c.space.shapes import Broken, Rule, counted_shape, fitting_width, model_of

BUDGET = Budget(name="small", n_params=20_000, tolerance=0.1, width_step=4)
VALUES = {
    "n_layers": 2,
    "n_heads": 2,
    "d_ff_ratio": 2,
    "context_days": 16,
    "patch_days": 4,
    "learning_rate": 1e-3,
}


def count(model):
    return model.n_layers * (4 + 2 * model.d_ff_ratio) * model.d_model**2


def test_a_rule_that_fails_is_named_with_its_reason():
    rule = Rule("few layers", lambda values: values["n_layer"] < 3)
    with pytest.raises(ConfigError, match=r"'few layers' fails .*'n_layer'") as caught:
        rule.allows(VALUES)
    assert "n_layers" in caught.value.remedy


@pytest.mark.parametrize(
    ("holds", "names"),
    [
        (lambda v: v["n_layers"] > v["n_heads"], {"n_layers", "n_heads"}),
        (lambda v: v["n_layers"] > 5 and v["n_heads"] > 1, {"n_layers"}),
        (lambda v: v.get("n_heads", 0) > 5, {"n_heads"}),
        (lambda v: "nonsense" in v, set()),
        (lambda v: sum(v.values()) < 0, set(VALUES)),
        (lambda v: {**v}["n_layers"] > 5, set(VALUES)),
        (lambda v: len(v) == 0, set()),
    ],
)
def test_a_verdict_rests_on_the_values_that_were_looked_up(holds, names):
    assert Broken(Rule("some", holds), VALUES).names() == names


def test_a_given_width_fits_or_does_not():
    assert fitting_width(VALUES | {"d_model": 36}, BUDGET, count) == 36
    assert fitting_width(VALUES | {"d_model": 16}, BUDGET, count) is None
    assert fitting_width(VALUES | {"d_model": 17}, None, count) == 17


def test_a_missing_width_is_solved_from_the_budget():
    assert fitting_width(VALUES, BUDGET, count) == 36
    assert fitting_width(VALUES | {"n_layers": 1000}, BUDGET, count) is None


def test_heads_pooling_and_training_do_not_count():
    same = {"n_heads": 7, "pooling": "last", "dropout": 0.5, "learning_rate": 1.0}
    assert counted_shape(VALUES | same) == counted_shape(VALUES)
    for name in ("n_layers", "d_ff_ratio", "context_days", "patch_days", "d_model", "shortcut"):
        assert counted_shape(VALUES | {name: 99}) != counted_shape(VALUES)


def test_each_shape_is_counted_once_for_each_way_to_count():
    counted = Counter()

    def noting(model):
        counted[model] += 1
        return count(model)

    for n_heads in (1, 2, 3):
        assert fitting_width(VALUES | {"n_heads": n_heads}, BUDGET, noting) == 36
    once = counted.total()
    assert fitting_width(VALUES, BUDGET, lambda model: 2 * count(model)) == 24
    assert counted.total() == once
    assert fitting_width(VALUES | {"n_layers": 3}, BUDGET, noting) == 28
    assert counted.total() > once


def test_the_model_part_leaves_the_other_values_out():
    model = model_of(VALUES | {"d_model": 36})
    assert model.model_dump().items() >= {"d_model": 36, "n_layers": 2, "patch_days": 4}.items()
