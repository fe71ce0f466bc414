"""Half batches take less memory and lead to the same place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from phase6c.config import TrialConfig, Values
from phase6c.data.windows import SearchData
from phase6c.nn.memory import is_out_of_memory
from phase6c.nn.model import Heads, LaneTransformer
from phase6c.nn.trainer import EpochResult, Trainer

Build = Callable[..., TrialConfig]
# 28 batches of 32 or 33 windows an epoch, so that some halves have one window only.
BATCHES = {"batch_size": 33, "dropout": 0.0}
N_STEPS = 28


def two_lanes(trial: Build) -> list[TrialConfig]:
    return [trial(seed=1, **BATCHES), trial(seed=2, learning_rate=3e-3, **BATCHES)]


def fail_in_pass(monkeypatch: pytest.MonkeyPatch, trainer: Trainer, failing: int) -> None:
    """The memory ends in the forward pass of this number, counted from now on."""
    heads, passes = LaneTransformer.heads, iter(range(10_000))

    def limited(self: LaneTransformer, *given: Any) -> Heads:
        found = heads(self, *given)
        if self is trainer._model and next(passes) == failing:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return found

    monkeypatch.setattr(LaneTransformer, "heads", limited)


def load(trainer: Trainer, states: list[Values]) -> None:
    for lane, state in zip(trainer.lanes, states, strict=True):
        lane.load_state_dict(state)


def assert_close(found: list[EpochResult], expected: list[EpochResult]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.val_logits, other.val_logits, rtol=0, atol=1e-4)
        losses = [result.measurement.metrics.loss_train for result in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-5)
        assert one.measurement.epoch == other.measurement.epoch


@pytest.mark.parametrize(
    "failing",
    [pytest.param(one, marks=pytest.mark.slow) for one in (0, N_STEPS - 1, N_STEPS)]
    + [N_STEPS // 2],
)
def test_epoch_begun_again_in_half_batches_ends_as_if_undisturbed(
    planted: SearchData, trial: Build, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    undisturbed = Trainer(two_lanes(trial), planted)
    undisturbed.train_epoch()
    before = [copy.deepcopy(lane.state_dict()) for lane in undisturbed.lanes]
    expected = undisturbed.train_epoch()

    broken = Trainer(two_lanes(trial), planted)
    load(broken, before)
    fail_in_pass(monkeypatch, broken, failing)
    with pytest.raises(torch.OutOfMemoryError):
        broken.train_epoch()

    halved = Trainer(two_lanes(trial), planted)
    load(halved, before)
    halved.halve_micro_batch()
    found = halved.train_epoch()
    assert_close(found, expected)
    assert [result.measurement.micro_batch_size for result in found] == [17, 17]
    assert [result.measurement.micro_batch_size for result in expected] == [None, None]


def test_only_half_a_batch_is_in_the_model_at_once(
    planted: SearchData, trial: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads, sizes = LaneTransformer.heads, []

    def record(self: LaneTransformer, *given: Any) -> Heads:
        sizes.append(given[0].shape[1])
        return heads(self, *given)

    monkeypatch.setattr(LaneTransformer, "heads", record)
    trainer = Trainer([trial(batch_size=33)], planted)
    trainer.halve_micro_batch()
    trainer.train_epoch()
    assert max(sizes) == 17
    assert sum(sizes) == len(planted.train) + len(planted.val)
    assert trainer.lanes[0].n_steps == N_STEPS


def test_half_batches_survive_a_resume(planted: SearchData, trial: Build) -> None:
    first = Trainer([trial()], planted)
    first.halve_micro_batch()
    resumed = Trainer([trial()], planted)
    resumed.lanes[0].load_state_dict(first.lanes[0].state_dict())
    assert resumed.micro_batch_size == 16


def allocate_too_much() -> None:
    torch.empty(10**15)


def allocate_too_much_in_numpy() -> None:
    np.empty(10**17, dtype=np.int8)


@pytest.mark.parametrize("allocate", [allocate_too_much, allocate_too_much_in_numpy])
def test_host_memory_that_does_not_suffice_is_recognised(allocate: Callable[[], None]) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        allocate()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_only_errors_of_memory_are_taken_for_one(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
