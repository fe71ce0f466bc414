"""The validation rows of a study beside their labels: what those are cut from, and volatility."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Shaped

from phase6c.study.trial_folder import read_frame, write_frame

if TYPE_CHECKING:
    from phase6c.data.windows import SearchData

VALIDATION_FILE = "validation.parquet"


@dataclass(frozen=True)
class ValidationRows:
    """All validation rows, in the order of the predictions.

    Attributes:
        tickers: Names of the rows' tickers.
        outcomes: What the labels are cut from, as a fraction of the close.
        volatility: Standard deviation of the 20 daily log returns up to the row's day.
    """

    tickers: Shaped[np.ndarray, " row"]
    outcomes: Float[np.ndarray, " row"]
    volatility: Float[np.ndarray, " row"]


def write_validation_rows(study_folder: Path, data: SearchData) -> None:
    """Stores them once for all trials, as they are the same for each.

    Raises:
        StorageError: The file cannot be written.
    """
    import pandas as pd

    block = data.val
    frame = pd.DataFrame(
        {
            "date": block.dates.astype("datetime64[s]"),
            "ticker": np.asarray(data.tickers)[block.tickers],
            "y": block.y.astype(np.int8),
            "outcome": block.outcomes,
            "volatility": block.volatility,
        }
    )
    write_frame(study_folder / VALIDATION_FILE, frame)


def read_validation_rows(study_folder: Path, n_rows: int) -> ValidationRows | None:
    """The rows; None in studies that have not stored them, or where their number is another.

    Raises:
        StorageError: The file cannot be read.
    """
    frame = read_frame(study_folder / VALIDATION_FILE, "The validation rows")
    if frame is None or len(frame) != n_rows:
        return None
    return ValidationRows(
        tickers=frame["ticker"].to_numpy(str),
        outcomes=frame["outcome"].to_numpy(np.float64),
        volatility=frame["volatility"].to_numpy(np.float64),
    )
