"""TensorBoard's view of a study: each trial's HParams from its first moment, and its curves."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorboardX.proto.api_pb2 import Status
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import hparams

from phase6c.records import Measurement, Trial
from phase6c.study.ledger import Row, Trials
from phase6c.study.study_config import StudyConfig
from phase6c.study.trial_folder import trial_folder

logger = logging.getLogger(__name__)

HPARAM_METRICS = ("auc", "log_loss", "refinement", "brier", "average_precision", "pred_range")
# Metrics of a study of several tickers beside them.
PANEL_METRICS = ("auc_within_day", "auc_per_ticker", "rank_ic", "rank_ic_t")
# Behind each event of a file stands its checksum.
_CHECKSUM_BYTES = 4
# TensorBoard orders groups of tags by the alphabet: the figures by which a search is followed stand
# once more in a group that comes first, and the columns of its table in one that comes last.
_FIRST_GROUP = "first"
_FIRST = ("auc", "log_loss")
_HPARAMS = "with_hparams"
# Files of earlier tags are made again: a resumed study has the same tags in all.
_TAGS = "tags2"
_STATUS = {"FAILED": "STATUS_FAILURE", "INFEASIBLE": "STATUS_FAILURE"}


class Board:
    """A listener of the ledger that keeps an event file for each trial.

    The configuration of a trial stands at the beginning of its file and its best metrics follow
    each epoch, so that its HParams are complete however the trial, or the search, ends.

    Event files are a view: those of earlier runs are deleted and made again from the ledger, but
    for ended trials whose file is whole. Where they cannot be written, it warns once.

    Args:
        folder: The study's folder.
        config: The study.
        trials: Trials of the ledger so far.
    """

    def __init__(self, folder: Path, config: StudyConfig, trials: Trials) -> None:
        self._folder = folder
        self._config = config
        is_panel = len(config.data_summary.get("tickers", ())) > 1
        self._metrics = (*HPARAM_METRICS, *(PANEL_METRICS if is_panel else ()))
        self._writers: dict[int, RecordWriter] = {}
        # Trials that miss an event: their files get no end, so that a resume makes them again.
        self._lossy: set[int] = set()
        for trial in trials.values():
            with self._warning_once(trial.number):
                if not self._is_whole(trial):
                    self._write_again(trial)

    def __call__(self, row: Row, trial: Trial) -> None:
        """Writes what the new row adds."""
        with self._warning_once(trial.number):
            if row["kind"] == "trial":
                self._write(trial)
            if row["kind"] == "result":
                self._write_epoch(trial)
            if trial.finished:
                self._finish(trial)

    def close(self) -> None:
        """Closes the files of trials that are not finished."""
        for number in list(self._writers):
            with self._warning_once(number):
                self._writers.pop(number).close()

    @contextmanager
    def _warning_once(self, number: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._lossy:
                logger.warning(
                    "TensorBoard's curves cannot be written (%s); `resume=True` makes them again.",
                    error.strerror or error,
                )
            self._lossy.add(number)

    def _is_whole(self, trial: Trial) -> bool:
        """Whether an ended trial has a single file with its end behind all else."""
        found = _event_files(self._folder, trial)
        if not trial.finished or len(found) != 1 or not found[0].name.endswith(_TAGS):
            return False
        end = _end(trial).SerializeToString()
        with found[0].open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - len(end) - _CHECKSUM_BYTES))
            return bool(stream.read(len(end)) == end)

    def _write_again(self, trial: Trial) -> None:
        # TensorBoard adds the events of all files in a folder: with those of an earlier run, each
        # epoch would stand twice.
        for stale in _event_files(self._folder, trial):
            stale.unlink()
        self._write(trial)
        for epoch in range(1, trial.epochs + 1):
            self._write_epoch(trial.model_copy(update={"measurements": trial.measurements[:epoch]}))
        if trial.finished:
            self._finish(trial)

    def _write_epoch(self, trial: Trial) -> None:
        latest = trial.measurements[-1]
        told = scalars(latest) | {f"{_HPARAMS}/epochs": trial.epochs}
        # The HParams table shows the last value of a tag, which must be that of the best epoch.
        if latest is trial.best(self._config.objective):
            told |= _hparam_metrics(latest, self._metrics)
        self._write(trial, _summary(told), latest.epoch)

    def _finish(self, trial: Trial) -> None:
        told = _summary({f"{_HPARAMS}/pruned": trial.state == "PRUNED"})
        if trial.final is not None:
            told.MergeFrom(_summary(_hparam_metrics(trial.final, self._metrics)))
        if trial.number not in self._lossy:
            told.MergeFrom(_end(trial))
        self._write(trial, told, trial.epochs)
        self._writers.pop(trial.number).close()

    def _write(self, trial: Trial, told: Summary | None = None, step: int = 0) -> None:
        """Writes in this thread: that of a SummaryWriter dies of a full disk and then blocks."""
        if trial.number not in self._writers:
            self._begin(trial)
        if told is not None:
            self._write_event(trial, step=step, summary=told)
        self._writers[trial.number].flush()

    def _begin(self, trial: Trial) -> None:
        folder = trial_folder(self._folder, trial.number)
        folder.mkdir(parents=True, exist_ok=True)
        made = f"{time.time():.0f}.{socket.gethostname()}.{trial.number}"
        name = f"events.out.tfevents.{made}.{_TAGS}"
        self._writers[trial.number] = RecordWriter(str(folder / name))
        self._write_event(trial, file_version="brain.Event:2")
        # TensorBoard takes the columns of its table from a trial of its choice: all name the same.
        columns, beginning, _ = hparams(_hparams(trial), dict.fromkeys(_hparam_tags(self._metrics)))
        nothing_yet = _summary({f"{_HPARAMS}/epochs": 0, f"{_HPARAMS}/pruned": 0})
        for summary in (columns, beginning, nothing_yet):
            self._write_event(trial, summary=summary)

    def _write_event(self, trial: Trial, **what: Any) -> None:
        event = Event(wall_time=time.time(), **what)
        self._writers[trial.number].write(event.SerializeToString())


def _event_files(folder: Path, trial: Trial) -> list[Path]:
    return list(trial_folder(folder, trial.number).glob("events.out.tfevents.*"))


def scalars(measurement: Measurement) -> dict[str, float]:
    """The points of an epoch on the curves: `train/loss`, `val/...`, `prob/...`, and the first."""
    metrics = measurement.metrics.model_dump()
    tags: dict[str, Any] = {f"{_FIRST_GROUP}/val_{name}": metrics[name] for name in _FIRST}
    tags["train/loss"] = metrics.pop("loss_train")
    for name, value in metrics.items():
        group = "prob" if name.startswith("pred_") else "val"
        tags[f"{group}/{name.removeprefix('pred_')}"] = value
    return {tag: float(value) for tag, value in tags.items() if value is not None}


def _summary(values: Mapping[str, float]) -> Summary:
    """All points of a moment; an event for each of them would cost four times as much."""
    points = (Summary.Value(tag=tag, simple_value=value) for tag, value in values.items())
    return Summary(value=points)


def _hparams(trial: Trial) -> Mapping[str, Any]:
    """All that is known of a trial when it is chosen."""
    extra = {
        "n_params": trial.n_params,
        "source": trial.source,
        "reference": trial.name or "",
    }
    return {**trial.params, **extra}


def _hparam_tags(metrics: Sequence[str]) -> list[str]:
    """The columns of TensorBoard's table, which shows the first five unasked."""
    first, second, *others = metrics
    # `pruned` is 1 for a trial that a rung ended.
    return [f"{_HPARAMS}/{name}" for name in (first, second, "epochs", "pruned", *others)]


def _hparam_metrics(best: Measurement, metrics: Sequence[str]) -> dict[str, float]:
    known = {name: getattr(best.metrics, name) for name in metrics}
    return {f"{_HPARAMS}/{name}": value for name, value in known.items() if value is not None}


def _end(trial: Trial) -> Summary:
    """Whether the trial ended well; TensorBoard shows trials by it."""
    status = Status.Value(_STATUS.get(trial.state, "STATUS_SUCCESS"))
    content = HParamsPluginData(session_end_info=SessionEndInfo(status=status), version=0)
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=content.SerializeToString())
    metadata = SummaryMetadata(plugin_data=plugin)
    return Summary(value=[Summary.Value(tag="_hparams_/session_end_info", metadata=metadata)])
