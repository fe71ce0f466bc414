"""Where the rungs stand, and that each passes one in so many: the cost is known before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.stopping.rung_plan import (
    compared_epochs,
    fixed_rungs,
    ladder,
    plan_rungs,
    presumed_rungs,
    starting_grace,
)

FACTORS = st.floats(1.5, 5)
EPOCHS = st.integers(1, 100)


@pytest.mark.parametrize(
    ("n_epochs", "grace", "factor", "rungs"),
    [
        (27, 3, 3, (3, 9)),
        (27, 1, 3, (1, 3, 9)),
        (28, 1, 2.5, (1, 3, 7, 16)),
        (10, 4, 2, (4, 8)),
        (27, 27, 3, ()),
        (27, 40, 3, ()),
        (9, 1, 2.04, (1, 3, 5)),
    ],
)
def test_fixed_rungs_rise_from_the_grace(n_epochs, grace, factor, rungs):
    assert fixed_rungs(n_epochs, grace, factor) == rungs


@pytest.mark.parametrize(
    ("n_epochs", "factor", "rungs", "grace"),
    [
        (27, 3, (1, 3, 9), 3),
        (81, 3, (1, 3, 9, 27), 9),
        (9, 3, (1, 3), 1),
        (3, 3, (1,), 1),
        (2, 3, (), 2),
        (1, 3, (), 1),
        (16, 4, (1, 4), 1),
        (2, 1.5, (1,), 1),
        (27, 2.5, (1, 3, 7, 16), 3),
        (50, 3, (1, 3, 9, 27), 3),
        (100, 3, (1, 3, 9, 27, 81), 9),
    ],
)
def test_a_ladder_climbs_by_the_factor_and_the_grace_starts_at_a_ninth_of_the_epochs_or_below(
    n_epochs, factor, rungs, grace
):
    assert ladder(n_epochs, factor) == rungs
    assert starting_grace(n_epochs, factor) == grace


@given(n_epochs=EPOCHS, grace=EPOCHS, factor=FACTORS)
def test_fixed_rungs_ascend_within_the_epochs(n_epochs, grace, factor):
    rungs = fixed_rungs(n_epochs, grace, factor)
    assert sorted(set(rungs)) == list(rungs)
    assert all(grace <= epoch < n_epochs for epoch in rungs)


@given(n_epochs=EPOCHS, factor=FACTORS)
def test_a_ladder_ascends_within_the_epochs_and_holds_the_starting_grace(n_epochs, factor):
    rungs = ladder(n_epochs, factor)
    assert sorted(set(rungs)) == list(rungs)
    assert all(1 <= epoch < n_epochs for epoch in rungs)
    assert starting_grace(n_epochs, factor) in (*rungs, n_epochs)


@pytest.mark.parametrize(
    ("n_trials", "presumed"), [(14, ()), (44, (9,)), (45, (3, 9)), (134, (3, 9)), (135, (1, 3, 9))]
)
def test_a_rung_is_afforded_where_five_trials_are_left_to_be_trained_whole(
    study_config, n_trials, presumed
):
    config = study_config(n_trials=n_trials, epochs=27, reduction_factor=3.0)
    assert presumed_rungs(config) == presumed


def test_trials_compare_at_the_rungs_and_at_the_end(study_config):
    kinds = {
        (3, 9, 27): {"grace_epochs": 3},
        (1, 3, 9, 27): {"adaptive_grace": True},
        (5, 15, 27): {"grace_epochs": 5},
    }
    for epochs, fields in kinds.items():
        assert compared_epochs(study_config(epochs=27, reduction_factor=3.0, **fields)) == epochs
    assert compared_epochs(study_config(epochs=27, reduction_factor=3.0, scheduler="none")) == (
        1,
        3,
        9,
        27,
    )


def test_fifty_trials_cost_a_quarter_of_their_epochs():
    plan = plan_rungs(50, 27, (3, 9), 3)
    assert [(rung.epoch, rung.n_trials) for rung in plan.rungs] == [(3, 50), (9, 16.7), (27, 5.6)]
    assert plan.epochs_expected == pytest.approx(50 * 3 + 50 / 3 * 6 + 50 / 9 * 18, abs=0.1)
    assert plan.epochs_without_rungs == 50 * 27


def test_the_audit_costs_its_share_of_the_epochs_that_stopped_trials_had():
    plan = plan_rungs(90, 27, (3, 9), 3, audit_share=0.4)
    # Of 60 stopped at epoch 3 a twentieth goes on, of 20 stopped at epoch 9 a fifth.
    assert [(rung.epoch, rung.n_trials) for rung in plan.rungs] == [(3, 90), (9, 33), (27, 17)]
    without = plan_rungs(90, 27, (3, 9), 3).epochs_expected
    assert plan.epochs_expected - without == pytest.approx(0.4 * (60 * 3 + 20 * 9))


def test_with_all_audited_nothing_is_saved():
    plan = plan_rungs(90, 27, (3, 9), 3, audit_share=8.0)
    assert plan.epochs_expected == plan.epochs_without_rungs


def test_without_a_rung_before_the_end_all_trials_take_all_epochs():
    plan = plan_rungs(10, 27, (), 3, audit_share=0.5)
    assert [rung.epoch for rung in plan.rungs] == [27]
    assert plan.epochs_expected == plan.epochs_without_rungs == 270


def test_a_single_trial_is_expected_to_reach_the_end():
    assert plan_rungs(1, 27, (3, 9), 3, audit_share=0.5).epochs_expected == 27


@given(
    n_trials=st.integers(1, 500),
    n_epochs=EPOCHS,
    grace=EPOCHS,
    factor=FACTORS,
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
)
def test_rungs_rise_to_the_last_epoch_and_cost_more_with_more_audits_never_more_than_none(
    n_trials, n_epochs, grace, factor, shares
):
    rungs = fixed_rungs(n_epochs, grace, factor)
    plans = [plan_rungs(n_trials, n_epochs, rungs, factor, share) for share in shares]
    for plan in plans:
        ends = [rung.epoch for rung in plan.rungs]
        alive = [rung.n_trials for rung in plan.rungs]
        assert ends == sorted(ends)
        assert ends[-1] == n_epochs
        assert alive == sorted(alive, reverse=True)
    fewer, more = (plan.epochs_expected for plan in plans)
    assert n_trials * min(grace, n_epochs) <= fewer + 0.1
    assert fewer <= more <= n_trials * n_epochs + 0.1
