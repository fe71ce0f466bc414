"""Checkpoints that are whole or refused, and weights that anyone can read."""

from __future__ import annotations

import io
import logging
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from phase6c.config import Values
from phase6c.files import read_checked, write_checked, write_whole
from phase6c.nn.trainer import Weights
from phase6c.records import Measurement
from phase6c.trial_folder import BEST_FILE, LAST_FILE, PREVIOUS_FILE

logger = logging.getLogger(__name__)


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
    """Writes `last.ckpt` and keeps the one before as `previous.ckpt`."""
    buffer = io.BytesIO()
    torch.save(_to_plain(checkpoint), buffer)
    last = folder / LAST_FILE
    if last.exists():
        last.replace(folder / PREVIOUS_FILE)
    write_checked(last, buffer.getbuffer())


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest sound checkpoint; None if there is none, and the trial starts over.

    A file whose checksum does not fit is passed over with a warning.
    """
    for name in (LAST_FILE, PREVIOUS_FILE):
        path = folder / name
        if not path.exists():
            continue
        payload = read_checked(path)
        if payload is not None:
            try:
                state = torch.load(io.BytesIO(payload), weights_only=True)
            except (RuntimeError, pickle.UnpicklingError):
                logger.warning("%s cannot be read as a checkpoint; it is passed over", path)
            else:
                return _from_plain(state)
        else:
            logger.warning("%s is damaged; the checkpoint before it is used", path)
    return None


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


def save_weights(folder: Path, weights: Weights) -> None:
    """Writes `best.safetensors`: ordinary weights, without a lane axis."""
    write_whole(folder / BEST_FILE, save(weights))
