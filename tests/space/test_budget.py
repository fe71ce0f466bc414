"""A budget is met by the width whose count comes nearest, or not at all."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phase6c.errors import ConfigError
from phase6c.space.budget import Budget

WIDEST = 400


def budget(n_params=1000, **fields):
    return Budget(name="some", n_params=n_params, **fields)


@pytest.mark.parametrize(
    ("n_params", "inside"), [(1000, True), (950, True), (1050, True), (949, False), (1051, False)]
)
def test_the_tolerance_includes_its_ends(n_params, inside):
    assert budget(tolerance=0.05).contains(n_params) is inside


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"n_params": "2M"}, "n_params must be a whole number (found '2M')"),
        ({"n_params": -3}, "n_params must be greater than 0 (found -3)"),
        ({"n_params": 1000, "tolerence": 0.1}, "did you mean tolerance?"),
        ({}, "n_params must be given"),
    ],
)
def test_what_cannot_be_a_budget_is_refused_in_plain_words(fields, said):
    with pytest.raises(ConfigError) as caught:
        Budget(name="some", **fields)
    assert said in str(caught.value)
    assert "http" not in str(caught.value)


def test_a_budget_is_the_same_after_json():
    some = budget(tolerance=0.1)
    assert Budget.model_validate_json(some.model_dump_json()) == some


@given(
    n_params=st.integers(10, 1_000_000),
    n_layers=st.integers(1, 24),
    step=st.sampled_from([1, 8, 16]),
    tolerance=st.floats(0.01, 0.3),
)
def test_no_other_width_comes_nearer(n_params, n_layers, step, tolerance):
    def count(width):
        return 40 * width + 12 * n_layers * width**2

    assume(count(WIDEST * step) > n_params)
    some = budget(n_params, width_step=step, tolerance=tolerance)
    widths = range(step, (WIDEST + 1) * step, step)
    nearest = min(widths, key=lambda width: abs(count(width) - n_params))
    expected = nearest if some.contains(count(nearest)) else None
    assert some.solve_width(count) == expected


def test_a_budget_says_what_it_allows():
    assert budget(2_000_000, tolerance=0.05).text == "2,000,000 ± 5%"


def test_a_budget_that_no_width_meets_has_none():
    assert budget(1000, tolerance=0.1).solve_width(lambda width: 10_000 + width) is None
    assert budget(1000, tolerance=0.01, width_step=16).solve_width(lambda width: width**2) is None
