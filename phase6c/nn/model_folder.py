"""The files of a model that is handed over: description, scaler, calibrator, weights and blend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from phase6c.config import Record, RecordType, TrialConfig, parse
from phase6c.data.catalogue import FEATURES
from phase6c.data.market import is_market_feature
from phase6c.data.scaling import bin_edges
from phase6c.data.windows import SearchData
from phase6c.errors import ConfigError, StorageError
from phase6c.nn.checkpoint import are_finite
from phase6c.statistics.calibrators import Calibrator
from phase6c.statistics.simple_models import AnySimpleModel, SimpleModel
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


class ModelFiles(NamedTuple):
    """The content of a model's files, which fit each other.

    Attributes:
        info, scaler, calibrator: Records of the model.
        weights: Weights of each training, in the order of the seeds.
        partner: Simple model of the blend; None for the model alone.
    """

    info: ModelInfo
    scaler: StoredScaler
    calibrator: Calibrator
    weights: list[dict[str, Tensor]]
    partner: SimpleModel | None


def read_model(folder: Path) -> ModelFiles:
    """Reads the files of a model; whether the weights fit its shape, loading them tells.

    Raises:
        StorageError: A file is missing, damaged, or of another model or version.
    """
    check_whole(folder)
    info = _record(ModelInfo, folder / CONFIG_FILE)
    scaler = _record(StoredScaler, folder / SCALER_FILE)
    calibrator = Calibrator.from_json(_bytes(folder / CALIBRATOR_FILE))
    _check_features(info, scaler, folder)
    partner = None if info.blended_with is None else _partner(info, folder / BLEND_FILE)
    paths = [folder / weights_file(seed, len(info.seeds)) for seed in info.seeds]
    return ModelFiles(info, scaler, calibrator, [_weights(path) for path in paths], partner)


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


def _check_features(info: ModelInfo, scaler: StoredScaler, folder: Path) -> None:
    own = {name for name in info.feature_names if not is_market_feature(name)}
    unknown = sorted(own - FEATURES.keys())
    if unknown:
        raise damaged(folder / CONFIG_FILE, f"features of another version: {', '.join(unknown)}")
    n_rows = len(scaler.tickers) if info.trial.data.scaling == "per_ticker" else 1
    shape = [len(info.feature_names)] * n_rows
    if scaler.feature_names != info.feature_names or any(
        [len(row) for row in rows] != shape for rows in (scaler.mean, scaler.scale)
    ):
        raise damaged(folder / SCALER_FILE, "moments of other features than the model's")
    bins = info.trial.model.bins
    if [len(row) for row in scaler.edges] != ([bins + 1] * len(info.feature_names) if bins else []):
        raise damaged(folder / SCALER_FILE, "edges of other bins than the model's")


def _partner(info: ModelInfo, path: Path) -> SimpleModel:
    partner = _record(StoredBlend, path).model
    if partner.n_values != partner.context_days * len(info.feature_names):
        raise damaged(path, "a simple model of other features than the model's")
    return partner


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = load(_bytes(path))
    except SafetensorError as error:
        raise damaged(path, str(error)) from error
    if not are_finite(weights):
        raise damaged(path, "weights that are not finite")
    return weights


def _record(kind: type[RecordType], path: Path) -> RecordType:
    try:
        return parse(kind, json.loads(_bytes(path)))
    except ConfigError as error:
        raise damaged(path, str(error.value)) from error
    except ValueError as error:
        raise damaged(path, str(error)) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error
