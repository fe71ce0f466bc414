"""Checkpoints that are whole or refused, and weights that anyone can read."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from phase6c.config import Values
from phase6c.errors import StorageError
from phase6c.nn.lane import Lane, Weights
from phase6c.nn.memory import is_out_of_memory
from phase6c.records import Measurement
from phase6c.storage.files import read_checked, remove, rename, write_checked, write_whole
from phase6c.study.trial_folder import BEST_WEIGHTS_FILE, LAST_FILE, PREVIOUS_FILE

logger = logging.getLogger(__name__)

# Streams differ between devices, and there are no best weights before the first sound epoch.
_VARYING = ("streams", "weights")


@dataclass(frozen=True)
class Checkpoint:
    """A trial after one of its epochs.

    Attributes:
        state: State of its lane, as `Lane.state_dict` returns it.
        measurements: Measurement of each epoch so far.
        logits: Logits float32[window] of each epoch on the validation block.
    """

    state: Values
    measurements: list[Measurement]
    logits: list[np.ndarray]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes `last.ckpt` and keeps the checkpoint before it as `previous.ckpt`.

    At any time one of the two is whole, and there are never more than these two.
    """
    # Packed first: where memory is short, both files are still there.
    packed = _packed(_to_plain(checkpoint))
    last = folder / LAST_FILE
    if last.exists():
        rename(last, folder / PREVIOUS_FILE)
    write_checked(last, packed)


def load_checkpoint(folder: Path, lane: Lane) -> Checkpoint | None:
    """The newest checkpoint that is whole and fits; None if the trial must start over.

    A checkpoint that cannot be used is deleted with a warning, so that it never takes the place of
    a sound one.

    Args:
        folder: Folder of the trial.
        lane: Lane that the state must fit; it is left as it is.

    Raises:
        StorageError: A file cannot be read.
    """
    last, previous = folder / LAST_FILE, folder / PREVIOUS_FILE
    if previous.exists() and not last.exists():
        logger.warning("%s is missing; the checkpoint before it is used", last)
    for path in (last, previous):
        if not path.exists():
            continue
        try:
            return _read(path, lane)
        except Exception as error:  # the content of a foreign file may raise anything
            # A disk that cannot be read and a lack of memory say nothing against the file.
            if isinstance(error, StorageError) or is_out_of_memory(error):
                raise
            reason = str(error) if isinstance(error, _UnusableError) else type(error).__name__
            is_older_left = path == last and previous.exists()
            so = "the checkpoint before it is used" if is_older_left else "the trial starts over"
            logger.warning("%s cannot be used (%s) and is deleted; %s", path, reason, so)
            remove(path)
    return None


def save_state(path: Path, lane: Lane) -> None:
    """Writes everything that the next epoch of a lane depends on, and nothing else."""
    write_checked(path, _packed(lane.state_dict()))


def load_state(path: Path, lane: Lane) -> bool:
    """Loads a stored state and tells whether there was any; an unusable file is deleted.

    Raises:
        StorageError: The file cannot be read.
    """
    if not path.exists():
        return False
    payload = read_checked(path)
    state = None if payload is None else _of_this_version(_state_of(payload))
    # Compared as a whole before anything is loaded: a lane is never left half-loaded.
    if state is None or _form(state) != _form(lane.state_dict()):
        logger.warning("%s cannot be used and is deleted; its training starts over", path)
        remove(path)
        return False
    lane.load_state_dict(_with_own_streams(state, lane.state_dict()))
    return True


def _state_of(payload: memoryview) -> Any:
    try:
        return _unpacked(payload)
    except Exception as error:  # the content of a foreign file may raise anything
        if is_out_of_memory(error):
            raise
        return None


def _packed(state: Values) -> bytes:
    buffer = io.BytesIO()
    torch.save(_compact(state), buffer)
    # The buffer hands over its own bytes without a copy; a view would need the buffer alive.
    return buffer.getvalue()


def _compact(state: Any) -> Any:
    """A nested state whose tensors share no memory: torch would write all lanes with each."""
    if isinstance(state, Tensor):
        return state if state.untyped_storage().nbytes() == state.nbytes else state.clone()
    if isinstance(state, list):
        return [_compact(item) for item in state]
    if isinstance(state, Mapping):
        return {name: _compact(item) for name, item in state.items()}
    return state


def _unpacked(payload: memoryview) -> Any:
    """Stored content on the CPU, as a training may go on on another device; executes no code."""
    return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)


def save_weights(folder: Path, weights: Weights) -> None:
    """Writes `best.safetensors`: ordinary weights, without a lane axis."""
    write_whole(folder / BEST_WEIGHTS_FILE, weights_bytes(weights))


def are_finite(weights: Weights) -> bool:
    """Whether no weight is NaN or infinite."""
    return all(bool(torch.isfinite(weight).all()) for weight in weights.values())


def weights_bytes(weights: Weights) -> bytes:
    """The content of a file of the safetensors format with these weights."""
    content: bytes = save(weights)
    return content


class _UnusableError(ValueError):
    """Why a checkpoint is passed over."""


def _read(path: Path, lane: Lane) -> Checkpoint:
    payload = read_checked(path)
    if payload is None:
        raise _UnusableError("its checksum does not fit")
    return _fitted(_from_plain(_unpacked(payload)), lane.state_dict())


def _to_plain(checkpoint: Checkpoint) -> Values:
    """Tensors and plain values alone, so that reading it back executes no code."""
    return {
        # Under the name that it had when a trainer had a single state for all lanes.
        "trainer": checkpoint.state,
        "measurements": [one.model_dump(mode="json") for one in checkpoint.measurements],
        "logits": [torch.from_numpy(own) for own in checkpoint.logits],
    }


def _from_plain(state: Any) -> Checkpoint:
    measurements = [Measurement.model_validate(one) for one in state["measurements"]]
    return Checkpoint(state["trainer"], measurements, [own.numpy() for own in state["logits"]])


def _fitted(checkpoint: Checkpoint, own: Values) -> Checkpoint:
    """The checkpoint, to be loaded into a lane with a state like `own`.

    Raises:
        _UnusableError: Its parts are not of the same epoch, or it has another shape.
    """
    stored, n_epochs = _of_this_version(checkpoint.state), len(checkpoint.measurements)
    # The checksum vouches for the bytes alone; another program may have written them.
    epochs = [one.epoch for one in checkpoint.measurements]
    if epochs != list(range(1, n_epochs + 1)) or n_epochs != stored["epoch"]:
        raise _UnusableError("its parts are not of one epoch")
    has_logits = [logits.ndim for logits in checkpoint.logits] == [1] * n_epochs
    if not has_logits or _form(stored) != _form(own) or not _are_weights_of(own, stored["best"]):
        raise _UnusableError("it is one of another shape")
    return replace(checkpoint, state=_with_own_streams(stored, own))


def _of_this_version(state: Any) -> Any:
    """The state with what earlier versions did not store: their epochs were whole passes."""
    return {"position": 0, **state} if isinstance(state, dict) else state


def _with_own_streams(stored: Values, own: Values) -> Values:
    """A lane's state; streams of another kind of device begin anew."""
    # A CPU's stream is 5056 bytes, a GPU's 16: the order goes on, the dropout masks are others.
    pairs = zip(stored["streams"], own["streams"], strict=True)
    streams = [theirs if theirs.shape == mine.shape else mine for theirs, mine in pairs]
    return {**stored, "streams": streams}


def _form(state: object) -> object:
    """The names, shapes and kinds of a nested state, apart from those that vary."""
    if isinstance(state, Tensor):
        return state.shape, state.dtype
    if isinstance(state, list):
        return [_form(item) for item in state]
    if isinstance(state, Mapping):
        return {name: name in _VARYING or _form(item) for name, item in state.items()}
    # None counts as a number, since the best value and the micro-batch may be missing.
    return state is None or isinstance(state, int | float)


def _are_weights_of(own: Values, bests: Sequence[Values]) -> bool:
    """Whether the weights of the best epoch, if there are any, have the model's names and sizes."""
    # By size and not by shape, since the ordinary weights have no lane axis and lie transposed.
    expected = {name: weight.numel() for name, weight in own["model"].items()}
    return all(
        {name: weight.numel() for name, weight in best["weights"].items()} == expected
        for best in bests
        if best["weights"] is not None
    )
