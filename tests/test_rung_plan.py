"""Each rung passes one in so many, and what that costs is known before the search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.rung_plan import plan_rungs


def test_fifty_trials_cost_a_quarter_of_their_epochs():
    plan = plan_rungs(50, 27, 3, 3)
    assert [(rung.epoch, rung.n_trials) for rung in plan.rungs] == [(3, 50), (9, 16.7), (27, 5.6)]
    assert plan.epochs_expected == pytest.approx(50 * 3 + 50 / 3 * 6 + 50 / 9 * 18, abs=0.1)
    assert plan.epochs_without_rungs == 50 * 27


@pytest.mark.parametrize(("grace", "factor"), [(27, 3), (40, 3), (3, None)])
def test_without_a_rung_before_the_end_all_trials_take_all_epochs(grace, factor):
    plan = plan_rungs(10, 27, grace, factor)
    assert [rung.epoch for rung in plan.rungs] == [27]
    assert plan.epochs_expected == plan.epochs_without_rungs == 270


def test_a_single_trial_is_expected_to_reach_the_end():
    assert plan_rungs(1, 27, 3, 3).epochs_expected == 27


@given(
    n_trials=st.integers(1, 500),
    epochs=st.integers(1, 100),
    grace=st.integers(1, 100),
    factor=st.floats(1.5, 5),
)
def test_rungs_rise_to_the_last_epoch_and_never_cost_more_than_none(
    n_trials, epochs, grace, factor
):
    plan = plan_rungs(n_trials, epochs, grace, factor)
    ends = [rung.epoch for rung in plan.rungs]
    alive = [rung.n_trials for rung in plan.rungs]
    assert ends == sorted(ends)
    assert ends[-1] == epochs
    assert alive == sorted(alive, reverse=True)
    assert n_trials * min(grace, epochs) <= plan.epochs_expected + 0.1
    assert plan.epochs_expected <= plan.epochs_without_rungs + 0.1
