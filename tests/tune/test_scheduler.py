"""Rungs compare trials at equal age, write down what they decide, and survive a resume."""

import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.tune.schedulers import TrialScheduler

from phase6c.errors import StudyFailedError
from phase6c.tune.scheduler import MAX_RETRIES, SAME_BUG_LIMIT

STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE


def test_the_weaker_of_equal_age_is_stopped_and_the_reason_is_kept(rig):
    one = rig()
    one.add(0, 1, 2)
    assert [one.report(number, value) for number, value in enumerate([0.7, 0.8])] == [CONTINUE] * 2
    assert one.report(2, 0.6) == STOP
    stopped = one.ledger.trials[2].stopped
    assert (stopped.epoch, stopped.value) == (1, 0.6)
    assert stopped.cutoff == pytest.approx(0.7 + (0.8 - 0.7) * 2 / 3)
    assert [one.state(number) for number in range(3)] == ["RUNNING", "RUNNING", "PRUNED"]


def test_age_is_the_epoch_and_not_the_order_of_arrival(rig):
    one = rig()
    one.add(0, 1)
    for value in (0.5, 0.9, 0.9):
        assert one.report(0, value) == CONTINUE
    assert one.report(1, 0.6) == CONTINUE
    assert one.rungs() == {1: (0, 1), 3: (0,)}


def test_a_trial_is_compared_by_its_best_so_far(rig):
    one = rig()
    one.add(0, 1)
    for value in (0.6, 0.7, 0.7):
        one.report(0, value)
    for value in (0.6, 0.8):
        one.report(1, value)
    assert one.report(1, 0.1) == CONTINUE
    assert one.rungs()[3] == (0, 1)


def test_a_trial_of_all_epochs_is_complete_whatever_its_value(rig):
    one = rig(epochs=3)
    one.add(0, 1)
    for number, last in ((0, 0.9), (1, 0.6)):
        assert [one.report(number, value) for value in (0.6, 0.6)] == [CONTINUE] * 2
        assert one.report(number, last) == STOP
        assert one.state(number) == "COMPLETE"


def test_a_trial_that_no_longer_gains_is_complete(rig):
    one = rig(patience_epochs=2)
    one.add(0)
    decisions = [one.report(0, value) for value in (0.6, 0.7, 0.7, 0.65)]
    assert decisions == [CONTINUE, CONTINUE, CONTINUE, STOP]
    assert one.state(0) == "COMPLETE"


def test_a_divergence_ends_the_trial_at_once_and_enters_no_rung(rig):
    one = rig()
    one.add(0, 1)
    assert one.report(0, None) == STOP
    assert one.report(1, 0.6) == CONTINUE
    assert one.report(1, None) == STOP
    errors = [one.ledger.trials[number].error.kind for number in (0, 1)]
    assert errors == ["diverged", "diverged"]
    assert one.rungs() == {1: (1,)}


def test_references_are_never_stopped_and_never_counted(rig):
    one = rig()
    one.add(0, 1)
    one.add(2, source="reference", name="january_best", in_budget=False)
    one.report(0, 0.7)
    assert one.report(2, 0.1) == CONTINUE
    assert one.report(1, 0.7) == CONTINUE
    assert one.rungs() == {1: (0, 1)}
    assert rig(one.path).rungs() == one.rungs()


def test_without_asha_nobody_is_stopped(rig):
    one = rig(scheduler="none")
    one.add(0, 1)
    one.report(0, 0.9)
    assert one.report(1, 0.1) == CONTINUE
    assert one.rungs() == {}


@pytest.mark.parametrize("objective", ["log_loss", "refinement"])
def test_of_losses_the_lower_is_the_better(rig, objective):
    one = rig(objective=objective)
    one.add(0, 1, 2)
    one.report(0, 0.5)
    assert one.report(1, 0.4) == CONTINUE
    assert one.report(2, 0.6) == STOP
    stopped = one.ledger.trials[2].stopped
    assert (stopped.epoch, stopped.value) == (1, 0.6)
    assert stopped.cutoff == pytest.approx(0.4 + (0.5 - 0.4) / 3)


def test_epochs_that_are_known_change_nothing(rig):
    one = rig()
    one.add(0, 1)
    one.report(0, 0.7)
    one.report(0, 0.8)
    before = one.path.read_bytes(), one.rungs()
    assert one.report(0, 0.9, epoch=1) == CONTINUE
    assert (one.path.read_bytes(), one.rungs()) == before
    one.report(1, 0.1)
    assert one.report(1, 0.99, epoch=1) == STOP


def test_once_asked_to_end_each_trial_stops_and_stays_unfinished(rig):
    one = rig()
    one.add(0)
    assert one.report(0, 0.7) == CONTINUE
    one.halt.request(signal_number=2)
    assert one.report(0, 0.8) == STOP
    assert one.state(0) == "RUNNING"
    assert one.ledger.trials[0].epochs == 2


def lost():
    return ActorDiedError()


def test_a_lost_worker_is_forgiven_so_often(rig):
    one = rig()
    one.add(0)
    for _ in range(MAX_RETRIES):
        one.fail(0, lost())
        assert one.state(0) == "RUNNING"
    one.fail(0, lost())
    assert one.ledger.trials[0].error.kind == "worker_lost"
    assert one.state(0) == "FAILED"
    assert not one.halt.requested


class OutOfMemoryError(RuntimeError):
    """What torch and Ray call theirs."""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (MemoryError("no room"), "oom", "MemoryError: no room"),
        (OutOfMemoryError("no room"), "oom", "OutOfMemoryError: no room"),
        (KeyError("x"), "bug", "KeyError: 'x'"),
        (None, "bug", "RuntimeError: the trial ended without a message"),
    ],
)
def test_what_ended_a_trial_is_kept(rig, error, kind, message):
    one = rig()
    one.add(0)
    one.fail(0, error)
    found = one.ledger.trials[0].error
    assert (found.kind, found.message) == (kind, message)


def test_the_same_bug_again_and_again_ends_the_search(rig):
    one = rig()
    one.add(*range(5))
    one.fail(0, KeyError("other"))
    for number in range(1, SAME_BUG_LIMIT + 1):
        assert not one.halt.requested
        one.fail(number, RayTaskError("step", "traceback", ValueError("same")))
    assert isinstance(one.halt.error, StudyFailedError)
    assert "ValueError: same" in str(one.halt.error)


def test_an_error_of_ours_ends_the_search_at_once(rig):
    one = rig()
    one.add(0)
    one.fail(0, StudyFailedError("It must hold", "this", "Do that."))
    assert str(one.halt.error) == "It must hold; found: this. Do that."


def test_ray_may_pickle_it_for_a_restore_that_is_never_done(rig):
    assert rig().scheduler.__getstate__() == {}
