"""A training of an evaluation: the number of epochs from an inner past block, then a refit."""

from __future__ import annotations

import time

from phase6c.data.splits import TEST
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData
from phase6c.evaluation.fits import Refit
from phase6c.nn.checkpoint import are_finite, load_state, save_state, weights_bytes
from phase6c.nn.device import pick_device
from phase6c.nn.lane import Weights
from phase6c.nn.trainer import Trainer
from phase6c.nn.trial_run import TrialRun, TrialTask
from phase6c.records import Health, Measurement, Metrics, best_measurement, is_complete
from phase6c.storage.files import remove, write_json, write_whole
from phase6c.study.trial_folder import (
    FITTED_FILE,
    MODEL,
    OUT_FILE,
    PREDICTIONS_FILE,
    REFIT_FILE,
    REFIT_STATE_FILE,
    SHORTCUT,
    prediction_tables,
    write_checksums,
    write_tables,
)


class FitRun(TrialRun):
    """Trains a configuration for a step of an evaluation under one seed.

    It first trains on the earlier part of the step's dates and measures each epoch on the later
    part, as a trial of a search does. Before it tells of the last of these epochs, it trains anew
    on all of the step's dates, as many epochs as were best, and predicts the block that follows.

    Args:
        task: Trial, folder and step.
        walk: Steps of the evaluation with their dates.
    """

    def __init__(self, task: TrialTask, walk: Walk) -> None:
        assert task.step is not None
        self._walk = walk
        self._step = task.step
        super().__init__(task, walk.inner(task.step))

    def measure(self, epoch: int) -> Measurement:
        """The measurement of an epoch of the inner training; the refit comes with the last."""
        measurement = super().measure(epoch)
        is_last = is_complete(self.measurements[:epoch], self.trial.train)
        if not is_last or measurement.diverged or (self.folder / REFIT_FILE).exists():
            return measurement
        return measurement if self._refit() else self._diverged(measurement.epoch)

    def _diverged(self, epoch: int) -> Measurement:
        """The last epoch, told as one without a value since nothing can be made of it."""
        health = Health(verdict="saturated", evidence=("The refit on all dates has diverged.",))
        update = {"value": None, "metrics": Metrics(), "health": health}
        last = self.measurements[epoch - 1].model_copy(update=update)
        self.measurements[epoch - 1] = last
        self._write_epochs(self._logits)
        write_checksums(self.folder, [PREDICTIONS_FILE])
        return last

    def _refit(self) -> bool:
        """Trains on all of the step's dates; the file written last says that it is done.

        Returns:
            Whether the training has not diverged.
        """
        best = best_measurement(self.measurements, self.trial.train.objective)
        assert best is not None
        halved = self.lane.micro_batch_size is not None
        # The inner trainer goes first: a GPU may not hold both.
        self.close()
        begun = time.perf_counter()
        data = self._walk.outer(self._step)
        self._trainer = Trainer([self.trial], data, pick_device(gpu=self._task.gpu))
        state = self.folder / REFIT_STATE_FILE
        load_state(state, self.lane)
        if halved:
            self._trainer.halve_micro_batch()
        schedule = self._make_schedule()
        while self.lane.epoch < best.epoch:
            self._trainer.train_only()
            if schedule.is_due():
                with schedule.writing():
                    save_state(state, self.lane)
        weights = self.lane.weights()
        if not are_finite(weights):
            return False
        written = self._write_weights(weights) if self._step == TEST else self._write_out(data)
        write_checksums(self.folder, [written])
        refit = Refit(epochs=best.epoch, duration_s=time.perf_counter() - begun)
        write_json(self.folder / REFIT_FILE, refit.model_dump(mode="json"))
        remove(state)
        return True

    def _write_weights(self, weights: Weights) -> str:
        write_whole(self.folder / FITTED_FILE, weights_bytes(weights))
        return FITTED_FILE

    def _write_out(self, data: SearchData) -> str:
        """Writes the predictions of the block that follows, the shortcut's after the model's."""
        of = {MODEL: self._trainer.val_logits()[0]}
        shortcut = self._trainer.shortcut_logits()
        if shortcut is not None:
            of[SHORTCUT] = shortcut[0]
        tables = prediction_tables("of", of, data.val, data.tickers)
        write_tables(self.folder / OUT_FILE, tables)
        return OUT_FILE
