"""One trial as Ray Tune runs it: an epoch a step, everything on disk before it is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from phase6c.config import TrialConfig, parse
from phase6c.data.windows import SearchData
from phase6c.errors import FolderError, ResourceError
from phase6c.nn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, save_weights
from phase6c.nn.device import use_one_thread
from phase6c.nn.memory import is_out_of_memory, release_unused
from phase6c.nn.trainer import EpochResult, Trainer
from phase6c.records import Measurement, score
from phase6c.study.study_config import read_study_config
from phase6c.study.trial_folder import (
    BEST_WEIGHTS_FILE,
    PREDICTIONS_FILE,
    begin_trial_folder,
    trial_folder,
    write_checksums,
    write_epochs,
)


class TransformerTrainable(tune.Trainable):
    """Trains one transformer.

    Its config, made by the StudySearcher: `number`, `trial` (a nested TrialConfig), `reported`
    (epochs that the ledger knows), `study_folder`, `study_id`, and `provenance` for config.json.

    It always looks for a checkpoint in the trial's own folder first, so that handing out a
    number again is all that a resume or a retry needs.
    """

    def setup(self, config: dict[str, Any], data: SearchData | None = None) -> None:
        """Takes the data that all trials share, then the first trial."""
        self._data = data
        use_one_thread()
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial; Ray keeps the process."""
        self._forget_trainer()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch; those that the ledger has not seen yet are reported before training on."""
        if self._reported < len(self._measurements):
            measurement = self._measurements[self._reported]
        else:
            measurement = self._train_epoch()
        self._reported += 1
        return self._told(measurement)

    def _told(self, measurement: Measurement) -> dict[str, Any]:
        """An epoch as Ray passes it on."""
        return {
            "epoch": measurement.epoch,
            "score": score(measurement.value, self._trial.train.objective),
            # As text: Ray flattens nested results.
            "measurement": measurement.model_dump_json(),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing for Ray: the trial's own folder already holds the checkpoint."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing from Ray: see `_begin`."""

    def _begin(self, config: dict[str, Any]) -> None:
        folder = Path(config["study_folder"])
        _check_shared(folder, config["study_id"])
        self._trial = parse(TrialConfig, config["trial"])
        self._folder = trial_folder(folder, config["number"])
        self._reported = int(config["reported"])
        step = {"step": config["step"]} if config.get("step") else {}
        begin_trial_folder(self._folder, {**config["provenance"], **config["trial"], **step})
        self._take_up()

    def _take_up(self) -> None:
        """Goes on from the trial's checkpoint, or begins it."""
        self._measurements: list[Measurement] = []
        self._logits: list[np.ndarray] = []
        self._trainer = self._make_trainer()

    def _make_trainer(self) -> Trainer:
        assert self._data is not None
        trainer = Trainer([self._trial], self._data)
        known = load_checkpoint(self._folder, trainer)
        if known is not None:
            trainer.load_state_dict(known.trainer)
            self._measurements, self._logits = known.measurements, known.logits
            # The file may be of an epoch after the checkpoint, which now never was.
            if (weights := trainer.best_weights(0)) is not None:
                save_weights(self._folder, weights)
                write_checksums(self._folder, [BEST_WEIGHTS_FILE])
        return trainer

    def _forget_trainer(self) -> None:
        """Frees its memory, which the next one may need."""
        del self._trainer
        release_unused()

    def _epoch_that_fits(self) -> EpochResult:
        """The next epoch; out of memory, it is begun again from the checkpoint in half batches.

        The checkpoint is the state before the epoch, so that nothing half-trained survives.

        Raises:
            MemoryError: Half batches do not fit either; torch raises errors of its own.
        """
        try:
            (result,) = self._trainer.train_epoch()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or self._trainer.micro_batch_size is not None:
                raise
        else:
            return result
        # Only here is the error gone, whose traceback holds the tensors of the epoch.
        self._forget_trainer()
        self._take_up()
        self._trainer.halve_micro_batch()
        (result,) = self._trainer.train_epoch()
        return result

    def _train_epoch(self) -> Measurement:
        result = self._epoch_that_fits()
        self._measurements.append(result.measurement)
        self._logits.append(result.val_logits)
        assert self._data is not None
        write_epochs(self._folder, self._measurements, self._logits, self._data)
        written = [PREDICTIONS_FILE]
        weights = self._trainer.best_weights(0)
        if result.improved and weights is not None:
            save_weights(self._folder, weights)
            written.append(BEST_WEIGHTS_FILE)
        write_checksums(self._folder, written)
        state = self._trainer.state_dict()
        save_checkpoint(self._folder, Checkpoint(state, self._measurements, self._logits))
        return result.measurement


def _check_shared(folder: Path, study_id: str) -> None:
    """A worker that does not see the study's folder would lose its results silently."""
    try:
        shared = read_study_config(folder).study_id == study_id
    except FolderError:
        shared = False
    if not shared:
        raise ResourceError(
            "Every node must see the study's folder at the same path",
            folder,
            "Mount it on all nodes, or name a shared `out`.",
        )
