"""A trial from its first epoch to its last, with its files, in any process and without Ray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from phase6c.arguments import check_kinds
from phase6c.config import TrialConfig, Values, parse
from phase6c.data.rung_rows import rung_block
from phase6c.data.windows import SearchData
from phase6c.nn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, save_weights
from phase6c.nn.checkpoint_schedule import CheckpointSchedule
from phase6c.nn.device import pick_device
from phase6c.nn.lane import Lane, Weights
from phase6c.nn.memory import is_out_of_memory, release_unused
from phase6c.nn.model import count_parameters
from phase6c.nn.trainer import EpochResult, Trainer
from phase6c.records import Measurement, best_measurement, is_complete, score
from phase6c.study.trial_folder import (
    BEST_WEIGHTS_FILE,
    PREDICTIONS_FILE,
    StoredEpoch,
    begin_trial_folder,
    read_epochs,
    write_checksums,
    write_epochs,
)


@dataclass(frozen=True)
class TrialTask:
    """A trial that is to be run, and its place on disk.

    Attributes:
        folder: Folder of the trial.
        config: Nested configuration of the trial, as the ledger holds it.
        provenance: Study, data and code of the trial, for config.json.
        step: Step of an evaluation that the training is for; None in a search.
        rungs: Epochs after which the trial may be stopped.
        kept_score: Score that the trial must reach if weights of it are to outlast it, as far as
            that is known.
        gpu: Whether the trial may use a GPU.
    """

    folder: Path
    config: Values
    provenance: Values
    step: str | None = None
    rungs: Sequence[int] = ()
    kept_score: float = -math.inf
    gpu: bool = True

    @property
    def content(self) -> Values:
        """The content of config.json."""
        step = {"step": self.step} if self.step else {}
        return {**self.provenance, **self.config, **step}


class TrialRun:
    """Runs a trial in its own folder, an epoch at a time.

    Metrics and predictions are on disk before an epoch is told of, and the best weights before an
    epoch that may be the last. The state is there as often as its cost allows: a run begins at its
    newest checkpoint, trains the epochs after it again, and tells of them what was told before. So
    the same task given again is all that a resume or a retry needs.

    Args:
        task: Trial and folder.
        data: Windows that the trial learns from.

    Attributes:
        folder: Folder of the trial.
        trial: Configuration of the trial.
        measurements: Measurement of each epoch that the state has had.
        kept_epoch: Epoch of the newest checkpoint; 0 before there is any.
        lane: Lane that the trial is trained in. Nothing but this lane is read or written for the
            trial's files, whichever other lanes its trainer may have.

    Raises:
        StorageError: The folder cannot be read or written.
    """

    kept_epoch: int

    def __init__(self, task: TrialTask, data: SearchData) -> None:
        self.folder = task.folder
        self._task = task
        self.trial = parse(TrialConfig, task.config)
        self._data = data
        self._rung_block = rung_block(data.val, self.trial.train.val_windows)
        begin_trial_folder(self.folder, task.content)
        self._take_up()

    @property
    def lane(self) -> Lane:
        """The lane of the trial; a run of its own has a trainer with a single lane."""
        return self._trainer.lanes[0]

    def measure(self, epoch: int) -> Measurement:
        """The measurement of an epoch: an earlier one from the checkpoint, the next by training.

        After a crash the next is that after the checkpoint, which may come before `epoch`.

        Raises:
            MemoryError: Half batches do not fit either; torch raises errors of its own.
            StorageError: A file cannot be written.
        """
        # After a crash the folder may be ahead of the ledger, which then hears of these epochs.
        if epoch <= len(self.measurements):
            return self.measurements[epoch - 1]
        return self._train_epoch()

    def measure_best(self) -> Measurement:
        """The trial's best epoch, measured on all validation rows; the training is over.

        Raises:
            StorageError: A file cannot be written.
        """
        known = best_measurement(self.measurements, self.trial.train.objective)
        assert known is not None
        result = self._trainer.measure_best(0, known)
        logits = [*self._logits]
        logits[known.epoch - 1] = result.val_logits
        self._write_epochs(logits)
        write_checksums(self.folder, [PREDICTIONS_FILE])
        if self._may_be_kept(result.measurement.value):
            self._store_best()
        return result.measurement

    def keep_state(self) -> None:
        """Writes a checkpoint of the newest epoch, unless there is one.

        Raises:
            StorageError: A file cannot be written.
        """
        if self.kept_epoch == len(self.measurements):
            return
        with self._schedule.writing():
            self._store_best()
            state = self.lane.state_dict()
            save_checkpoint(self.folder, Checkpoint(state, self.measurements, self._logits))
        self.kept_epoch = len(self.measurements)

    def close(self) -> None:
        """Frees the trainer's memory, which the next run may need."""
        del self._trainer
        release_unused()

    def _take_up(self) -> None:
        """Goes on from the trial's checkpoint, or begins the trial."""
        self.measurements: list[Measurement] = []
        self._logits: list[np.ndarray] = []
        self._stored_best = 0
        self._told = self._known_epochs()
        self._trainer = self._make_trainer()
        self._schedule = self._make_schedule()
        self.kept_epoch = len(self.measurements)

    def _known_epochs(self) -> list[StoredEpoch]:
        """What was told of the epochs so far; nothing if it is about other windows."""
        sizes = {len(self._rung_block), len(self._data.val)}
        told = read_epochs(self.folder)
        return told if all(len(one.logits) in sizes for one in told) else []

    def _make_trainer(self) -> Trainer:
        trainer = Trainer([self.trial], self._data, pick_device(gpu=self._task.gpu))
        (lane,) = trainer.lanes
        known = load_checkpoint(self.folder, lane)
        if known is not None:
            lane.load_state_dict(known.state)
            self.measurements, self._logits = known.measurements, known.logits
        return trainer

    def _make_schedule(self) -> CheckpointSchedule:
        """When the state is written, from now on."""
        return CheckpointSchedule(count_parameters(self.trial.model, len(self._data.feature_names)))

    def _train_epoch(self) -> Measurement:
        self._keep(self._epoch_that_fits())
        return self.measurements[-1]

    def _epoch_that_fits(self) -> EpochResult:
        """The next epoch; out of memory, the trial goes on from its checkpoint in half batches.

        Nothing half-trained survives. The epochs after the checkpoint are trained again.
        """
        try:
            (result,) = self._trainer.train_epoch()
        except (MemoryError, RuntimeError) as error:
            # Halved once at most; a second lack of memory is the trial's outcome.
            if not is_out_of_memory(error) or self._trainer.micro_batch_size is not None:
                raise
        else:
            return result
        # Only here is the error gone, whose traceback holds the tensors of the epoch.
        self.close()
        self._take_up()
        self._trainer.halve_micro_batch()
        (result,) = self._trainer.train_epoch()
        return result

    def _keep(self, result: EpochResult) -> None:
        """Writes what an epoch leaves; the checkpoint comes last, since it vouches for the rest."""
        n_before = len(self.measurements)
        # An epoch that is trained again may differ in its last digits on a GPU, and does in its
        # duration: what was told stays.
        known = self._told[n_before] if n_before < len(self._told) else None
        self.measurements.append(known.measurement if known else result.measurement)
        self._logits.append(known.logits if known else result.val_logits)
        if known is None:
            # All epochs anew each time: a file is replaced whole, where an appended one could be
            # torn.
            self._write_epochs(self._logits)
            write_checksums(self.folder, [PREDICTIONS_FILE])
        if self._schedule.is_due():
            self.keep_state()
        elif self._may_end() and self._may_be_kept(self.lane.best.value):
            self._store_best()

    def _may_end(self) -> bool:
        """Whether the trial may end with its newest epoch and no other chance to keep weights."""
        if self.measurements[-1].diverged:
            return True
        # The best epoch of such a trial is still to be measured on all rows.
        if len(self._rung_block) < len(self._data.val):
            return False
        is_rung = len(self.measurements) in self._task.rungs
        return is_rung or is_complete(self.measurements, self.trial.train)

    def _may_be_kept(self, value: float | None) -> bool:
        """Whether weights of this value may outlast the trial."""
        return score(value, self.trial.train.objective) >= self._task.kept_score

    def _store_best(self) -> None:
        """Writes the weights of the best epoch, unless the file holds them."""
        best = self.lane.best
        if best.weights is not None and best.epoch != self._stored_best:
            save_weights(self.folder, best.weights)
            write_checksums(self.folder, [BEST_WEIGHTS_FILE])
            self._stored_best = best.epoch

    def _write_epochs(self, logits: Sequence[np.ndarray]) -> None:
        """Writes all epochs; each has logits of the rungs' windows, or of all."""
        part, val = self._rung_block, self._data.val
        blocks = [part if len(own) == len(part) else val for own in logits]
        write_epochs(self.folder, self.measurements, logits, blocks, self._data.tickers)


@dataclass(frozen=True)
class TrialResult:
    """A trial, trained to its end; without a best epoch if no epoch reached a value.

    Attributes:
        measurements: Measurement of each epoch.
        best: Measurement of the best epoch.
        weights: Ordinary weights of that epoch, as `LaneTransformer.lane_state` returns them.
        val_logits: Logits of that epoch on the validation block.
    """

    measurements: tuple[Measurement, ...]
    best: Measurement | None
    weights: Weights | None
    val_logits: Float32[np.ndarray, " window"] | None


def run_trial(
    config: TrialConfig,
    data: SearchData,
    device: torch.device | None = None,
) -> TrialResult:
    """Trains a trial in memory to its end, or until it diverges; no file is written.

    Args:
        config: Configuration of the trial.
        data: Train and val blocks.
        device: Device of the model; by default the GPU if there is one, else the CPU.

    Raises:
        ConfigError: An argument is of another kind, or the trial is not about this data.
        DataError: The context is longer than the bars allow.
    """
    check_kinds(
        run_trial,
        (config, TrialConfig, "study.config_of(study.best)"),
        (data, SearchData, "phase6c.data.preparation.prepare_search_data(bars, config.data)"),
    )
    trainer = Trainer([config], data, device)
    measurements: list[Measurement] = []
    best: EpochResult | None = None
    while not measurements or not (
        measurements[-1].diverged or is_complete(measurements, config.train)
    ):
        (result,) = trainer.train_epoch()
        measurements.append(result.measurement)
        best = result if result.improved else best
    return TrialResult(
        measurements=tuple(measurements),
        best=None if best is None else best.measurement,
        weights=trainer.lanes[0].best.weights,
        val_logits=None if best is None else best.val_logits,
    )
