"""A trial as Ray Tune runs it: an epoch a step, everything on disk before it is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray import tune

from phase6c.errors import FolderError, ResourceError
from phase6c.nn.device import use_one_thread
from phase6c.nn.trial_run import TrialRun, TrialTask
from phase6c.records import score
from phase6c.study.study_config import read_study_config
from phase6c.study.trial_folder import trial_folder


class TransformerTrainable(tune.Trainable):
    """Trains a transformer a trial.

    Its config, made by the StudySearcher: `number`, `trial` (a nested TrialConfig), `reported`
    (number of epochs that the ledger knows), `ends` (whether the best of these is to be measured on
    all validation rows, and nothing more to be trained), `rungs` (epochs after which it may be
    stopped), `kept_score` and `gpu` (see TrialTask), `study_folder`, `study_id`, and `provenance`
    and perhaps `step` for config.json.

    Attributes:
        run_type: Kind of run that does the work.
    """

    run_type: type[TrialRun] = TrialRun

    def setup(self, config: dict[str, Any], data: Any = None) -> None:
        """Takes the data that all trials share, then the first trial."""
        self._data = data
        use_one_thread()
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial; Ray keeps the process."""
        # A trial that is only to be measured once more often comes back to its worker, where all of
        # it is still in memory; its checkpoint may be older.
        if new_config["ends"] and new_config["number"] == self._number:
            self._reported, self._ends = int(new_config["reported"]), True
        else:
            self._run.close()
            self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Reports the next epoch; epochs that the ledger has not seen come before training on."""
        # The checkpoint may be older than the last epoch that the ledger knows: each epoch that is
        # trained again is told of, so that a silence means a hang.
        if not self._ends or len(self._run.measurements) < self._reported:
            measurement = self._run.measure(self._reported + 1)
            self._reported += not self._ends
        is_final = self._ends and len(self._run.measurements) >= self._reported
        if is_final:
            measurement = self._run.measure_best()
        return {
            "epoch": measurement.epoch,
            "final": is_final,
            "kept_epoch": self._run.kept_epoch,
            "score": score(measurement.value, self._run.trial.train.objective),
            # As text: Ray flattens nested results.
            "measurement": measurement.model_dump_json(),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing for Ray: the checkpoint goes to the trial's own folder."""
        self._run.keep_state()

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing from Ray: the run looks into the trial's own folder."""

    def _begin(self, config: dict[str, Any]) -> None:
        study = Path(config["study_folder"])
        _check_shared(study, config["study_id"])
        self._number = config["number"]
        folder = trial_folder(study, self._number)
        task = TrialTask(
            folder,
            config["trial"],
            config["provenance"],
            step=config.get("step"),
            rungs=config["rungs"],
            kept_score=config["kept_score"],
            gpu=config["gpu"],
        )
        self._reported, self._ends = int(config["reported"]), bool(config["ends"])
        self._run = self.run_type(task, self._data)


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
