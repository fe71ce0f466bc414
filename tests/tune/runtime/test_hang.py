"""A trial that is silent for far longer than an epoch takes is hung; all by made-up clocks."""

import pytest

from phase6c.tune.runtime.hang import HangWatch

SIZE = 1_000_000
# Nobody waits longer than this between two questions, so that all time counts.
ASKED_EACH = 30.0


def ask_until(watch, now, since=0.0):
    """Asks all along; what is overdue, in order, with the second at which it was told."""
    told, asked = [], since
    while asked < now:
        asked = min(now, asked + ASKED_EACH)
        told += [(number, asked) for number in watch.overdue(asked)]
    return told


def of_epochs(seconds, n_params=SIZE, **limits):
    """A watch that knows epochs of this length."""
    watch = HangWatch(**limits)
    for _ in range(5):
        watch.learn(seconds, n_params)
    return watch


def test_silence_of_ten_median_epochs_is_too_long():
    watch = of_epochs(120.0)
    watch.started(3, SIZE, 0.0)
    assert ask_until(watch, 1200.0) == []
    assert ask_until(watch, 1300.0, since=1200.0) == [(3, 1230.0)]


def test_silence_of_less_than_ten_minutes_is_never_too_long():
    watch = of_epochs(1.0)
    watch.started(3, SIZE, 0.0)
    assert ask_until(watch, 600.0) == []
    assert ask_until(watch, 660.0, since=600.0) == [(3, 630.0)]


def test_each_epoch_begins_a_new_silence():
    watch = of_epochs(1.0)
    watch.started(3, SIZE, 0.0)
    ask_until(watch, 500.0)
    watch.reported(3, 500.0)
    assert ask_until(watch, 1100.0, since=500.0) == []
    assert watch.overdue(1101.0) == {3: 601.0}


def test_hung_trial_is_told_once_until_it_starts_again():
    watch = of_epochs(1.0, at_least_s=10.0)
    watch.started(3, SIZE, 0.0)
    assert watch.overdue(11.0) == {3: 11.0}
    assert watch.overdue(12.0) == {}
    watch.started(3, SIZE, 13.0)
    assert watch.overdue(20.0) == {}
    assert watch.overdue(24.0) == {3: 11.0}


def test_trial_that_has_ended_is_not_waited_for():
    watch = of_epochs(1.0, at_least_s=10.0)
    watch.started(3, SIZE, 0.0)
    watch.ended(3)
    assert watch.overdue(50.0) == {}


def test_being_told_twice_of_a_start_gives_no_time():
    watch = of_epochs(1.0, at_least_s=10.0)
    for second in range(12):
        watch.started(3, SIZE, float(second))
    assert watch.overdue(11.0) == {3: 11.0}


def test_watched_epochs_make_the_median():
    watch = HangWatch(factor=10.0, at_least_s=10.0)
    for number, seconds in ((0, 2.0), (1, 4.0), (2, 50.0)):
        watch.started(number, SIZE, 0.0)
        watch.reported(number, seconds)
        watch.ended(number)
    watch.started(3, SIZE, 50.0)
    assert watch.overdue(90.0) == {}
    assert watch.overdue(91.0) == {3: 41.0}


def test_larger_trial_has_longer_epochs():
    watch = of_epochs(120.0)
    watch.started(3, 2 * SIZE, 0.0)
    assert ask_until(watch, 2400.0) == []
    assert ask_until(watch, 2460.0, since=2400.0) == [(3, 2430.0)]


def test_before_any_epoch_is_known_nothing_is_too_long():
    watch = HangWatch()
    watch.started(3, SIZE, 0.0)
    assert ask_until(watch, 10_000.0) == []


@pytest.mark.parametrize("away", [61.0, 100_000.0])
def test_time_in_which_the_search_itself_stood_still_does_not_count(away):
    watch = of_epochs(1.0)
    watch.started(3, SIZE, 0.0)
    ask_until(watch, 300.0)
    watch.started(4, SIZE, 300.0 + away)
    back = 300.0 + away
    assert watch.overdue(back) == {}
    assert ask_until(watch, back + 300.0, since=back) == []
    assert ask_until(watch, back + 330.0, since=back + 300.0) == [(3, back + 330.0)]
