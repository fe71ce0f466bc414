"""However often a search is killed, it ends with what it would have ended with."""

from __future__ import annotations

import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from phase6c.storage.files import read_lines
from phase6c.study.ledger import FILE_NAME

from .search import EPOCHS
from .victim import configurations, n_repeated, outcomes, real, rungs, scripted

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

N_KILLS = 10
N_MOMENTS = 20
# Enough for the kills to meet a search that is not done yet.
N_TRIALS = 45


@pytest.fixture
def rng() -> random.Random:
    """Draws from a printed seed; CHAOS_SEED repeats a round."""
    seed = int(os.environ.get("CHAOS_SEED", time.time_ns() % 1_000_000))
    print(f"\nCHAOS_SEED={seed}")  # noqa: T201
    return random.Random(seed)


@pytest.mark.parametrize(
    ("max_share", "n_epochs"), [("inf", 1), ("0", EPOCHS)], ids=["checkpoints", "none"]
)
def test_fifty_trials_killed_ten_times_end_as_an_undisturbed_search(
    tmp_path: Path,
    rng: random.Random,
    monkeypatch: pytest.MonkeyPatch,
    max_share: str,
    n_epochs: int,
) -> None:
    """Without any checkpoint each kill repeats a trial's epochs, which are told as before."""
    monkeypatch.setenv("MAX_SHARE", max_share)
    expected = scripted(tmp_path / "undisturbed").finish()
    n_results = sum(trial.epochs for trial in expected.trials)
    victim = scripted(tmp_path / "killed")
    for moment in sorted(rng.sample(range(1, n_results), N_KILLS)):
        victim.start()
        victim.wait_for_results(moment)
        time.sleep(rng.random() * 0.1)
        victim.send(signal.SIGKILL)
        victim.end()
        victim.check()
    study = victim.finish()
    assert configurations(study) == configurations(expected)
    assert len(set(configurations(study))) == 50
    assert outcomes(study) == outcomes(expected)
    assert study.best.number == expected.best.number
    assert rungs(study) == rungs(expected)
    assert n_repeated(victim.folder) <= N_KILLS * n_epochs


def test_two_workers_killed_again_and_again_lose_and_repeat_nothing(
    tmp_path: Path, rng: random.Random
) -> None:
    victim = scripted(tmp_path, "--workers", "2", "--trials", "30", "--epoch-s", "0.05")
    for _ in range(5):
        victim.start()
        victim.wait_for_results(victim.n_results() + rng.randint(1, 12))
        victim.send(signal.SIGKILL)
        victim.end()
        victim.check()
    study = victim.finish()
    assert len(study.trials) == len(set(configurations(study))) == 30
    assert n_repeated(victim.folder) <= 5 * 2


@pytest.mark.parametrize(
    ("moment", "workers"),
    [
        pytest.param(moment, workers, id=f"{when}-{workers}", marks=marks)
        for when, moment in (
            ("at the start", "begin of trial 0"),
            ("during a reset", "begin of trial 5"),
            ("in the first epoch", "epoch 1 of trial 0"),
            ("in a later one", "epoch 3 of trial 5"),
        )
        for workers, marks in (
            ("1", ()),
            ("2", pytest.mark.quick if when == "during a reset" else ()),
        )
    ],
)
def test_a_worker_that_is_killed_costs_one_epoch_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, workers: str
) -> None:
    options = ("--trials", "10", "--workers", workers)
    monkeypatch.setenv("DIE", moment)
    victim = scripted(tmp_path / "killed", *options)
    study = victim.finish()
    rows = read_lines(victim.folder / FILE_NAME)
    assert [row["number"] for row in rows if row["kind"] == "retry"] == [
        int(moment.rsplit(maxsplit=1)[-1])
    ]
    assert n_repeated(victim.folder) <= 1
    assert {one.state for one in study.trials} <= {"COMPLETE", "PRUNED"}
    if workers == "1":
        monkeypatch.delenv("DIE")
        expected = scripted(tmp_path / "undisturbed", *options).finish()
        assert configurations(study) == configurations(expected)
        assert outcomes(study) == outcomes(expected)


def test_a_clock_that_is_set_back_changes_nothing(tmp_path: Path) -> None:
    expected = scripted(tmp_path / "undisturbed", "--trials", "12").finish()
    victim = scripted(tmp_path / "set_back", "--trials", "12")
    victim.start()
    victim.wait_for_results(15)
    victim.send(signal.SIGKILL)
    victim.end()
    victim.start("--back-s", "7200")
    code, errors = victim.end()
    assert code == 0, errors
    victim.check()
    study = victim.finish()
    assert configurations(study) == configurations(expected)
    rows = read_lines(victim.folder / FILE_NAME)
    assert any(after["at"] < before["at"] for before, after in pairwise(rows))


def test_killed_at_twenty_random_moments_a_real_search_goes_on(
    tmp_path: Path, rng: random.Random
) -> None:
    victim = real(tmp_path, "--trials", str(N_TRIALS))
    started = time.monotonic()
    victim.start()
    victim.wait_for_results(1)
    first_result_s = time.monotonic() - started
    for _ in range(N_MOMENTS):
        victim.send(signal.SIGKILL)
        victim.end()
        victim.check()
        victim.start()
        # Half of the kills fall into the start-up.
        time.sleep(rng.uniform(0, 2 * first_result_s))
    victim.send(signal.SIGKILL)
    victim.end()
    victim.check()
    study = victim.finish()
    assert sum(trial.source == "sampled" for trial in study.trials) == N_TRIALS
    assert len(set(configurations(study))) == len(study.trials)
