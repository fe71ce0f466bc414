"""The files of a trial: its configuration, a line per epoch, and its validation predictions."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from phase6c.errors import StorageError
from phase6c.records import Measurement
from phase6c.statistics.logits import sigmoid
from phase6c.storage.files import make_folder, remove, write_json, write_whole

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from phase6c.data.windows import Block

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.jsonl"
PREDICTIONS_FILE = "predictions.parquet"
BEST_WEIGHTS_FILE = "best.safetensors"
LAST_FILE = "last.ckpt"
PREVIOUS_FILE = "previous.ckpt"
CHECKSUMS_FILE = "checksums.json"
# An evaluation's training on all of a step's dates: its state, weights, predictions and summary.
REFIT_STATE_FILE = "refit.ckpt"
FITTED_FILE = "fitted.safetensors"
OUT_FILE = "out.parquet"
REFIT_FILE = "refit.json"
# Values of the column `of` in `out.parquet`: the whole model, or its shortcut and bias alone.
MODEL, SHORTCUT = "model", "shortcut"


_OF_ONE_TRIAL = (
    *(METRICS_FILE, PREDICTIONS_FILE, LAST_FILE, PREVIOUS_FILE),
    *(BEST_WEIGHTS_FILE, CHECKSUMS_FILE),
    *(REFIT_STATE_FILE, FITTED_FILE, OUT_FILE, REFIT_FILE),
)
_NAME = re.compile(r"trial_\d{3,}")
# Another version of the code may continue a trial.
_MAY_CHANGE = {"code_version"}


def trial_folder(study_folder: str | Path, number: int) -> Path:
    """The folder of a trial in its study's folder."""
    return Path(study_folder) / f"trial_{number:03d}"


def is_trial_name(name: str) -> bool:
    """Whether a trial's folder is named like this."""
    return bool(_NAME.fullmatch(name))


def trial_folders(study_folder: Path) -> Iterator[Path]:
    """The folders of all trials; a link is none of them."""
    for path in study_folder.iterdir():
        if is_trial_name(path.name) and path.is_dir() and not path.is_symlink():
            yield path


def begin_trial_folder(folder: Path, content: dict[str, Any]) -> None:
    """Makes the folder and stores what the trial depends on.

    Epochs, checkpoints and weights of another trial are deleted: where a study's ledger was
    replaced by an earlier copy of it, a number may come to stand for another configuration.
    """
    make_folder(folder)
    if _is_of_another_trial(folder / CONFIG_FILE, content):
        for name in _OF_ONE_TRIAL:
            remove(folder / name)
    write_json(folder / CONFIG_FILE, content)


def _is_of_another_trial(path: Path, content: dict[str, Any]) -> bool:
    """Whether a stored configuration differs; an unreadable file is no reason to delete."""
    try:
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    if not isinstance(stored, dict):
        return False
    # Only what both name is compared: another version may have added fields.
    shared = stored.keys() & content.keys() - _MAY_CHANGE
    return any(stored[name] != content[name] for name in shared)


def write_epochs(
    folder: Path,
    measurements: Sequence[Measurement],
    logits: Sequence[np.ndarray],
    blocks: Sequence[Block],
    tickers: Sequence[str],
) -> None:
    """Writes all epochs so far: metrics as JSON lines, predictions as Parquet.

    Args:
        folder: The trial's folder.
        measurements: Measurements of the epochs.
        logits: float32[window] per epoch.
        blocks: Windows that these logits are of, for each epoch.
        tickers: Names of the tickers.
    """
    # All epochs are written anew each time: the file is whole at any moment, and after a restart
    # from an older checkpoint it holds no epoch twice.
    lines = (
        json.dumps(measurement.model_dump(mode="json"), allow_nan=False)
        for measurement in measurements
    )
    write_whole(folder / METRICS_FILE, "\n".join(lines) + "\n")
    parts = (
        prediction_tables("epoch", {measurement.epoch: own}, block, tickers)
        for measurement, own, block in zip(measurements, logits, blocks, strict=True)
    )
    write_tables(folder / PREDICTIONS_FILE, chain.from_iterable(parts))


class StoredEpoch(NamedTuple):
    """An epoch as the files of its trial hold it.

    Attributes:
        measurement: Its metrics.
        logits: float32[window].
    """

    measurement: Measurement
    logits: np.ndarray


def read_epochs(folder: Path) -> list[StoredEpoch]:
    """The epochs that `write_epochs` has stored, up to the last that both of its files hold.

    Files that are missing or damaged hold none: the checkpoint of a trial is worth more.
    """
    import numpy as np

    try:
        lines = (folder / METRICS_FILE).read_bytes().splitlines()
        measurements = [Measurement.model_validate_json(line) for line in lines]
        stored = read_predictions(folder, ("epoch", "logit"))
        if stored is None:
            return []
        of_row, logits = stored["epoch"].to_numpy(), stored["logit"].to_numpy(np.float32)
    except (OSError, ValueError, KeyError, StorageError) as error:
        if not isinstance(error, FileNotFoundError):
            logger.warning("%s: its epochs cannot be read: %s", folder, error)
        return []
    begins = np.flatnonzero(np.diff(of_row, prepend=0))
    # The checksums of the files vouch for nothing here: another program may have written them.
    epochs = zip(range(1, len(begins) + 1), of_row[begins].tolist(), measurements, strict=False)
    if any(not number == told == one.epoch for number, told, one in epochs):
        return []
    parts = np.split(logits, begins[1:])
    return [StoredEpoch(*pair) for pair in zip(measurements, parts, strict=False)]


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Stores the SHA-256 of these files of a trial beside those of its others."""
    path = folder / CHECKSUMS_FILE
    try:
        known = dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        known = {}
    known |= {name: sha256_of(folder / name) for name in names}
    write_json(path, known)


def sha256_of(path: Path) -> str:
    """The checksum of a file's content, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def prediction_tables(
    key: str, logits: Mapping[Any, np.ndarray], block: Block, tickers: Sequence[str]
) -> Iterator[pa.Table]:
    """Predictions for the windows of a block, a table for each, marked by a value of `key`.

    Args:
        key: Name of the column that tells them apart.
        logits: float[window] of each prediction, by its value of that column.
        block: The windows.
        tickers: Names of the tickers.

    Yields:
        Columns date, ticker, key, y, down, logit and p; a row for each window.
    """
    import numpy as np
    import pyarrow as pa

    rows = {
        # Arrow knows no datetime64[D].
        "date": pa.array(block.dates.astype("datetime64[s]")),
        "ticker": pa.array([*tickers]).take(pa.array(block.tickers)),
        key: None,
        "y": pa.array(block.y.astype(np.int8)),
        "down": pa.array(block.down),
    }
    for value, own in logits.items():
        exact = own.astype(np.float64)
        marks = pa.array([value]).take(pa.array(np.zeros(len(own), dtype=np.int8)))
        yield pa.table({**rows, key: marks, "logit": exact, "p": sigmoid(exact)})


def read_predictions(folder: Path, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """The trial's validation predictions, or these columns of them; None if it has none.

    Raises:
        StorageError: The file cannot be read.
    """
    return read_frame(folder / PREDICTIONS_FILE, "A trial's predictions", columns)


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Stores a table as Parquet, whole or not at all."""
    import pyarrow as pa

    write_tables(path, [pa.Table.from_pandas(frame, preserve_index=False)])


def write_tables(path: Path, tables: Iterable[pa.Table]) -> None:
    """Stores tables of the same columns below each other as Parquet, whole or not at all.

    One of them is in memory at a time: all epochs of a panel would be gigabytes.
    """
    import pyarrow as pa
    from pyarrow import parquet

    tables = iter(tables)
    first = next(tables)
    # Logits hardly ever repeat, so that a dictionary of them is made in vain.
    few = [field.name for field in first.schema if not pa.types.is_floating(field.type)]
    stored = io.BytesIO()
    with parquet.ParquetWriter(stored, first.schema, use_dictionary=few) as writer:
        for table in chain([first], tables):
            writer.write_table(table)
    write_whole(path, stored.getvalue())


def read_frame(path: Path, what: str, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
    """A stored table; None where there is none.

    Args:
        path: The Parquet file.
        what: Words for its content in the message; a study goes on without it.
        columns: Columns to read; all unless given.

    Raises:
        StorageError: The file cannot be read.
    """
    from phase6c.storage.parquet import read_table

    if not path.exists():
        return None
    try:
        return read_table(path.read_bytes(), columns).to_pandas()
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{what} must be a readable Parquet file",
            f"{path}: {error}",
            "Restore it from a copy, or delete it: all else goes on without it.",
        ) from error
