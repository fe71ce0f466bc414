"""TensorBoard's view of a study: each trial's curves while it runs, its HParams at the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from phase6c.ledger import Row, Trials
from phase6c.records import Measurement, Trial
from phase6c.study import StudyConfig
from phase6c.trial_folder import trial_folder

HPARAM_METRICS = ("auc", "log_loss", "refinement", "brier", "average_precision", "pred_range")


class Board:
    """A listener of the ledger that keeps one event file for each trial.

    Event files are a view: those of earlier runs are deleted and made again from the ledger.

    Args:
        folder: The study's folder.
        config: The study.
        trials: What the ledger holds so far.
    """

    def __init__(self, folder: Path, config: StudyConfig, trials: Trials) -> None:
        self._folder = folder
        self._config = config
        self._writers: dict[int, SummaryWriter] = {}
        for trial in trials.values():
            for stale in trial_folder(folder, trial.number).glob("events.out.tfevents.*"):
                stale.unlink()
            for measurement in trial.measurements:
                self._write_epoch(trial, measurement)
            if trial.finished and trial.measurements:
                self._finish(trial)

    def __call__(self, row: Row, trial: Trial) -> None:
        """Writes what the new row adds."""
        if row["kind"] == "result":
            self._write_epoch(trial, trial.measurements[-1])
        if trial.finished and trial.measurements:
            self._finish(trial)

    def close(self) -> None:
        """Closes the files of trials that are not finished."""
        for number in list(self._writers):
            self._writers.pop(number).close()

    def _write_epoch(self, trial: Trial, measurement: Measurement) -> None:
        writer = self._writer(trial)
        for tag, value in scalars(measurement).items():
            writer.add_scalar(tag, value, measurement.epoch)
        writer.flush()

    def _writer(self, trial: Trial) -> SummaryWriter:
        if trial.number not in self._writers:
            folder = trial_folder(self._folder, trial.number)
            # Two writers within one second would choose the same file name without a suffix.
            self._writers[trial.number] = SummaryWriter(
                str(folder), filename_suffix=f".{trial.number}", flush_secs=5
            )
        return self._writers[trial.number]

    def _finish(self, trial: Trial) -> None:
        writer = self._writer(trial)
        best = trial.best(self._config.objective)
        metrics = best.metrics.model_dump() if best else {}
        known = {name: metrics.get(name) for name in HPARAM_METRICS}
        found = {f"hparam/{name}": value for name, value in known.items() if value is not None}
        for tag, value in found.items():
            writer.add_scalar(tag, value, best.epoch if best else 0)
        for summary in hparams(_hparams(trial), found):
            writer.file_writer.add_summary(summary)
        writer.close()
        del self._writers[trial.number]


def scalars(measurement: Measurement) -> dict[str, float]:
    """The curves of one epoch: `train/loss`, `val/...`, `prob/...`."""
    metrics = measurement.metrics.model_dump()
    tags: dict[str, Any] = {"train/loss": metrics.pop("loss_train")}
    for name, value in metrics.items():
        group = "prob" if name.startswith("pred_") else "val"
        tags[f"{group}/{name.removeprefix('pred_')}"] = value
    return {tag: float(value) for tag, value in tags.items() if value is not None}


def _hparams(trial: Trial) -> Mapping[str, Any]:
    extra = {"n_params": trial.n_params, "state": trial.state, "source": trial.source}
    return {**trial.params, **extra}
