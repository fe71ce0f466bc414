"""Checkpoints that are whole or refused, and weights that anyone can read."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from phase6c.config import Values
from phase6c.errors import StorageError
from phase6c.nn.memory import is_out_of_memory
from phase6c.nn.trainer import Trainer, Weights
from phase6c.records import Measurement
from phase6c.storage.files import read_checked, remove, rename, write_checked, write_whole
from phase6c.study.trial_folder import BEST_WEIGHTS_FILE, LAST_FILE, PREVIOUS_FILE

logger = logging.getLogger(__name__)

# Streams differ between devices, and weights of a best epoch are not there before there is one.
_VARYING = ("streams", "weights")


@dataclass(frozen=True)
class Checkpoint:
    """A trial after one of its epochs.

    Attributes:
        trainer: What `Trainer.state_dict` returned.
        measurements: One per epoch so far.
        logits: float32[window] per epoch, on the validation block.
    """

    trainer: Values
    measurements: list[Measurement]
    logits: list[np.ndarray]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes `last.ckpt` and keeps the one before as `previous.ckpt`.

    One of the two is whole at any time, and there are never more than two of them.
    """
    packed = _packed(_to_plain(checkpoint))
    last = folder / LAST_FILE
    if last.exists():
        rename(last, folder / PREVIOUS_FILE)
    write_checked(last, packed)


def load_checkpoint(folder: Path, trainer: Trainer) -> Checkpoint | None:
    """The newest checkpoint that is whole and fits; None if there is none: the trial starts over.

    What cannot be used is deleted with a warning, so that it never takes the place of a sound one.

    Args:
        folder: Of the trial.
        trainer: What the state must fit; it is left as it is.
    """
    last, previous = folder / LAST_FILE, folder / PREVIOUS_FILE
    if previous.exists() and not last.exists():
        logger.warning("%s is missing; the checkpoint before it is used", last)
    for path in (last, previous):
        if not path.exists():
            continue
        try:
            return _read(path, trainer)
        except Exception as error:  # what the content of a foreign file raises is not known
            if isinstance(error, StorageError) or is_out_of_memory(error):
                raise
            reason = str(error) if isinstance(error, _UnusableError) else type(error).__name__
            is_older_left = path == last and previous.exists()
            so = "the checkpoint before it is used" if is_older_left else "the trial starts over"
            logger.warning("%s cannot be used (%s) and is deleted; %s", path, reason, so)
            remove(path)
    return None


def save_state(path: Path, trainer: Trainer) -> None:
    """Writes what the next epoch of a trainer depends on, and nothing else."""
    write_checked(path, _packed(trainer.state_dict()))


def load_state(path: Path, trainer: Trainer) -> bool:
    """Whether the trainer now goes on from a state; one that cannot be used is deleted.

    Raises:
        StorageError: The file cannot be read.
    """
    if not path.exists():
        return False
    payload = read_checked(path)
    state = None if payload is None else _state_of(payload)
    if state is None or _form(state) != _form(trainer.state_dict()):
        logger.warning("%s cannot be used and is deleted; its training starts over", path)
        remove(path)
        return False
    trainer.load_state_dict(_with_own_streams(state, trainer.state_dict()))
    return True


def _state_of(payload: memoryview) -> Values | None:
    try:
        return _unpacked(payload)
    except Exception as error:  # what the content of a foreign file raises is not known
        if is_out_of_memory(error):
            raise
        return None


def _packed(state: Values) -> memoryview:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getbuffer()


def _unpacked(payload: memoryview) -> Values:
    """A state on the CPU, as a training may go on on another kind of device; executes no code."""
    state: Values = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return state


def save_weights(folder: Path, weights: Weights) -> None:
    """Writes `best.safetensors`: ordinary weights, without a lane axis."""
    write_whole(folder / BEST_WEIGHTS_FILE, weights_bytes(weights))


def are_finite(weights: Weights) -> bool:
    """Whether no weight is NaN or infinite."""
    return all(bool(torch.isfinite(one).all()) for one in weights.values())


def weights_bytes(weights: Weights) -> bytes:
    """Weights as a file of the safetensors format holds them."""
    content: bytes = save(weights)
    return content


class _UnusableError(ValueError):
    """Why a checkpoint is passed over."""


def _read(path: Path, trainer: Trainer) -> Checkpoint:
    payload = read_checked(path)
    if payload is None:
        raise _UnusableError("its checksum does not fit")
    return _fitted(_from_plain(_unpacked(payload)), trainer.state_dict())


def _to_plain(checkpoint: Checkpoint) -> Values:
    """Tensors and plain values alone, so that reading it back executes no code."""
    return {
        "trainer": checkpoint.trainer,
        "measurements": [one.model_dump(mode="json") for one in checkpoint.measurements],
        "logits": [torch.from_numpy(one) for one in checkpoint.logits],
    }


def _from_plain(state: Values) -> Checkpoint:
    measurements = [Measurement.model_validate(one) for one in state["measurements"]]
    return Checkpoint(state["trainer"], measurements, [one.numpy() for one in state["logits"]])


def _fitted(checkpoint: Checkpoint, own: Values) -> Checkpoint:
    """The checkpoint, to be loaded into a trainer with a state like `own`.

    Raises:
        _UnusableError: Its parts are not of one epoch, or it is one of another shape.
    """
    found, n_epochs = checkpoint.trainer, len(checkpoint.measurements)
    epochs = [one.epoch for one in checkpoint.measurements]
    if epochs != list(range(1, n_epochs + 1)) or n_epochs != found["epoch"]:
        raise _UnusableError("its parts are not of one epoch")
    has_logits = [one.ndim for one in checkpoint.logits] == [1] * n_epochs
    if not has_logits or _form(found) != _form(own) or not _are_weights_of(own, found["best"]):
        raise _UnusableError("it is one of another shape")
    return replace(checkpoint, trainer=_with_own_streams(found, own))


def _with_own_streams(found: Values, own: Values) -> Values:
    """A trainer's state; streams of another kind of device begin anew."""
    pairs = zip(found["streams"], own["streams"], strict=True)
    streams = [stored if stored.shape == mine.shape else mine for stored, mine in pairs]
    return {**found, "streams": streams}


def _form(state: object) -> object:
    """The names, shapes and kinds of a nested state, apart from what varies."""
    if isinstance(state, Tensor):
        return state.shape, state.dtype
    if isinstance(state, list):
        return [_form(one) for one in state]
    if isinstance(state, Mapping):
        return {name: name in _VARYING or _form(one) for name, one in state.items()}
    return state is None or isinstance(state, int | float)


def _are_weights_of(own: Values, bests: Sequence[Values]) -> bool:
    """Whether weights of best epochs, where there are any, have the model's names and sizes."""
    expected = {name: one.numel() // len(bests) for name, one in own["model"].items()}
    weights = [one["weights"] for one in bests if one["weights"] is not None]
    return all({name: one.numel() for name, one in lane.items()} == expected for lane in weights)
