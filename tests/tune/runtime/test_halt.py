"""A signal asks a search to end; one that comes when the end was asked for leaves at once."""

from __future__ import annotations

import signal

import pytest

from phase6c.errors import StudyFailedError
from phase6c.tune.runtime.halt import Halt, exit_code_of, signals_held, signals_request


def send(number: signal.Signals) -> None:
    # To this thread: only here it can be held.
    signal.raise_signal(number)


def test_the_first_signal_asks_and_the_second_leaves() -> None:
    halt, left = Halt(), list[int]()
    with signals_request(halt, left.append):
        send(signal.SIGTERM)
        assert halt.signal_number == signal.SIGTERM
        assert not left
        send(signal.SIGINT)
    assert left == [signal.SIGINT]
    assert halt.signal_number == signal.SIGTERM


@pytest.mark.parametrize("reason", ["an error", "the time budget"])
def test_a_signal_leaves_where_the_search_is_ending_anyway(reason: str) -> None:
    halt = Halt(time_budget_s=1e-9 if reason == "the time budget" else None)
    if reason == "an error":
        halt.request(error=StudyFailedError("It must hold", "this", "Do that."))
    left = list[int]()
    with signals_request(halt, left.append):
        send(signal.SIGINT)
    assert left == [signal.SIGINT]
    assert halt.signal_number is None


def test_signals_that_were_held_come_afterwards() -> None:
    halt = Halt()
    with signals_request(halt, lambda _: None):
        with signals_held():
            send(signal.SIGHUP)
            assert not halt.requested
        assert halt.signal_number == signal.SIGHUP


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGUSR1, 75)],
)
def test_each_signal_has_its_exit_code(number: signal.Signals, code: int) -> None:
    assert exit_code_of(number) == code
