"""Rungs compare trials at equal age, write down what they decide, and survive a resume."""

import logging
from functools import partial
from types import SimpleNamespace

import pytest
import ray.exceptions
import torch
from ray.exceptions import ActorDiedError, RayTaskError, UnserializableException
from ray.tune.schedulers import TrialScheduler

from phase6c.errors import ResourceError, StudyFailedError
from phase6c.storage.files import read_lines
from phase6c.tune.runtime.hang import HangWatch
from phase6c.tune.runtime.ray_private import survive_any_error
from phase6c.tune.runtime.scheduler import (
    MAX_LOST_IN_A_ROW,
    MAX_RETRIES,
    SAME_BUG_LIMIT,
    SILENCE_S,
)
from phase6c.wording import duration_text

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


@pytest.mark.parametrize(("kept_epoch", "n_saved"), [(1, 1), (2, 0)])
def test_a_trial_that_is_to_go_on_later_saves_its_state_first(rig, kept_epoch, n_saved):
    one, saved = rig(), []
    controller = SimpleNamespace(_schedule_trial_save=saved.append)
    one.add(0)
    one.report(0, 0.7, kept_epoch=1, controller=controller)
    assert not saved
    one.halt.request(signal_number=2)
    assert one.report(0, 0.8, kept_epoch=kept_epoch, controller=controller) == STOP
    assert len(saved) == n_saved


def test_epochs_that_are_trained_again_are_told_of_once_and_never_decided_anew(rig, caplog):
    one = rig()
    one.add(0)
    for value in (0.5, 0.6, 0.7, 0.8):
        one.report(0, value)
    known = one.ledger.trials[0]
    with caplog.at_level(logging.WARNING, logger="phase6c"):
        assert [one.report(0, 0.6, epoch) for epoch in (2, 3, 4)] == [CONTINUE] * 3
    assert one.ledger.trials[0] == known
    (message,) = caplog.messages
    again_s = sum(epoch.duration_s for epoch in known.measurements[1:])
    assert message == (
        "trial 0 goes on after epoch 1, its checkpoint: 3 epochs trained again, about "
        f"{duration_text(again_s)}"
    )
    one.report(0, 0.9)
    one.report(0, 0.9, 5)
    assert len(caplog.messages) == 2


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


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (MemoryError("no room"), "oom", "MemoryError: no room"),
        (torch.OutOfMemoryError("no room"), "oom", "OutOfMemoryError: no room"),
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


def raised(cause, *lines, first="setup"):
    """An exception as Ray brings it from a worker: raised in these lines, innermost last."""
    frames = "".join(f'  File "/src/{one}.py", line {line}, in f\n' for one, line in lines)
    text = f'Traceback (most recent call last):\n  File "/src/{first}.py", line 1, in f\n{frames}'
    return RayTaskError("step", f"{text}{type(cause).__name__}: {cause}\n", cause)


PLACE = (("trainer", 10), ("model", 20), ("linear", 30))


def test_error_in_a_workers_first_trial_is_not_taken_for_a_lost_worker(rig):
    one = rig()
    one.add(0)
    cause = raised(torch.OutOfMemoryError("no room"), *PLACE)
    one.fail(0, ActorDiedError.from_task_error(cause))
    assert one.ledger.trials[0].error.kind == "oom"
    assert one.state(0) == "FAILED"


def test_worker_killed_for_the_hosts_memory_is_forgiven_so_often(rig):
    one = rig()
    one.add(0)
    manager = SimpleNamespace(_actor_start_failed=None, _actor_task_failed=None)
    told = []
    manager._actor_task_failed = lambda task, exception: told.append((task, exception))
    survive_any_error(SimpleNamespace(_actor_manager=manager))
    killed = ray.exceptions.OutOfMemoryError("1 worker(s) were killed")
    manager._actor_task_failed(task="step", exception=killed)
    ((task, error),) = told
    assert task == "step"
    assert isinstance(error, ActorDiedError)
    for _ in range(MAX_RETRIES):
        one.fail(0, error)
        assert one.state(0) == "RUNNING"
    one.fail(0, error)
    found = one.ledger.trials[0].error
    assert (found.kind, found.message) == ("oom", "OutOfMemoryError: 1 worker(s) were killed")


@pytest.mark.parametrize("error", [ActorDiedError(), raised(ValueError("x"), *PLACE)])
def test_errors_that_ray_tune_knows_are_left_to_it(error):
    told = []
    manager = SimpleNamespace(
        _actor_start_failed=lambda actor, exception: told.append(exception),
        _actor_task_failed=None,
    )
    survive_any_error(SimpleNamespace(_actor_manager=manager))
    manager._actor_start_failed(actor="actor", exception=error)
    assert told == [error]


def test_the_same_bug_again_and_again_ends_the_search(rig):
    one = rig()
    one.add(*range(5))
    one.fail(0, KeyError("other"))
    for number in range(1, SAME_BUG_LIMIT + 1):
        assert not one.halt.requested
        error = raised(ValueError(f"size {number} at 0x7f{number}"), *PLACE, first=f"{number}")
        one.fail(number, error.as_instanceof_cause())
    assert isinstance(one.halt.error, StudyFailedError)
    assert f"ValueError: size {SAME_BUG_LIMIT}" in str(one.halt.error)
    messages = {one.ledger.trials[number].error.message for number in range(1, 4)}
    assert len(messages) == SAME_BUG_LIMIT


@pytest.mark.parametrize(
    "errors",
    [
        [raised(ValueError("same"), *PLACE[:2], ("linear", line)) for line in range(4)],
        [raised(ValueError("same"), ("trainer", line), *PLACE[1:]) for line in range(4)],
        [raised(kind("same"), *PLACE) for kind in (ValueError, TypeError, KeyError, IndexError)],
        [UnserializableException(f"not to be read: {number}") for number in range(4)],
    ],
    ids=["another line", "another caller", "another kind", "nowhere"],
)
def test_other_bugs_do_not_add_up(rig, errors):
    one = rig()
    one.add(*range(len(errors)))
    for number, error in enumerate(errors):
        one.fail(number, error)
    assert not one.halt.requested


@pytest.mark.parametrize("error", [KeyError("x"), StudyFailedError("It must hold", "it", "Do.")])
def test_a_failure_on_a_machine_that_may_lack_something_is_tried_elsewhere(rig, error):
    one = rig()
    one.add(0)
    one.scheduler.may_be_misplaced = lambda trial: True
    one.fail(0, error)
    assert one.state(0) == "RUNNING"
    assert not one.halt.requested
    one.scheduler.may_be_misplaced = lambda trial: False
    one.fail(0, KeyError("x"))
    assert one.ledger.trials[0].error.kind == "bug"


def test_an_error_of_ours_ends_the_search_at_once(rig):
    one = rig()
    one.add(0)
    one.fail(0, StudyFailedError("It must hold", "this", "Do that."))
    assert str(one.halt.error) == "It must hold; found: this. Do that."


def test_ray_may_pickle_it_for_a_restore_that_is_never_done(rig):
    assert rig().scheduler.__getstate__() == {}


class Running:
    """Ray's trial, as far as it is asked for its number."""

    def __init__(self, number):
        self.config = {"number": number}


class Workers:
    """Ray's controller as the scheduler sees it: trials by number, each with its worker."""

    def __init__(self, *numbers):
        self._trial_to_actor = {Running(number): f"tracked {number}" for number in numbers}
        placed = {f"tracked {number}": (f"worker {number}", None) for number in numbers}
        self._actor_manager = SimpleNamespace(
            _live_actors_to_ray_actors_resources=placed,
            _actor_start_failed=None,
            _actor_task_failed=None,
        )

    def get_trials(self):
        return []


@pytest.fixture
def killed(monkeypatch):
    """Which workers were killed, with a limit of 100 s for epochs of 10 s."""
    workers = []
    monkeypatch.setattr("ray.kill", workers.append)
    monkeypatch.setattr(
        "phase6c.tune.runtime.scheduler.HangWatch", partial(HangWatch, at_least_s=100.0)
    )
    return workers


@pytest.fixture
def clock(monkeypatch):
    """Sets the time that the scheduler sees."""

    def set_to(now):
        monkeypatch.setattr("time.monotonic", lambda: float(now))

    return set_to


def test_hung_trial_loses_its_worker_and_is_handed_out_again(rig, killed, clock):
    one, controller = rig(epochs=99), Workers(0, 1)
    one.add(0, 1)
    for now in range(0, 121, 10):
        clock(now)
        one.scheduler.choose_trial_to_run(controller)
        one.report(0, 0.7 + now / 1e4)
        if killed:
            break
    assert (now, killed) == (110, ["worker 1"])
    one.fail(1, lost())
    assert one.state(1) == "RUNNING"
    row = read_lines(one.path)[-1]
    assert (row["kind"], row["message"]) == ("retry", "hung: no epoch within 110 s")


def test_trial_that_hangs_again_and_again_has_failed(rig, killed, clock):
    one, controller = rig(epochs=99), Workers(0, 1)
    one.add(0, 1)
    now = 0
    for _ in range(MAX_RETRIES + 1):
        assert one.state(1) == "RUNNING"
        for _ in range(12):
            clock(now)
            one.scheduler.choose_trial_to_run(controller)
            one.report(0, 0.7 + now / 1e4)
            now += 10
        one.fail(1, lost())
    assert killed == ["worker 1"] * (MAX_RETRIES + 1)
    error = one.ledger.trials[1].error
    assert (error.kind, error.message) == ("worker_lost", "hung: no epoch within 110 s")


def test_epochs_of_an_earlier_run_tell_how_long_one_takes(rig, killed, clock):
    one = rig()
    one.add(0, 1)
    one.report(0, 0.7)
    again, controller = rig(one.path), Workers(1)
    for now in (0, 50, 101):
        clock(now)
        again.scheduler.choose_trial_to_run(controller)
    assert killed == ["worker 1"]


def test_who_waits_for_a_worker_is_not_hung(rig, killed, clock):
    one, controller = rig(), Workers(0, 1)
    one.add(0, 1)
    one.report(0, 0.7)
    del controller._actor_manager._live_actors_to_ray_actors_resources["tracked 1"]
    for now in (0, 50, 99):
        clock(now)
        one.scheduler.choose_trial_to_run(controller)
    assert killed == []


def test_half_batches_are_remarked_once(rig, caplog):
    one = rig()
    one.add(0)
    one.report(0, 0.7)
    whole = one.measured
    one.measured = lambda *given, **named: whole(*given, **named).model_copy(
        update={"micro_batch_size": 32}
    )
    with caplog.at_level(logging.WARNING, logger="phase6c"):
        one.report(0, 0.7)
        one.report(0, 0.7)
    (message,) = caplog.messages
    assert "trial 0: out of memory in epoch 2; it goes on with 32 windows at a time" in message
    known = rig(one.path).ledger.trials[0].measurements
    assert [measurement.micro_batch_size for measurement in known] == [None, 32, 32]


def test_a_trial_that_gets_on_may_lose_a_worker_in_every_epoch(rig):
    one = rig(epochs=99)
    one.add(0)
    for epoch in range(2 * MAX_RETRIES):
        one.report(0, 0.5 + epoch / 100)
        one.fail(0, lost())
    assert one.state(0) == "RUNNING"


def test_workers_that_never_live_end_the_search_and_cost_no_trial(rig):
    one = rig()
    numbers = range(MAX_LOST_IN_A_ROW)
    one.add(*numbers)
    for number in numbers:
        assert not one.halt.requested
        one.fail(number, lost())
    assert isinstance(one.halt.error, ResourceError)
    assert {one.state(number) for number in numbers} == {"RUNNING"}


def test_silence_is_told_of_where_no_epoch_is_known_yet(rig, clock, caplog):
    now = 0
    clock(now)
    one = rig()
    one.add(0)
    for until, controller, n_warnings in (
        (SILENCE_S, Workers(0), 0),
        (SILENCE_S + 1, Workers(0), 1),
        (2 * SILENCE_S, Workers(), 1),
        (2 * SILENCE_S + 2, Workers(), 2),
    ):
        while now < until:
            now = min(now + 30, until)
            clock(now)
            one.scheduler.choose_trial_to_run(controller)
        assert caplog.text.count("No trial has ended an epoch for 10 minutes") == n_warnings
    assert caplog.text.count("Ray has no worker") == 1


def test_time_that_the_run_itself_worked_is_no_silence_of_its_trials(rig, clock, caplog):
    clock(0)
    one = rig()
    one.add(0)
    for now in (30, SILENCE_S + 60):
        clock(now)
        one.scheduler.choose_trial_to_run(Workers())
    assert "No trial has ended an epoch" not in caplog.text
