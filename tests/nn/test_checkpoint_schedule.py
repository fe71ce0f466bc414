"""Checkpoints take their share of a trial's time and no more, whatever they and epochs cost."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from phase6c.nn.checkpoint_schedule import MAX_SHARE, CheckpointSchedule

SECONDS = st.floats(1e-3, 1e3)
# An epoch's time, and what a checkpoint after it would cost.
EPOCHS = st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=60)
N_PARAMS = st.sampled_from([50_000, 2_000_000, 200_000_000])


class Epoch(NamedTuple):
    """An epoch as it went.

    Attributes:
        trained_s: Time of the epoch alone.
        cost_s: Cost of its checkpoint; 0 without.
        known_s: What a checkpoint cost, or was thought to, before the epoch ended.
    """

    trained_s: float
    cost_s: float
    known_s: float


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def course(n_params: int, epochs: list[tuple[float, float]]) -> list[Epoch]:
    """The epochs of a trial that obeys the schedule."""
    clock, found = Clock(), []
    schedule = CheckpointSchedule(n_params, clock)
    for trained_s, cost_s in epochs:
        clock.now_s += trained_s
        known_s, is_due = schedule.cost_s, schedule.is_due()
        if is_due:
            with schedule.writing():
                clock.now_s += cost_s
        found.append(Epoch(trained_s, cost_s * is_due, known_s))
    return found


@given(n_params=N_PARAMS, epochs=EPOCHS)
def test_all_checkpoints_but_the_last_take_a_twentieth_of_the_training(n_params, epochs):
    went = course(n_params, epochs)
    costs = [one.cost_s for one in went if one.cost_s]
    trained_s = sum(one.trained_s for one in went)
    assert sum(costs[:-1]) <= MAX_SHARE * trained_s * (1 + 1e-9) + 1e-9


@given(n_params=N_PARAMS, epochs=EPOCHS)
def test_a_crash_repeats_the_running_epoch_and_twenty_times_a_checkpoint(n_params, epochs):
    since_s = 0.0
    for one in course(n_params, epochs):
        since_s = 0.0 if one.cost_s else since_s + one.trained_s
        assert since_s <= one.known_s / MAX_SHARE * (1 + 1e-9) + 1e-9


@given(n_params=N_PARAMS, cost_s=SECONDS, n_epochs=st.integers(1, 20))
def test_each_epoch_has_a_checkpoint_where_writing_is_cheap(n_params, cost_s, n_epochs):
    guess_s = CheckpointSchedule(n_params).cost_s
    epoch_s = 1.01 * max(cost_s, guess_s) / MAX_SHARE
    assert all(one.cost_s for one in course(n_params, [(epoch_s, cost_s)] * n_epochs))


def test_the_first_checkpoint_of_a_large_model_waits_for_its_guessed_cost():
    fast = course(200_000_000, [(0.5, 12.0)] * 27)
    assert sum(one.cost_s for one in fast) == 0
    slow = course(200_000_000, [(22.0, 12.0)] * 27)
    share = sum(one.cost_s for one in slow) / sum(one.trained_s for one in slow)
    assert 0 < share <= MAX_SHARE
