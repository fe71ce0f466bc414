"""Checkpoints that are whole or refused, and weights that anyone can read."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from phase6c.files import write_whole
from phase6c.nn.trainer import Weights
from phase6c.trial_folder import BEST_FILE, LAST_FILE, PREVIOUS_FILE

logger = logging.getLogger(__name__)

_DIGEST_BYTES = 32


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Writes `last.ckpt` and keeps the one before as `previous.ckpt`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    last = folder / LAST_FILE
    if last.exists():
        last.replace(folder / PREVIOUS_FILE)
    write_whole(last, hashlib.sha256(payload).digest() + payload)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest sound checkpoint; None if there is none, and the trial starts over.

    A file whose checksum does not fit is passed over with a warning.
    """
    for name in (LAST_FILE, PREVIOUS_FILE):
        path = folder / name
        if not path.exists():
            continue
        content = path.read_bytes()
        digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(payload).digest() == digest:
            try:
                state: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True)
            except (RuntimeError, pickle.UnpicklingError):
                logger.warning("%s cannot be read as a checkpoint; it is passed over", path)
            else:
                return state
        else:
            logger.warning("%s is damaged; the checkpoint before it is used", path)
    return None


def save_weights(folder: Path, weights: Weights) -> None:
    """Writes `best.safetensors`: ordinary weights, without a lane axis."""
    write_whole(folder / BEST_FILE, save(weights))
