"""The predictions that the trainings of an evaluation have stored, with their labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64

from phase6c.config import Record, parse
from phase6c.errors import ConfigError, StorageError
from phase6c.evaluation.outcomes import Truth
from phase6c.study.trial_folder import MODEL, OUT_FILE, REFIT_FILE, read_frame


class Refit(Record):
    """The summary of a training on all dates of a step.

    Attributes:
        epochs: Number of epochs that was best on the latest part of the training.
        duration_s: Seconds of the refit.
    """

    epochs: int
    duration_s: float


@dataclass(frozen=True)
class Fitted:
    """The predictions of a training for the block that follows it.

    Attributes:
        truth: Labels of the block.
        logits: Logits of the whole model, and of its shortcut alone if it has a shortcut.
    """

    truth: Truth
    logits: Mapping[str, Float64[np.ndarray, " row"]]


def read_refit(folder: Path) -> Refit | None:
    """The summary in a training's folder; None where its refit has not ended.

    Raises:
        StorageError: The file is damaged.
    """
    path = folder / REFIT_FILE
    if not path.exists():
        return None
    try:
        return parse(Refit, json.loads(path.read_bytes()))
    except (ConfigError, OSError, ValueError) as error:
        raise StorageError(
            "The summary of a refit must be whole",
            f"{path}: {error}",
            "Delete the file, and start the evaluation again under another `name`.",
        ) from error


def read_fitted(folder: Path, step: str) -> Fitted | None:
    """The predictions in a training's folder; None where there are none that are all finite.

    Args:
        folder: Folder of the training.
        step: Step that it was for.

    Raises:
        StorageError: A file is damaged.
    """
    frame = read_frame(folder / OUT_FILE, "The predictions of a training")
    # A training that ended on weights that are not finite is as good as none.
    if frame is None or not np.isfinite(frame["logit"]).all():
        return None
    by_model = {str(name): rows for name, rows in frame.groupby("of", sort=False)}
    logits = {name: rows["logit"].to_numpy(np.float64) for name, rows in by_model.items()}
    return Fitted(truth_of(by_model[MODEL], step), logits)


def truth_of(frame: pd.DataFrame, step: str) -> Truth:
    """The rows of stored predictions."""
    return Truth(
        dates=frame["date"].to_numpy().astype("datetime64[D]"),
        tickers=frame["ticker"].to_numpy(str),
        y=frame["y"].to_numpy(np.int8),
        down=frame["down"].to_numpy(bool),
        steps=np.full(len(frame), step),
        outcomes=np.full(len(frame), np.nan),
        volatility=np.full(len(frame), np.nan),
    )
