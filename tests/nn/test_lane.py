"""Lanes at different epochs train as they would alone, and are exchanged while others go on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from phase6c.config import TrialConfig, Values
from phase6c.data.windows import SearchData
from phase6c.errors import ConfigError
from phase6c.nn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from phase6c.nn.trainer import EpochResult, Trainer
from phase6c.study.trial_folder import LAST_FILE

from .conftest import planted_data

Build = Callable[..., TrialConfig]
# 20 steps an epoch: the warm-up of 50 steps ends in the middle of the third.
N_TRAIN, WARMUP = 640, 50
EXPLODING = {"learning_rate": 1.0, "weight_decay": 10.0, "warmup_steps": 0}
# Written before lanes had states of their own, after two epochs of `EARLIER` on `earlier_data`.
EARLIER_CHECKPOINT = Path(__file__).parent / "earlier.ckpt"
EARLIER: Values = {"n_layers": 1, "d_model": 8, "patch_days": 8, "seed": 3}


@pytest.fixture(scope="module")
def data() -> SearchData:
    return planted_data(n_train=N_TRAIN, n_val=200)


@pytest.fixture
def trials(trial: Build) -> list[TrialConfig]:
    """Three of a shape, all else different."""
    return [
        trial(seed=1, warmup_steps=WARMUP),
        trial(seed=2, dropout=0.0, learning_rate=3e-3, weight_decay=0.0, warmup_steps=WARMUP),
        trial(seed=3, dropout=0.4, learning_rate=3e-4, warmup_steps=WARMUP),
    ]


@pytest.fixture
def trials_of_all_parts(trial: Build) -> list[TrialConfig]:
    """Two trials with everything that a model and its training can have."""
    parts = {"bins": 3, "auxiliary": "range", "members": 3, "half_life_days": 200}
    return [trial(seed=seed, warmup_steps=WARMUP, **parts) for seed in (1, 2)]


@pytest.fixture
def alone(data: SearchData) -> Callable[[TrialConfig, int], list[EpochResult]]:
    """The epochs of a trial that is trained by itself."""

    def train(trial: TrialConfig, epochs: int) -> list[EpochResult]:
        trainer = Trainer([trial], data)
        return [trainer.train_epoch()[0] for _ in range(epochs)]

    return train


Alone = Callable[[TrialConfig, int], list[EpochResult]]


def state_after(epochs: int, trial: TrialConfig, data: SearchData) -> Values:
    trainer = Trainer([trial], data)
    for _ in range(epochs):
        trainer.train_epoch()
    return copy.deepcopy(trainer.lanes[0].state_dict())


def assert_same(found: EpochResult, expected: EpochResult) -> None:
    np.testing.assert_allclose(found.val_logits, expected.val_logits, rtol=0, atol=1e-5)
    assert found.measurement.epoch == expected.measurement.epoch
    assert found.improved == expected.improved
    losses = [one.measurement.metrics.loss_train for one in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


@pytest.mark.parametrize("ahead", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_lanes_at_different_epochs_train_as_they_would_alone(
    data: SearchData, trials: list[TrialConfig], alone: Alone, ahead: int
) -> None:
    trainer = Trainer(trials[:2], data)
    trainer.lanes[ahead].load_state_dict(state_after(2, trials[ahead], data))
    found = [trainer.train_epoch() for _ in range(3)]
    behind = 1 - ahead
    for epoch, expected in enumerate(alone(trials[ahead], 5)[2:]):
        assert_same(found[epoch][ahead], expected)
    for epoch, expected in enumerate(alone(trials[behind], 3)):
        assert_same(found[epoch][behind], expected)
    assert [lane.epoch for lane in trainer.lanes] == ([5, 3] if ahead == 0 else [3, 5])
    assert trainer.lanes[ahead].n_steps == 5 * N_TRAIN / 32


@pytest.mark.parametrize("place", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_lane_is_exchanged_while_the_other_goes_on(
    data: SearchData, trials: list[TrialConfig], alone: Alone, place: int
) -> None:
    *both, third = trials
    trainer = Trainer(both, data)
    trainer.train_epoch()
    trainer.train_epoch()
    lane = trainer.exchange(place, third)
    assert (lane.epoch, lane.n_steps, lane.best.epoch) == (0, 0, 0)
    found = [trainer.train_epoch() for _ in range(2)]
    for epoch, expected in enumerate(alone(third, 2)):
        assert_same(found[epoch][place], expected)
    for epoch, expected in enumerate(alone(both[1 - place], 4)[2:]):
        assert_same(found[epoch][1 - place], expected)


def test_a_trial_that_was_exchanged_goes_on_in_another_place(
    data: SearchData, trials: list[TrialConfig], alone: Alone
) -> None:
    first, second, third = trials
    trainer = Trainer([first, second], data)
    trainer.train_epoch()
    kept = copy.deepcopy(trainer.lanes[0].state_dict())
    trainer.exchange(0, third)
    trainer.train_epoch()
    trainer.exchange(1, first).load_state_dict(kept)
    found = [trainer.train_epoch() for _ in range(2)]
    undisturbed = alone(first, 3)
    for epoch, expected in enumerate(undisturbed[1:]):
        assert_same(found[epoch][1], expected)
    improved = [one.measurement.epoch for one in undisturbed if one.improved]
    assert trainer.lanes[1].best.epoch == improved[-1]


def test_the_state_of_a_lane_is_that_of_the_trial_alone(
    data: SearchData, trials: list[TrialConfig]
) -> None:
    trainer = Trainer(trials, data)
    trainer.train_epoch()
    expected = state_after(1, trials[1], data)
    found = trainer.lanes[1].state_dict()
    for name, weight in expected["model"].items():
        torch.testing.assert_close(found["model"][name], weight, rtol=0, atol=1e-5)
    for name in ("n_steps", "diverged_at"):
        assert found["optimiser"][name] == expected["optimiser"][name]
    pairs = zip(found["streams"], expected["streams"], strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.slow
def test_another_trial_begins_where_a_diverged_one_was(
    data: SearchData, trial: Build, alone: Alone
) -> None:
    exploding = trial(**EXPLODING, batch_size=4)
    sound = trial(seed=1, warmup_steps=0, batch_size=4)
    trainer = Trainer([exploding, sound], data)
    broken, _ = trainer.train_epoch()
    assert broken.measurement.diverged
    other = trial(seed=2, warmup_steps=0, batch_size=4)
    trainer.exchange(0, other)
    (begun, _) = trainer.train_epoch()
    np.testing.assert_allclose(begun.val_logits, alone(other, 1)[0].val_logits, rtol=0, atol=1e-5)


def test_a_trial_of_another_shape_is_not_let_in(
    data: SearchData, trials: list[TrialConfig], trial: Build
) -> None:
    trainer = Trainer(trials[:1], data)
    with pytest.raises(ConfigError, match="d_model"):
        trainer.exchange(0, trial(d_model=32, warmup_steps=WARMUP))
    assert trainer.lanes[0].trial == trials[0]


def test_the_smallest_micro_batch_counts_for_all_lanes(
    data: SearchData, trials: list[TrialConfig]
) -> None:
    halved = Trainer(trials[1:2], data)
    halved.halve_micro_batch()
    trainer = Trainer(trials[:2], data)
    trainer.lanes[1].load_state_dict(halved.lanes[0].state_dict())
    assert trainer.micro_batch_size == 16
    trainer.exchange(1, trials[2])
    assert trainer.micro_batch_size is None


def test_the_checkpoint_of_a_lane_holds_no_other_lane(
    data: SearchData, trials: list[TrialConfig], tmp_path: Path
) -> None:
    sizes = []
    for place, trainer in ((0, Trainer(trials[1:2], data)), (1, Trainer(trials, data))):
        folder = tmp_path / str(place)
        folder.mkdir()
        result = trainer.train_epoch()[place]
        lane = trainer.lanes[place]
        saved = Checkpoint(lane.state_dict(), [result.measurement], [result.val_logits])
        save_checkpoint(folder, saved)
        sizes.append((folder / LAST_FILE).stat().st_size)
        known = load_checkpoint(folder, Trainer(trials[1:2], data).lanes[0])
        assert known is not None
        assert known.measurements[0].epoch == 1
    assert sizes[1] == pytest.approx(sizes[0], rel=0.01)


def test_a_checkpoint_of_an_earlier_version_is_gone_on_with(
    trial: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier_data = planted_data(n_train=64, n_val=40)
    config = trial(**EARLIER)
    (tmp_path / LAST_FILE).write_bytes(EARLIER_CHECKPOINT.read_bytes())
    trainer, whole = (Trainer([config], earlier_data) for _ in range(2))
    known = load_checkpoint(tmp_path, trainer.lanes[0])
    assert known is not None
    assert not caplog.text
    trainer.lanes[0].load_state_dict(known.state)
    *before, last = [whole.train_epoch()[0] for _ in range(3)]
    for measurement, logits, expected in zip(known.measurements, known.logits, before, strict=True):
        assert_same(replace(expected, measurement=measurement, val_logits=logits), expected)
    assert_same(trainer.train_epoch()[0], last)


def test_trials_of_all_parts_are_resumed_bit_for_bit(
    trials_of_all_parts: list[TrialConfig], data: SearchData, tmp_path: Path
) -> None:
    (trial, _) = trials_of_all_parts
    whole, resumed = (Trainer([trial], data) for _ in range(2))
    (result,) = whole.train_epoch()
    lane = whole.lanes[0]
    save_checkpoint(
        tmp_path, Checkpoint(lane.state_dict(), [result.measurement], [result.val_logits])
    )
    known = load_checkpoint(tmp_path, resumed.lanes[0])
    assert known is not None
    resumed.lanes[0].load_state_dict(known.state)
    (expected,), (found,) = whole.train_epoch(), resumed.train_epoch()
    assert np.array_equal(found.val_logits, expected.val_logits)
    assert found.measurement.metrics == expected.measurement.metrics


def test_lanes_of_all_parts_train_as_they_would_alone(
    trials_of_all_parts: list[TrialConfig], data: SearchData, alone: Alone
) -> None:
    first, second = trials_of_all_parts
    trainer = Trainer([first, first], data)
    trainer.train_epoch()
    trainer.exchange(1, second)
    (kept, begun) = trainer.train_epoch()
    assert_same(kept, alone(first, 2)[1])
    assert_same(begun, alone(second, 1)[0])
