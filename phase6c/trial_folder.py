"""The files of one trial: its configuration, a line per epoch, and its validation predictions."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phase6c.calibration import sigmoid
from phase6c.files import write_json, write_whole
from phase6c.records import Measurement

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from phase6c.data.windows import SearchData

CONFIG_FILE = "config.json"
METRICS_FILE = "metrics.jsonl"
PREDICTIONS_FILE = "predictions.parquet"
BEST_FILE = "best.safetensors"
LAST_FILE = "last.ckpt"
PREVIOUS_FILE = "previous.ckpt"


def trial_folder(study_folder: str | Path, number: int) -> Path:
    """The folder of a trial in its study's folder."""
    return Path(study_folder) / f"trial_{number:03d}"


def write_config(folder: Path, content: dict[str, Any]) -> None:
    """Makes the folder and stores what the trial depends on."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG_FILE, content)


def write_epochs(
    folder: Path,
    measurements: Sequence[Measurement],
    logits: Sequence[np.ndarray],
    data: SearchData,
) -> None:
    """Writes all epochs so far: metrics as JSON lines, predictions as Parquet.

    Args:
        folder: The trial's folder.
        measurements: One per epoch.
        logits: float32[window] per epoch, on the validation block.
        data: Holds the validation block.
    """
    lines = (json.dumps(one.model_dump(mode="json"), allow_nan=False) for one in measurements)
    write_whole(folder / METRICS_FILE, "\n".join(lines) + "\n")
    table = io.BytesIO()
    predictions_frame(measurements, logits, data).to_parquet(table, index=False)
    write_whole(folder / PREDICTIONS_FILE, table.getvalue())


def predictions_frame(
    measurements: Sequence[Measurement], logits: Sequence[np.ndarray], data: SearchData
) -> pd.DataFrame:
    """Columns date, ticker, epoch, y, logit, p; one row per epoch and validation window."""
    import numpy as np
    import pandas as pd

    block, n_epochs = data.val, len(measurements)
    flat = np.concatenate(logits).astype(np.float64)
    return pd.DataFrame(
        {
            "date": np.tile(block.dates.astype("datetime64[s]"), n_epochs),
            "ticker": np.tile(np.asarray(data.tickers)[block.tickers], n_epochs),
            "epoch": np.repeat([one.epoch for one in measurements], len(block.y)),
            "y": np.tile(block.y.astype(np.int8), n_epochs),
            "logit": flat,
            "p": sigmoid(flat),
        }
    )


def read_predictions(folder: Path) -> pd.DataFrame | None:
    """The trial's validation predictions; None if it has none."""
    import pandas as pd

    path = folder / PREDICTIONS_FILE
    return pd.read_parquet(path) if path.exists() else None
