"""How much room on disk a search needs at its largest, and whether it is there."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from phase6c.errors import StorageError

_KIB = 1024
# Weights, two moments of AdamW and the best weights, in float32.
_CHECKPOINT_BYTES = 16
_WEIGHT_BYTES = 4
# Names and padding of every tensor: a larger share where there are many small tensors.
_PADDING = 1.02
_CHECKPOINT_EXTRA = 64 * _KIB
_WEIGHTS_EXTRA = 16 * _KIB
# One float32 logit a window in a checkpoint; in a Parquet file two float64 and packed columns.
_LOGIT_BYTES = 4
_PREDICTION_BYTES = 21
# An epoch in ledger, metrics and TensorBoard events; and as a checkpoint holds it.
_EPOCH_BYTES = 4 * _KIB
_CHECKPOINT_EPOCH_BYTES = 2 * _KIB
# A trial's configuration, its row in the JSON views, and what is lost to whole blocks.
_TRIAL_BYTES = 36 * _KIB
_STUDY_BYTES = 64 * _KIB


def bytes_needed(
    *,
    n_params: int,
    n_trials: int,
    max_concurrent: int,
    epochs: int,
    total_epochs: float,
    n_val: int,
    keep: int,
    n_states: int = 0,
) -> int:
    """The size of a study's folder at its largest.

    Args:
        n_params: Number of parameters of the largest shape.
        n_trials: Number of trials, references included.
        max_concurrent: Number of trials that run side by side.
        epochs: Largest number of epochs of a trial.
        total_epochs: Epochs of all trials together; with rungs fewer than `n_trials * epochs`.
        n_val: Number of validation windows that an epoch is measured on.
        keep: Number of trials that keep their best weights.
        n_states: Number of trainer states that each running trial has beside its checkpoints.
    """
    running = min(max_concurrent, n_trials)
    weights = _PADDING * _WEIGHT_BYTES * n_params + _WEIGHTS_EXTRA
    checkpoint = (
        _PADDING * _CHECKPOINT_BYTES * n_params
        + _CHECKPOINT_EXTRA
        + epochs * (_LOGIT_BYTES * n_val + _CHECKPOINT_EPOCH_BYTES)
    )
    # Two checkpoints; weights and predictions are there twice while they are replaced.
    replaced = 2 * checkpoint + weights + epochs * _PREDICTION_BYTES * n_val
    return round(
        running * (replaced + n_states * checkpoint)
        + (running + min(keep, n_trials)) * weights
        + total_epochs * (_PREDICTION_BYTES * n_val + _EPOCH_BYTES)
        + n_trials * _TRIAL_BYTES
        + _STUDY_BYTES
    )


def check_space(folder: Path, needed: int) -> None:
    """Checks that a study's folder can grow to so many bytes.

    Args:
        folder: The folder, there or not; bytes that it holds already count as room.
        needed: Bytes at its largest.

    Raises:
        StorageError: The disk has less.
    """
    # A folder that is not there yet will be made on the disk of the nearest folder above it.
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    room = shutil.disk_usage(there).free + _bytes_in(folder)
    if room < needed:
        raise StorageError(
            "The disk must have room for the whole search",
            f"{_text(room)} in {there}, and up to {_text(needed)} needed",
            "Free space or choose another `out`; fewer `n_trials`, a smaller `keep` and fewer "
            "trials side by side need less.",
        )


def _bytes_in(folder: Path) -> int:
    paths = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    total = 0
    for path in paths:
        # A worker that has not noticed yet that its driver was killed may still rename files.
        with suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


def _text(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"
