"""The files of a model that is handed over: description, scaler, calibrator, weights and blend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from phase6c.config import Record, TrialConfig
from phase6c.data.scaling import bin_edges
from phase6c.data.windows import SearchData
from phase6c.errors import StorageError
from phase6c.statistics.calibrators import Calibrator
from phase6c.statistics.simple_models import AnySimpleModel
from phase6c.storage.files import write_json, write_whole
from phase6c.study.trial_folder import CHECKSUMS_FILE, sha256_of
from phase6c.wording import counted, words

CONFIG_FILE, SCALER_FILE, CALIBRATOR_FILE = "config.json", "scaler.json", "calibrator.json"
BLEND_FILE = "blend.json"
SINGLE_WEIGHTS_FILE = "model.safetensors"


class ModelInfo(Record):
    """The description and origin of a model; stored as config.json.

    Attributes:
        trial: Configuration of the trainings; its seed is that of the first one.
        seeds: Seeds of the trainings, whose probabilities are averaged.
        feature_names: Features in the order of the input.
        n_params: Number of parameters of a training.
        bar_days: Median distance of two bars in days, 1 for daily bars.
        sources, bars_digest: Bars that the model was fitted on.
        fitted_through: Last date that any of its labels has read.
        threshold: Probability from which on a rise is called, chosen before the test block opened.
        evaluation_id: Evaluation that chose the model.
        code_version: Version of the code that made the model.
        feature_code_digest: Digest of the code that computed the features.
        blended_with: Baseline whose logit is averaged with the model's before they are calibrated,
            half and half; null for the model alone.
    """

    # An underscore, since `schema` is a method of pydantic's models; files have the alias.
    schema_: Literal["phase6c.model/1"] = Field(default="phase6c.model/1", alias="schema")
    trial: TrialConfig
    seeds: tuple[int, ...] = Field(min_length=1)
    feature_names: tuple[str, ...]
    n_params: int
    bar_days: float
    sources: tuple[str, ...]
    bars_digest: str
    fitted_through: date
    threshold: float
    evaluation_id: str
    code_version: str
    feature_code_digest: str
    blended_with: str | None = None

    def __repr__(self) -> str:
        return f"ModelInfo({self.text})"

    @property
    def text(self) -> str:
        """The model in a few words."""
        n_seeds, n_features = len(self.seeds), len(self.feature_names)
        blend = "" if self.blended_with is None else f" with {words(self.blended_with)}"
        return (
            f"{self.trial.data.target}, {counted(n_seeds, 'seed')} of "
            f"{counted(self.n_params, 'parameter')}{blend}, {counted(n_features, 'feature')}, "
            f"fitted through {self.fitted_through}"
        )


class StoredScaler(Record):
    """What turns features into a model's input, as JSON.

    Attributes:
        feature_names: Names of the features.
        tickers: Tickers that the model was fitted on.
        mean, scale: Moments of the features: a row for all tickers, or one for each of them.
        logged: Features whose logs are taken before they are scaled.
        edges: Edges of each scaled feature's bins; none without bins.
    """

    feature_names: tuple[str, ...]
    tickers: tuple[str, ...]
    mean: tuple[tuple[float, ...], ...]
    scale: tuple[tuple[float, ...], ...]
    logged: tuple[str, ...] = ()
    edges: tuple[tuple[float, ...], ...] = ()

    def __repr__(self) -> str:
        n_features, n_rows = len(self.feature_names), len(self.mean)
        return f"StoredScaler({counted(n_rows, 'row')} of {counted(n_features, 'feature')})"

    @classmethod
    def of(cls, data: SearchData, bins: int = 0) -> StoredScaler:
        """The scaler of a trial's data, with so many bins of each feature."""
        edges = bin_edges(data.features, data.train.end_rows, bins).tolist() if bins else []
        return cls(
            feature_names=data.feature_names,
            tickers=data.tickers,
            mean=tuple(map(tuple, data.scaler.mean.tolist())),
            scale=tuple(map(tuple, data.scaler.scale.tolist())),
            logged=data.logged,
            edges=tuple(map(tuple, edges)),
        )


class StoredBlend(Record):
    """The simple model that the transformer is blended with, as JSON.

    Attributes:
        model: Coefficients or trees, for features that are scaled as the transformer's are.
    """

    # An underscore, since `schema` is a method of pydantic's models; files have the alias.
    schema_: Literal["phase6c.blend/1"] = Field(default="phase6c.blend/1", alias="schema")
    model: AnySimpleModel


def weights_file(seed: int, n_seeds: int) -> str:
    """The name of the file with a training's weights."""
    return SINGLE_WEIGHTS_FILE if n_seeds == 1 else f"model_{seed}.safetensors"


def write_model(
    folder: Path,
    info: ModelInfo,
    scaler: StoredScaler,
    calibrator: Calibrator,
    weights: Mapping[int, bytes],
    blend: StoredBlend | None = None,
) -> None:
    """Writes a model; its checksums, without which it is not whole, come last.

    Args:
        folder: Existing folder of the model.
        info, scaler, calibrator: Records of the model, see their classes.
        weights: Weights of each training in the safetensors format, by seed.
        blend: Simple model that `info` says it is blended with.

    Raises:
        StorageError: A file cannot be written.
    """
    # Each file is replaced whole; until the checksums fit all of them, no reader takes the model.
    files = [weights_file(seed, len(weights)) for seed in weights]
    for name, content in zip(files, weights.values(), strict=True):
        write_whole(folder / name, content)
    write_json(folder / SCALER_FILE, scaler.model_dump(mode="json"))
    write_whole(folder / CALIBRATOR_FILE, calibrator.to_json())
    if blend is not None:
        write_json(folder / BLEND_FILE, blend.model_dump(mode="json", by_alias=True))
        files.append(BLEND_FILE)
    write_json(folder / CONFIG_FILE, info.model_dump(mode="json", by_alias=True))
    files += [SCALER_FILE, CALIBRATOR_FILE, CONFIG_FILE]
    write_json(folder / CHECKSUMS_FILE, {name: sha256_of(folder / name) for name in files})


def check_whole(folder: Path) -> None:
    """Checks that the files of a model are to the bit what was written.

    Raises:
        StorageError: A file is missing, damaged or of another model.
    """
    path = folder / CHECKSUMS_FILE
    try:
        known = dict(json.loads(path.read_bytes()))
        for name, checksum in known.items():
            path = folder / name
            if sha256_of(path) != checksum:
                raise damaged(path, f"another SHA-256 than in {CHECKSUMS_FILE}")
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error
    except (TypeError, ValueError) as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, found: str) -> StorageError:
    """The error for a damaged file of a model."""
    return StorageError(
        "The files of a model must be whole and fit each other",
        f"{path}: {found}",
        "Restore it from a copy, or resume its evaluation, which writes it anew.",
    )
