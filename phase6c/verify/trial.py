"""Whether the files of a trial say what the ledger says of it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from phase6c.config import Values
from phase6c.errors import StorageError
from phase6c.records import Measurement, Trial
from phase6c.statistics.cross_section import group_aucs
from phase6c.statistics.days import Days
from phase6c.statistics.logits import log_losses, sigmoid
from phase6c.storage.files import read_checked
from phase6c.storage.parquet import read_table
from phase6c.study.ledger import Trials
from phase6c.study.ranking import eligible, value_of
from phase6c.study.study_config import StudyConfig
from phase6c.study.trial_folder import (
    BEST_WEIGHTS_FILE,
    CHECKSUMS_FILE,
    CONFIG_FILE,
    FITTED_FILE,
    LAST_FILE,
    METRICS_FILE,
    OUT_FILE,
    PREDICTIONS_FILE,
    PREVIOUS_FILE,
    sha256_of,
    trial_folder,
)
from phase6c.verify.files import (
    Finding,
    MismatchError,
    StudyFiles,
    difference,
    json_object,
    settled,
)

# Largest distance of a metric in the ledger from the metric of the stored predictions.
TOLERANCE = 1e-6

_EPOCHS = "It must have the epochs of the ledger"
_COLUMNS = {
    "date": np.dtype("datetime64[ns]"),
    "epoch": np.int64,
    "y": np.int64,
    "logit": np.float64,
    "p": np.float64,
}
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_LENGTH_BYTES = 8
# Largest header that the safetensors library itself accepts.
_MAX_HEADER_BYTES = 100_000_000


def folder_name(number: int) -> str:
    """The name of a trial's folder in its study's folder."""
    return trial_folder("", number).name


def check_trial(files: StudyFiles, trial: Trial, config: StudyConfig) -> Iterator[Finding]:
    """Whether a trial's folder holds what the ledger says of it.

    Metrics and predictions of an epoch are on disk before the ledger knows of it; they may be ahead
    of the ledger where a trial was interrupted or failed. Weights must be there once it has ended
    regularly, and a checkpoint is written as often as its cost allows.
    """
    folder = folder_name(trial.number)
    if not files.has(folder):
        if trial.epochs:
            yield Finding(folder, "The folder of a trial with results must be there", "nothing")
        return
    has_config = trial.epochs or files.has(f"{folder}/{CONFIG_FILE}")
    if has_config:
        yield from settled(_check_config(files, f"{folder}/{CONFIG_FILE}", trial, config))
    if trial.epochs:
        yield from settled(_check_metrics(files, f"{folder}/{METRICS_FILE}", trial))
        yield from settled(_check_predictions(files, f"{folder}/{PREDICTIONS_FILE}", trial))
    if files.has(f"{folder}/{BEST_WEIGHTS_FILE}"):
        yield from settled(_check_weights(files, f"{folder}/{BEST_WEIGHTS_FILE}", trial.n_params))
    yield from settled(_check_checkpoints(files, folder, trial))
    if files.has(f"{folder}/{CHECKSUMS_FILE}"):
        yield from settled(_check_checksums(files, folder, trial))


def _check_checksums(files: StudyFiles, folder: str, trial: Trial) -> Iterator[Finding]:
    """Whether files are to the bit what was written; a trial cut short may be between two."""
    known = files.read_json(f"{folder}/{CHECKSUMS_FILE}")
    was_cut_short = trial.state not in ("COMPLETE", "PRUNED")
    for name in (PREDICTIONS_FILE, BEST_WEIGHTS_FILE, OUT_FILE, FITTED_FILE):
        path = f"{folder}/{name}"
        if name in known and files.has(path) and sha256_of(files.path(path)) != known[name]:
            rule = f"It must have the SHA-256 that stands in {CHECKSUMS_FILE}"
            yield Finding(path, rule, "another", harmless=was_cut_short)


def _check_config(
    files: StudyFiles, name: str, trial: Trial, config: StudyConfig
) -> Iterator[Finding]:
    stored = files.read_json(name)
    expected = {
        "study_id": config.study_id,
        "data_digest": config.data_digest,
        # A trial may be gone on with by other code.
        "code_version": stored.get("code_version"),
        **trial.config,
        **({"step": trial.step} if trial.step else {}),
    }
    fault = difference(stored, expected)
    if fault:
        yield Finding(name, "It must be the configuration in the ledger", fault)


def _check_metrics(files: StudyFiles, name: str, trial: Trial) -> Iterator[Finding]:
    stored = [_measurement(name, line) for line in files.read(name).splitlines()]
    if not _fits(len(stored), trial):
        yield Finding(name, _EPOCHS, f"{len(stored)} instead of {trial.epochs}")
    for measured, known in zip(stored, trial.measurements, strict=False):
        fault = difference(_without_time(measured), _without_time(known))
        if fault:
            rule = f"Epoch {known.epoch} must be as in the ledger"
            yield Finding(name, rule, fault)


def _measurement(name: str, line: bytes) -> Measurement:
    try:
        return Measurement.model_validate(json_object(line))
    except ValueError as error:
        raise MismatchError(
            name, "Every line must be the measurement of an epoch", error
        ) from error


def _without_time(measurement: Measurement) -> Values:
    """An epoch that had to be trained again takes another time."""
    return measurement.model_dump(mode="json", exclude={"duration_s"})


def _fits(n_epochs: int, trial: Trial) -> bool:
    """Whether so many epochs may be on disk: a trial that ended regularly has exactly its own."""
    if trial.state in ("COMPLETE", "PRUNED"):
        return n_epochs == trial.epochs
    return n_epochs >= trial.epochs


def _check_predictions(files: StudyFiles, name: str, trial: Trial) -> Iterator[Finding]:
    columns = _predictions(name, files.read(name))
    stored = np.unique(columns["epoch"])
    n_epochs = len(stored)
    if not (_fits(n_epochs, trial) and np.array_equal(stored, np.arange(1, n_epochs + 1))):
        epochs = ", ".join(map(str, stored[:20])) or "none"
        yield Finding(name, _EPOCHS, f"{epochs} instead of 1 to {trial.epochs}")
        return
    final = trial.final
    for known in trial.measurements:
        # The best epoch's predictions on all rows stand in the place of those on the rungs' part.
        is_final = final is not None and final.epoch == known.epoch
        rows = columns["epoch"] == known.epoch
        of_epoch = {column: values[rows] for column, values in columns.items()}
        fault = _unlike(final if final is not None and is_final else known, of_epoch)
        if fault:
            rule = f"Epoch {known.epoch} must give the metrics in the ledger"
            yield Finding(name, rule, fault)


def _predictions(name: str, content: bytes) -> dict[str, np.ndarray]:
    try:
        table = read_table(content, [*_COLUMNS])
        return {
            column: table[column].to_numpy().astype(kind, casting="safe")
            for column, kind in _COLUMNS.items()
        }
    except Exception as error:  # damaged files make pyarrow raise almost anything
        raise MismatchError(name, "It must be a Parquet file of predictions", error) from error


def _unlike(known: Measurement, stored: Mapping[str, np.ndarray]) -> str | None:
    """The first metric of an epoch that its predictions do not give; a diverged epoch has none."""
    if known.diverged:
        return None
    y, logits, p = (stored[column] for column in ("y", "logit", "p"))
    if not (np.isfinite(logits).all() and np.isin(y, (0, 1)).all()):
        return "logits that are not finite, or labels beside 0 and 1"
    if not np.abs(p - sigmoid(logits)).max() <= TOLERANCE:
        return "p that is not the sigmoid of the logit"
    recorded = {"log_loss": known.metrics.log_loss, "auc": known.metrics.auc}
    given = {"log_loss": float(log_losses(logits, y).mean())}
    if len(np.unique(y)) == 2:
        given["auc"] = float(roc_auc_score(y, logits))
    if known.metrics.auc_within_day is not None:
        recorded["auc_within_day"] = known.metrics.auc_within_day
        days = Days.of(stored["date"])
        given["auc_within_day"] = float(np.nanmean(group_aucs(logits, y, days.of_row, days.n)))
    for metric, value in recorded.items():
        again = given.get(metric)
        if value is None or again is None:
            same = value is again
        else:
            same = math.isclose(value, again, rel_tol=0, abs_tol=TOLERANCE)
        if not same:
            return f"{metric} {again}, recorded {value}"
    return None


def _check_weights(files: StudyFiles, name: str, n_params: int) -> Iterator[Finding]:
    header, n_bytes = _read_header(files, name)
    header.pop("__metadata__", None)
    rule = "The tensors of the header must cover the file"
    end = count = 0
    try:
        for tensor in sorted(header.values(), key=lambda tensor: tensor["data_offsets"]):
            start, stop = tensor["data_offsets"]
            size = math.prod(tensor["shape"])
            # The format asks for tensors that follow each other without gaps: a gap could hide
            # anything.
            if start != end or stop != start + size * _ITEM_BYTES[tensor["dtype"]]:
                raise MismatchError(name, rule, f"one from {start} to {stop} after {end}")
            end, count = stop, count + size
    except (LookupError, TypeError, ValueError) as error:
        raise MismatchError(name, "The header must describe tensors", repr(error)) from error
    if end != n_bytes:
        yield Finding(name, rule, f"{n_bytes:,} bytes, of which {end:,} are described")
    if count != n_params:
        yield Finding(name, f"It must have {n_params:,} parameters", f"{count:,}")


def _read_header(files: StudyFiles, name: str) -> tuple[dict[str, Any], int]:
    """The JSON of a safetensors file, and how many bytes follow it."""
    rule = "It must have the header of a safetensors file"
    try:
        with files.path(name).open("rb") as stream:
            n_bytes = os.fstat(stream.fileno()).st_size - _LENGTH_BYTES
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            if length > min(n_bytes, _MAX_HEADER_BYTES):
                raise MismatchError(name, rule, f"a length of {length:,} bytes")
            return json_object(stream.read(length)), n_bytes - length
    except (OSError, ValueError) as error:
        raise MismatchError(name, rule, error) from error


def _check_checkpoints(files: StudyFiles, folder: str, trial: Trial) -> Iterator[Finding]:
    names = [f"{folder}/{file}" for file in (LAST_FILE, PREVIOUS_FILE)]
    there = [name for name in names if files.has(name)]
    if trial.finished:
        for name in there:
            rule = "A trial that has ended needs no checkpoint"
            yield Finding(name, rule, "one that was not deleted", harmless=True)
        return
    if trial.epochs and not there:
        rule = "A trial without a checkpoint begins anew"
        yield Finding(names[0], rule, "none", harmless=True)
    for name in there:
        try:
            payload = read_checked(files.path(name))
        except StorageError as error:
            raise MismatchError(name, "It must be readable", error.value) from error
        if payload is None:
            rule = "A checkpoint must have the SHA-256 that it begins with"
            yield Finding(name, rule, "another")


def check_kept_weights(files: StudyFiles, trials: Trials, config: StudyConfig) -> Iterator[Finding]:
    """Whether the best weights of the best trials are there, and those of the others are not."""
    kept = _kept(trials, config)
    left = []
    for number, trial in trials.items():
        name = f"{folder_name(number)}/{BEST_WEIGHTS_FILE}"
        allowed = not trial.finished or number in kept
        wanted = trial.state in ("COMPLETE", "PRUNED") and number in kept
        if wanted and value_of(trial, config.objective) > -math.inf and not files.has(name):
            yield Finding(name, f"Of the best {config.keep} trials, weights must be kept", "none")
        elif files.has(name) and not allowed:
            left.append(name)
    for name in left:
        rule = f"Weights must be kept of the best {config.keep} trials alone"
        # The end of a trial is written before the weights that it makes superfluous are deleted.
        yield Finding(name, rule, "those of another", harmless=len(left) == 1)


def _kept(trials: Mapping[int, Trial], config: StudyConfig) -> set[int]:
    """The numbers of the trials whose best weights outlast them."""
    finished = [trial for trial in trials.values() if trial.finished]
    finished.sort(
        key=lambda trial: (
            eligible(trial, config),
            trial.searched,
            value_of(trial, config.objective),
        ),
        reverse=True,
    )
    return {trial.number for trial in finished[: config.keep]}
