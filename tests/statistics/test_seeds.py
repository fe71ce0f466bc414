"""The interval of an ensemble counts in that other seeds would have given another ensemble."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.logits import ensemble
from phase6c.statistics.seeds import for_other_seeds, without_each

# A figure may lie outside of its interval over days.
FINITE, SIDES = st.floats(-5, 5), st.floats(-0.5, 3)


def covers(n_seeds: int, of_days: float, of_seeds: float, rng: np.random.Generator) -> bool:
    """Whether the interval of a mean over seeds, on days of their own, holds 0."""
    figures = of_seeds * rng.normal(size=n_seeds) + of_days * rng.normal()
    value = figures.mean()
    over_days = Estimate(value=value, low=value - 1.96 * of_days, high=value + 1.96 * of_days)
    without = [np.delete(figures, seed).mean() for seed in range(n_seeds)]
    found = for_other_seeds(over_days, np.array(without))
    return found.low <= 0 <= found.high


@pytest.mark.parametrize(("n_seeds", "least"), [(2, 0.85), (3, 0.9), (5, 0.92)])
@pytest.mark.parametrize("of_seeds", [0.2, 1.0, 5.0])
def test_it_holds_the_truth_in_some_95_of_100_cases(n_seeds, least, of_seeds):
    rng = np.random.default_rng(0)
    held = np.mean([covers(n_seeds, 1.0, of_seeds, rng) for _ in range(1000)])
    assert least < held < 0.97


def test_over_days_alone_it_would_not():
    rng, of_seeds = np.random.default_rng(0), 3.0
    means = of_seeds * rng.normal(size=(1000, 3)).mean(axis=1) + rng.normal(size=1000)
    assert np.mean(np.abs(means) < 1.96) < 0.75


@given(value=FINITE, below=SIDES, above=SIDES, rest=st.lists(FINITE, min_size=2))
def test_it_is_never_narrower_and_keeps_its_figure(value, below, above, rest):
    over_days = Estimate(value=value, low=value - below, high=value + above)
    found = for_other_seeds(over_days, np.array(rest))
    assert found.value == value
    assert found.low <= over_days.low + 1e-12
    assert found.high >= over_days.high - 1e-12


def test_seeds_that_agree_leave_it_as_it_is():
    over_days = Estimate(value=0.25, low=-0.2, high=0.3)
    assert for_other_seeds(over_days, np.full(3, 0.25)) == over_days


def test_without_each_seed_the_ensemble_is_that_of_the_others():
    logits = np.random.default_rng(0).normal(size=(3, 7))
    found = without_each(logits)
    np.testing.assert_array_equal(found[1], ensemble(logits[[0, 2]]))
    np.testing.assert_array_equal(without_each(logits[:2]), logits[[1, 0]])
