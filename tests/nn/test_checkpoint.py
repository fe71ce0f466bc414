"""A checkpoint is whole and fits its trial, or is passed over with a word; it executes nothing."""

from __future__ import annotations

import copy
import hashlib
import io
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from phase6c.config import TrialConfig, Values
from phase6c.data.windows import SearchData
from phase6c.errors import StorageError
from phase6c.nn.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
    save_weights,
)
from phase6c.nn.trainer import Trainer
from phase6c.storage.disk import bytes_needed
from phase6c.storage.files import remove_leftovers, write_checked
from phase6c.study.trial_folder import BEST_WEIGHTS_FILE, LAST_FILE, PREVIOUS_FILE, write_epochs

from ..support.faults import act_with_every_fault, every_kind
from .conftest import planted_data

Damage = Callable[[Path], object]

SHAPE: Values = {
    "n_layers": 2,
    "d_model": 16,
    "n_heads": 2,
    "d_ff_ratio": 2,
    "context_days": 8,
    "patch_days": 2,
    "dropout": 0.1,
    "learning_rate": 1e-3,
}


def make_trainer(data: SearchData, **values: object) -> Trainer:
    return Trainer([TrialConfig.from_flat({**SHAPE, **values})], data)


@pytest.fixture(scope="module")
def small() -> SearchData:
    return planted_data(n_train=64, n_val=40)


@pytest.fixture
def trainer(small: SearchData) -> Trainer:
    """A new trainer of the trial whose checkpoints are looked at."""
    return make_trainer(small)


@pytest.fixture(scope="module")
def epochs(small: SearchData) -> list[Checkpoint]:
    """The trial after each of its first four epochs."""
    trainer = make_trainer(small)
    measurements, logits, found = [], [], []
    for _ in range(4):
        (result,) = trainer.train_epoch()
        measurements.append(result.measurement)
        logits.append(result.val_logits)
        state = copy.deepcopy(trainer.lanes[0].state_dict())
        found.append(Checkpoint(state, list(measurements), list(logits)))
    return found


@pytest.fixture
def folder(tmp_path: Path, epochs: list[Checkpoint]) -> Path:
    """A trial's folder after three epochs."""
    save(tmp_path, epochs[:3])
    return tmp_path


def save(folder: Path, epochs: Iterable[Checkpoint]) -> None:
    for one in epochs:
        save_checkpoint(folder, one)


def epoch_of(checkpoint: Checkpoint | None) -> int:
    return 0 if checkpoint is None else int(checkpoint.state["epoch"])


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_trial_goes_on_after_its_newest_checkpoint(
    folder: Path, trainer: Trainer, epochs: list[Checkpoint]
) -> None:
    known = load_checkpoint(folder, trainer.lanes[0])
    assert known is not None
    assert epoch_of(known) == 3
    assert known.measurements == epochs[2].measurements
    assert all((a == b).all() for a, b in zip(known.logits, epochs[2].logits, strict=True))
    assert trainer.lanes[0].epoch == 0
    trainer.lanes[0].load_state_dict(known.state)
    (result,) = trainer.train_epoch()
    assert (result.val_logits == epochs[3].logits[3]).all()
    assert files(folder) == {LAST_FILE, PREVIOUS_FILE}


def test_a_new_trial_has_none(tmp_path: Path, trainer: Trainer) -> None:
    assert load_checkpoint(tmp_path, trainer.lanes[0]) is None


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = [cut_to_nothing, cut_in_half, flip_a_byte, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_costs_one_epoch_and_a_word(
    folder: Path, trainer: Trainer, caplog: pytest.LogCaptureFixture, damage: Damage
) -> None:
    damage(folder / LAST_FILE)
    assert epoch_of(load_checkpoint(folder, trainer.lanes[0])) == 2
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert str(folder / LAST_FILE) in record.getMessage()
    assert record.getMessage().endswith("the checkpoint before it is used")
    assert files(folder) == {PREVIOUS_FILE}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("earlier", DAMAGES)
def test_without_a_sound_checkpoint_a_trial_starts_over(
    folder: Path,
    trainer: Trainer,
    caplog: pytest.LogCaptureFixture,
    damage: Damage,
    earlier: Damage,
) -> None:
    damage(folder / LAST_FILE)
    earlier(folder / PREVIOUS_FILE)
    assert load_checkpoint(folder, trainer.lanes[0]) is None
    assert files(folder) == set()
    if not damage == earlier == Path.unlink:
        assert caplog.records[-1].getMessage().endswith("the trial starts over")


def test_a_damaged_checkpoint_never_takes_the_place_of_a_sound_one(
    folder: Path, trainer: Trainer, epochs: list[Checkpoint]
) -> None:
    flip_a_byte(folder / LAST_FILE)
    assert epoch_of(load_checkpoint(folder, trainer.lanes[0])) == 2
    save(folder, epochs[2:3])
    (folder / LAST_FILE).unlink()
    assert epoch_of(load_checkpoint(folder, trainer.lanes[0])) == 2


@every_kind
def test_whatever_fails_at_most_one_epoch_is_repeated(
    folder: Path, trainer: Trainer, epochs: list[Checkpoint], kind: str, torn: bool
) -> None:
    for ended in act_with_every_fault(kind, torn, lambda: save(folder, epochs[3:])):
        assert epoch_of(load_checkpoint(folder, trainer.lanes[0])) in ([4] if ended else [3, 4])
        remove_leftovers(folder)
        assert files(folder) <= {LAST_FILE, PREVIOUS_FILE}
        save(folder, epochs[3:])
        assert epoch_of(load_checkpoint(folder, trainer.lanes[0])) == 4
        save(folder, epochs[1:3])


@every_kind
def test_whatever_fails_best_weights_are_old_or_new(tmp_path: Path, kind: str, torn: bool) -> None:
    old, new = ({"weight": torch.full((3,), value)} for value in (1.0, 2.0))
    save_weights(tmp_path, new)
    contents = [(tmp_path / BEST_WEIGHTS_FILE).read_bytes()]
    save_weights(tmp_path, old)
    contents.append((tmp_path / BEST_WEIGHTS_FILE).read_bytes())
    for ended in act_with_every_fault(kind, torn, lambda: save_weights(tmp_path, new)):
        assert (tmp_path / BEST_WEIGHTS_FILE).read_bytes() in contents[: 1 if ended else 2]
        save_weights(tmp_path, old)


def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_a_damaged_one(
    folder: Path, trainer: Trainer
) -> None:
    (folder / LAST_FILE).unlink()
    (folder / LAST_FILE).mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        load_checkpoint(folder, trainer.lanes[0])


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")],
)
def test_a_lack_of_memory_costs_no_checkpoint(
    folder: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(type(error)):
        load_checkpoint(folder, trainer.lanes[0])
    assert files(folder) == {LAST_FILE, PREVIOUS_FILE}


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def foreign_states(state: Values, marker: Path) -> Iterator[tuple[str, object]]:
    """What may stand behind a right checksum, with the reason for which it is passed over."""
    trainer, shape = state["trainer"], "it is one of another shape"
    yield "UnpicklingError", Evil(marker)
    yield "UnpicklingError", {**state, "extra": Evil(marker)}
    yield "KeyError", {}
    yield "TypeError", [1, 2]
    yield "KeyError", {name: one for name, one in state.items() if name != "logits"}
    yield "ValidationError", {**state, "measurements": [{}]}
    yield "its parts are not of one epoch", {**state, "measurements": state["measurements"][:1]}
    yield "its parts are not of one epoch", {**state, "trainer": {**trainer, "epoch": "two"}}
    yield shape, {**state, "logits": state["logits"][:1]}
    yield shape, {**state, "logits": [torch.zeros(1, 1)] * 2}
    # A position was not stored before epochs could be parts of a pass.
    for name in trainer.keys() - {"epoch", "position"}:
        yield shape, {**state, "trainer": {one: trainer[one] for one in trainer if one != name}}
    for name, found in (
        ("model", {}),
        ("model", {one: tensor.double() for one, tensor in trainer["model"].items()}),
        ("model", {one: tensor[:, :1] for one, tensor in trainer["model"].items()}),
        ("optimiser", {**trainer["optimiser"], "moments": trainer["optimiser"]["moments"][:1]}),
        ("optimiser", {**trainer["optimiser"], "n_steps": "many"}),
        ("best", [{"epoch": 1, "value": 0.5, "weights": {"other": torch.zeros(1)}}]),
        ("best", [{"epoch": 1, "weights": None}]),
        ("best", []),
    ):
        yield shape, {**state, "trainer": {**trainer, name: found}}
    yield "ValueError", {**state, "trainer": {**trainer, "streams": trainer["streams"][:1]}}


def test_foreign_content_behind_a_right_checksum_is_passed_over_and_executes_nothing(
    folder: Path, trainer: Trainer, caplog: pytest.LogCaptureFixture
) -> None:
    last, previous = folder / LAST_FILE, folder / PREVIOUS_FILE
    sound, marker = previous.read_bytes(), folder / "marker"
    state = torch.load(io.BytesIO(sound[hashlib.sha256().digest_size :]), weights_only=True)
    for reason, content in foreign_states(state, marker):
        buffer = io.BytesIO()
        torch.save(content, buffer)
        write_checked(last, buffer.getvalue())
        caplog.clear()
        assert epoch_of(load_checkpoint(folder, trainer.lanes[0])) == 2
        (record,) = caplog.records
        assert f"{last} cannot be used ({reason}) and is deleted" in record.getMessage()
        assert files(folder) == {PREVIOUS_FILE}
    assert trainer.lanes[0].epoch == 0


def test_what_is_passed_over_would_have_executed_something(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(Evil(tmp_path / "marker"), buffer)
    buffer.seek(0)
    torch.load(buffer, weights_only=False)
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "garbage", [b"", b"\0", b"text" * 9, b"PK\x03\x04" + b"\0" * 99, b"\x80\x02."]
)
def test_garbage_behind_a_right_checksum_is_passed_over(
    folder: Path, trainer: Trainer, garbage: bytes
) -> None:
    write_checked(folder / LAST_FILE, garbage)
    assert epoch_of(load_checkpoint(folder, trainer.lanes[0])) == 2


@pytest.mark.parametrize("other", [{"d_model": 24}, {"n_layers": 1}, {"shortcut": False}])
def test_a_checkpoint_of_another_shape_is_passed_over(
    folder: Path, small: SearchData, other: Values
) -> None:
    assert load_checkpoint(folder, make_trainer(small, **other).lanes[0]) is None
    assert files(folder) == set()


def test_random_streams_of_another_kind_of_device_begin_anew(
    tmp_path: Path, trainer: Trainer, epochs: list[Checkpoint]
) -> None:
    order, _ = epochs[0].state["streams"]
    gpu_like = torch.zeros(16, dtype=torch.uint8)
    state = {**epochs[0].state, "streams": [order, gpu_like]}
    save(tmp_path, [replace(epochs[0], state=state)])
    known = load_checkpoint(tmp_path, trainer.lanes[0])
    assert known is not None
    own = trainer.lanes[0].state_dict()["streams"]
    assert torch.equal(known.state["streams"][0], order)
    assert torch.equal(known.state["streams"][1], own[1])
    trainer.lanes[0].load_state_dict(known.state)
    assert trainer.lanes[0].epoch == 1


def test_a_trials_files_need_no_more_room_than_was_foreseen(
    tmp_path: Path, small: SearchData, epochs: list[Checkpoint], trainer: Trainer
) -> None:
    save(tmp_path, epochs)
    (result,) = trainer.train_epoch()
    weights = trainer.lanes[0].best.weights
    assert weights is not None
    assert result.improved
    save_weights(tmp_path, weights)
    blocks = [small.val] * len(epochs)
    write_epochs(tmp_path, epochs[-1].measurements, epochs[-1].logits, blocks, small.tickers)
    there = sum(path.stat().st_size for path in tmp_path.iterdir())
    foreseen = bytes_needed(
        n_params=sum(one.numel() for one in weights.values()),
        n_trials=1,
        max_concurrent=1,
        epochs=len(epochs),
        total_epochs=len(epochs),
        n_val=len(small.val),
        keep=1,
    )
    assert there < foreseen


def test_a_refit_goes_on_from_its_state_to_the_bit(small, tmp_path):
    whole, begun = make_trainer(small), make_trainer(small)
    for _ in range(3):
        whole.train_only()
    begun.train_only()
    save_state(tmp_path / "refit.ckpt", begun.lanes[0])
    resumed = make_trainer(small)
    assert load_state(tmp_path / "refit.ckpt", resumed.lanes[0])
    assert resumed.lanes[0].epoch == 1
    for _ in range(2):
        resumed.train_only()
    for name, weight in whole.lanes[0].weights().items():
        assert torch.equal(resumed.lanes[0].weights()[name], weight), name


def test_a_refit_goes_on_on_another_kind_of_device(small, tmp_path, trainer):
    """A GPU's streams are of another size: they begin anew."""
    state = trainer.lanes[0].state_dict()
    state["streams"] = [torch.zeros(16, dtype=torch.uint8) for _ in state["streams"]]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_checked(tmp_path / "refit.ckpt", buffer.getbuffer())
    assert load_state(tmp_path / "refit.ckpt", trainer.lanes[0])
    trainer.train_only()


@pytest.mark.parametrize("damage", ["cut", "other shape", "no state"])
def test_a_state_that_cannot_be_used_is_deleted_and_said(damage, small, trainer, tmp_path, caplog):
    path = tmp_path / "refit.ckpt"
    assert not load_state(path, trainer.lanes[0])
    other = make_trainer(small, n_layers=1) if damage == "other shape" else trainer
    save_state(path, other.lanes[0])
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "no state":
        write_checked(path, b"nothing that torch has written")
    assert not load_state(path, trainer.lanes[0])
    assert not path.exists()
    assert "starts over" in caplog.text
