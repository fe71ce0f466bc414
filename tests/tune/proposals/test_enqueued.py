"""Warm starts go on as long as they prove themselves; a source that misleads costs one trial."""

import pytest

from phase6c.tune.proposals.enqueued import Enqueued

FIRST, SECOND, THIRD = ({"dropout": one} for one in (0.1, 0.2, 0.3))


def anything(values):
    return True


@pytest.fixture
def starts():
    return Enqueued([FIRST, SECOND, THIRD])


@pytest.fixture
def after_first(starts):
    """The first start was handed out, and two other trials ended with .6 and .8."""
    assert starts.next(anything) == FIRST
    for score in (0.6, 0.8):
        starts.compare_with(score)
    return starts


def test_the_first_is_due_at_once_and_alone(starts):
    assert starts.next(anything) == FIRST
    assert starts.next(anything) is None


def test_without_starts_none_is_due():
    assert Enqueued([]).next(anything) is None


def test_the_next_waits_until_the_first_has_ended(after_first):
    assert after_first.next(anything) is None
    after_first.judge(0.9)
    assert after_first.next(anything) == SECOND
    assert after_first.next(anything) is None


def test_the_next_waits_for_others_to_compare_with(starts):
    starts.next(anything)
    starts.judge(0.9)
    starts.compare_with(0.6)
    assert starts.next(anything) is None
    starts.compare_with(0.6)
    assert starts.next(anything) == SECOND


@pytest.mark.parametrize(("score", "follows"), [(0.7, True), (0.69, False)])
def test_after_a_start_worse_than_the_median_none_follows(after_first, score, follows):
    after_first.judge(score)
    assert (after_first.next(anything) is not None) == follows


def test_a_start_that_disappointed_may_be_vindicated(after_first):
    after_first.judge(0.65)
    assert after_first.next(anything) is None
    for _ in range(3):
        after_first.compare_with(0.5)
    assert after_first.next(anything) == SECOND


def test_a_start_that_a_lost_worker_or_a_bug_ended_is_not_held_against_the_next(after_first):
    after_first.judge(None)
    assert after_first.next(anything) == SECOND


def test_what_was_tried_otherwise_is_passed_over(starts):
    assert starts.next(lambda values: values == THIRD) == THIRD
    assert starts.next(anything) is None


def test_what_an_earlier_run_tried_counts(starts):
    starts.mark_tried()
    assert starts.next(anything) is None
    starts.judge(None)
    assert starts.next(anything) == FIRST
