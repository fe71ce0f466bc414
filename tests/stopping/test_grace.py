"""The grace falls where early epochs rank trials well, rises where they mislead, else it stays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.stopping.grace import N_SETTLING, agreement, settle_grace

RUNGS = (1, 3, 9)
START = 3
LEVELS = st.lists(st.floats(0, 1), min_size=2, max_size=25)
RISING = np.arange(N_SETTLING) / N_SETTLING
MIXED = np.array([0.3, 0.8, 0.1, 0.9, 0.4, 0.0, 0.7, 0.2, 0.6, 0.5])


def curves(first, third):
    """Three epochs of a trial for each level: its best score by epoch 1, and by epoch 3."""
    return [np.array([one, one, three]) for one, three in zip(first, third, strict=True)]


def test_the_grace_falls_where_the_first_epoch_ranks_as_the_end_does():
    grace = settle_grace(curves(RISING, 1 + RISING), 2 + RISING, RUNGS, START)
    assert (grace.epochs, grace.start) == (1, START)
    assert grace.reason() == (
        "The grace fell to 1 epoch: of the first 10 trials, epoch 1 puts 92% of the pairs in the "
        "order that they are expected to end in."
    )


def test_the_grace_rises_where_its_last_epoch_ranks_against_the_end():
    grace = settle_grace(curves(MIXED, 1 + RISING), 3 - RISING, RUNGS, START)
    assert grace.epochs == 9
    assert "rose to 9 epochs" in grace.reason()
    assert "epoch 3 puts only 8% of the pairs" in grace.reason()


def test_a_search_of_many_trials_falls_to_the_lowest_rung_that_does_not_surely_mislead():
    trials, ends = curves(MIXED, 1 + RISING), 2 + RISING
    grace = settle_grace(trials, ends, RUNGS, START, presumed=(1, 3))
    assert (grace.epochs, grace.is_presumed) == (1, True)
    assert grace.reason().startswith(
        "The grace fell to 1 epoch, as a search of so many trials can afford it: of the first 10 "
        "trials, epoch 1 puts no fewer than"
    )
    against = settle_grace(curves(1 - RISING, 1 + RISING), ends, RUNGS, START, presumed=(1, 3))
    assert (against.epochs, against.is_presumed) == (START, False)
    assert "stays at 3 epochs" in against.reason()


def test_what_a_search_can_afford_does_not_keep_its_grace_from_rising():
    grace = settle_grace(curves(MIXED, 1 + RISING), 3 - RISING, RUNGS, START, presumed=(1, 3))
    assert (grace.epochs, grace.is_presumed) == (9, False)


def test_the_grace_stays_where_the_first_epoch_tells_nothing():
    grace = settle_grace(curves(MIXED, 1 + RISING), 2 + RISING, RUNGS, START)
    assert grace.epochs == START
    assert "stays at 3 epochs" in grace.reason()


@pytest.mark.parametrize("n", [0, 1, N_SETTLING - 1])
def test_a_few_trials_move_nothing(n):
    for ends in (2 + RISING[:n], 3 - RISING[:n]):
        grace = settle_grace(curves(RISING[:n], 1 + RISING[:n]), ends, RUNGS, START)
        assert (grace.epochs, grace.evidence) == (START, None)
        assert "too few trials" in grace.reason()


def test_trials_that_come_later_move_nothing():
    first = settle_grace(curves(RISING, 1 + RISING), 2 + RISING, RUNGS, START)
    later = curves([*RISING, *RISING], [*(1 + RISING), *(2 - RISING)])
    ends = np.concatenate([2 + RISING, 3 - RISING])
    assert settle_grace(later, ends, RUNGS, START) == first


def test_without_a_ladder_the_grace_is_all_epochs():
    assert settle_grace(curves(RISING, RISING), RISING, (), 1).epochs == 1


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(N_SETTLING, 30))
def test_luck_is_within_the_error_of_an_agreement(seed, n):
    first, third, ends = np.random.default_rng(seed).random((3, n))
    known = agreement(curves(first, 1 + third), ends, 1)
    assert abs(known.share - 0.5) < 5 * known.error + 0.01


@settings(max_examples=50, deadline=None)
@given(before=LEVELS, after=LEVELS)
def test_an_agreement_is_a_share_that_equal_orders_bring_to_a_half_or_more(before, after):
    n = min(len(before), len(after))
    trials = curves(before[:n], np.add(after[:n], 1))
    assert 0 <= agreement(trials, np.array(after[:n]), 1).share <= 1
    assert agreement(trials, np.array(before[:n]), 1).share >= 0.5
