"""One training of an evaluation: the number of epochs from an inner past block, then a refit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from phase6c.data.splits import TEST
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData
from phase6c.evaluation.fits import Refit
from phase6c.nn.checkpoint import are_finite, load_state, save_state, weights_bytes
from phase6c.nn.device import use_one_thread
from phase6c.nn.trainer import Trainer, Weights
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
    validation_frame,
    write_checksums,
    write_epochs,
    write_frame,
)
from phase6c.tune.runtime.trainable import TransformerTrainable


class FitTrainable(TransformerTrainable):
    """Trains a configuration for one step of an evaluation under one seed.

    It first trains on the earlier part of the step's dates and measures each epoch on the later
    part, as a trial of a search does. Before it reports the last of these epochs, it trains anew
    on all of the step's dates, as many epochs as were best, and predicts the block that follows.
    """

    def setup(self, config: dict[str, Any], data: Walk | None = None) -> None:  # type: ignore[override]
        """Takes the walk that all trainings share, then the first one."""
        assert data is not None
        self._walk = data
        use_one_thread()
        self._begin(config)

    def step(self) -> dict[str, Any]:
        """One epoch of the inner training; the last one with the refit after it."""
        result = super().step()
        reported = self._measurements[: self._reported]
        is_last = is_complete(reported, self._trial.train)
        if not is_last or reported[-1].diverged or (self._folder / REFIT_FILE).exists():
            return result
        return result if self._refit() else self._diverged(reported[-1])

    def _begin(self, config: dict[str, Any]) -> None:
        self._step_name = config["step"]
        self._data = self._walk.inner(self._step_name)
        super()._begin(config)

    def _diverged(self, last: Measurement) -> dict[str, Any]:
        """The last epoch, told as one without a value since nothing can be made of it."""
        health = Health(verdict="saturated", evidence=("The refit on all dates has diverged.",))
        update = {"value": None, "metrics": Metrics(), "health": health}
        self._measurements[self._reported - 1] = last.model_copy(update=update)
        assert self._data is not None
        write_epochs(self._folder, self._measurements, self._logits, self._data)
        write_checksums(self._folder, [PREDICTIONS_FILE])
        return self._told(self._measurements[self._reported - 1])

    def _refit(self) -> bool:
        """Trains on all of the step's dates; what it has written last says that it is done.

        Returns:
            Whether it has not diverged.
        """
        best = best_measurement(self._measurements, self._trial.train.objective)
        assert best is not None
        micro_batch_size = self._trainer.micro_batch_size
        self._forget_trainer()
        begun = time.perf_counter()
        data = self._walk.outer(self._step_name)
        self._trainer = trainer = Trainer([self._trial], data)
        state = self._folder / REFIT_STATE_FILE
        load_state(state, trainer)
        if micro_batch_size is not None:
            trainer.halve_micro_batch()
        while trainer.epoch < best.epoch:
            trainer.train_only()
            save_state(state, trainer)
        weights = trainer.weights(0)
        if not are_finite(weights):
            return False
        written = self._write_weights(weights) if self._step_name == TEST else self._write_out(data)
        write_checksums(self._folder, written)
        refit = Refit(epochs=best.epoch, duration_s=time.perf_counter() - begun)
        write_json(self._folder / REFIT_FILE, refit.model_dump(mode="json"))
        remove(state)
        return True

    def _write_weights(self, weights: Weights) -> list[str]:
        write_whole(self._folder / FITTED_FILE, weights_bytes(weights))
        return [FITTED_FILE]

    def _write_out(self, data: SearchData) -> list[str]:
        """The predictions of the block that follows, those of the shortcut alone after them."""
        found = {MODEL: self._trainer.val_logits()[0]}
        shortcut = self._trainer.shortcut_logits()
        if shortcut is not None:
            found[SHORTCUT] = shortcut[0]
        logits = [np.asarray(one, dtype=np.float64) for one in found.values()]
        write_frame(self._folder / OUT_FILE, validation_frame("of", [*found], logits, data))
        return [OUT_FILE]
