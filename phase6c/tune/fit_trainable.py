"""One training of an evaluation: the number of epochs from an inner past block, then a refit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from phase6c.data.walk import TEST, Walk
from phase6c.data.windows import SearchData
from phase6c.files import remove, write_json, write_whole
from phase6c.nn.checkpoint import load_state, save_state, weights_bytes
from phase6c.nn.device import use_one_thread
from phase6c.nn.trainer import Trainer
from phase6c.records import is_complete, score
from phase6c.trial_folder import (
    FITTED_FILE,
    MODEL,
    OUT_FILE,
    REFIT_FILE,
    REFIT_STATE_FILE,
    SHORTCUT,
    validation_frame,
    write_checksums,
    write_frame,
)
from phase6c.tune.trainable import TransformerTrainable


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
        if is_last and not reported[-1].diverged and not (self._folder / REFIT_FILE).exists():
            self._refit()
        return result

    def _begin(self, config: dict[str, Any]) -> None:
        self._step_name = config["step"]
        self._data = self._walk.inner(self._step_name)
        super()._begin(config)

    def _refit(self) -> None:
        """Trains on all of the step's dates; what it has written last says that it is done."""
        objective = self._trial.train.objective
        best = max(self._measurements, key=lambda one: score(one.value, objective))
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
        written = self._write_weights() if self._step_name == TEST else self._write_out(data)
        write_checksums(self._folder, written)
        duration_s = time.perf_counter() - begun
        write_json(
            self._folder / REFIT_FILE,
            {"epochs": best.epoch, "duration_s": duration_s, "base_rate": data.base_rate},
        )
        remove(state)

    def _write_weights(self) -> list[str]:
        write_whole(self._folder / FITTED_FILE, weights_bytes(self._trainer.weights(0)))
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
