"""Signals end a search with its exit code and nothing lost, whoever hears them and how often."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from phase6c.tune.runtime.halt import GRACE_S

from .victim import Victim, children, real

pytestmark = pytest.mark.chaos

CODES = {
    signal.SIGINT: 130,
    signal.SIGTERM: 143,
    signal.SIGHUP: 143,
    signal.SIGUSR1: 75,
}
# Between two signals: too short to be told apart by a person, and long enough.
TWICE_S = (0.02, 2.0)


@pytest.fixture
def victim(tmp_path: Path) -> Victim:
    return real(tmp_path)


@pytest.mark.parametrize("group", [False, True], ids=["driver", "group"])
@pytest.mark.parametrize("number", CODES, ids=lambda one: one.name)
def test_a_signal_ends_a_search_that_then_goes_on(
    victim: Victim, number: signal.Signals, group: bool
) -> None:
    victim.start()
    started = time.monotonic()
    victim.wait_for_results(5)
    sent = time.monotonic()
    victim.send(number, group=group)
    code, errors = victim.end()
    assert code == CODES[number], errors
    # Beside the grace of running epochs it takes no longer than the start did, Ray's included.
    assert time.monotonic() - sent < GRACE_S + 3 * (sent - started)
    assert number.name in errors
    assert str(victim.folder) in errors
    assert errors.splitlines()[-1].endswith("--resume")
    victim.check()


@pytest.mark.parametrize("apart_s", TWICE_S)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_a_second_signal_leaves_at_once(
    victim: Victim, number: signal.Signals, apart_s: float
) -> None:
    victim.start()
    victim.wait_for_results(5)
    victim.send(number)
    time.sleep(apart_s)
    victim.send(number)
    code, errors = victim.end()
    # One that meets the interpreter as it ends anyway has the signal's own way, alike for a shell.
    assert code in (CODES[number], -number)
    assert errors.splitlines()[-1].endswith("--resume")
    victim.check()
    victim.finish()


@pytest.mark.parametrize("delay_s", [0.5, 2.0, 5.0, 8.0])
def test_a_signal_during_the_start_up_is_heard(victim: Victim, delay_s: float) -> None:
    victim.start()
    time.sleep(delay_s)
    victim.send(signal.SIGTERM, group=True)
    code, errors = victim.end()
    # The interpreter itself, before the command's first line, knows the signal's own way only.
    assert code == 143 or (code == -signal.SIGTERM and not errors), errors
    victim.check()


def test_rays_processes_end_with_a_killed_driver(victim: Victim) -> None:
    victim.start()
    victim.wait_for_results(2)
    started = children(victim.process.pid)
    assert {"gcs_server", "raylet"} <= started.keys()
    victim.send(signal.SIGKILL)
    _, errors = victim.end()
    assert errors.splitlines()[-1].endswith("--resume")
    while any(Path(f"/proc/{pid}").exists() for pid in started.values()):
        time.sleep(0.1)


def test_what_nohup_ignores_is_ignored(tmp_path: Path) -> None:
    victim = real(tmp_path)
    victim.command = ("nohup", *victim.command)
    victim.start()
    victim.wait_for_results(2)
    victim.send(signal.SIGHUP)
    code, errors = victim.end()
    assert code == 0, errors
    victim.check()


def test_a_terminal_that_goes_away_does_not_end_the_search(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    victim = real(tmp_path)
    search = subprocess.Popen(victim.command, stderr=writer, stdout=subprocess.DEVNULL)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    assert search.wait() == 0
    victim.check()


def test_a_stray_ray_address_is_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.255.255.1:6379")
    real(tmp_path, "--trials", "2").finish()
