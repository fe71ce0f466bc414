"""The epochs that trials still take follow from how those so far have ended, and from the plan."""

from __future__ import annotations

import numpy as np
import pytest

from phase6c.terminal.trial_lengths import TrialLengths

NEVER_FADES = 1e12


def told(lengths, memory=NEVER_FADES, planned=9.0, max_epochs=27):
    """What is known after trials of these lengths, one after the other."""
    known = TrialLengths(max_epochs, planned, memory)
    for length in lengths:
        for epoch in range(1, length + 1):
            known.had(epoch)
        known.ended(length)
    return known


@pytest.mark.parametrize("planned", [1, 3, 9, 27])
def test_before_any_trial_the_plan_is_expected(planned):
    assert told([], planned=planned).to_come()[0].mean == pytest.approx(planned, rel=1e-3)


def test_mean_and_square_are_those_of_many_trials():
    lengths = np.random.default_rng(0).choice([1, 3, 9, 27], p=[0.4, 0.3, 0.2, 0.1], size=5000)
    new = told(lengths.tolist()).to_come()[0]
    assert new.mean == pytest.approx(lengths.mean(), rel=0.02)
    assert new.square == pytest.approx((lengths**2).mean(), rel=0.03)


def test_a_trial_that_has_come_far_is_expected_to_last_as_those_that_came_so_far():
    lengths = [1] * 500 + [9] * 300 + [27] * 200
    to_come = told(lengths).to_come()
    assert to_come[1].mean == pytest.approx((300 * 8 + 200 * 26) / 500, rel=0.03)
    assert to_come[9].mean == pytest.approx(18, rel=0.25)
    assert to_come[27].mean == 0


def test_a_trial_that_still_runs_counts_as_lasting():
    ended = told([3] * 10)
    running = told([3] * 10)
    for _ in range(10):
        for epoch in range(1, 10):
            running.had(epoch)
    assert running.to_come()[0].mean > 2 * ended.to_come()[0].mean


def test_trials_of_long_ago_count_less():
    """Thirty trials train whole before a rung stops fifteen at once."""
    lengths = [27] * 30 + [1] * 15
    assert told(lengths, memory=7).to_come()[0].mean < 0.5 * told(lengths).to_come()[0].mean


def test_epochs_beyond_the_last_count_as_the_last():
    assert told([30] * 5).to_come() == told([27] * 5, max_epochs=27).to_come()
