"""A search whose scores follow from the configuration alone, run by the product as it is.

Run: python search.py FOLDER [--workers N | --address A [--gpus N]] [--trials N] [--epoch-s S]
[--resume]
Every epoch that is really trained adds a line "number epoch pid node" to FOLDER/trained.log.
MAX_SHARE in the environment replaces the share of checkpoints; by default each epoch has one.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import ray

import phase6c
from phase6c.config import digest_of
from phase6c.errors import Phase6cError
from phase6c.nn import checkpoint_schedule, trial_run
from phase6c.nn.trainer import EpochResult, Trainer
from phase6c.nn.trial_run import TrialRun
from phase6c.records import Measurement
from phase6c.space.space import Space
from phase6c.tune.runtime.session import run_job
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.search.run import search_job
from search_spaces import tiny

EPOCHS = 9
# Workers are sent it with the code; machines of a cluster have an environment of their own.
GIVEN = {"epoch_s": 0.0}
SPACE: Space = replace(tiny.SPACE, references=())


class FormulaTrainer(Trainer):
    """Trains nothing: an epoch's logits follow from the configuration. All else is as it is."""

    def train_epoch(self) -> list[EpochResult]:
        (lane,) = self.lanes
        lane.epoch += 1
        logits = logits_of(lane.trial.flat(), lane.epoch, self._data.val.y)
        measurement = self._measure(lane, None, 0.5, logits, 1.0, self._val)
        return [EpochResult(measurement, logits, lane.keep_best(measurement))]


class FormulaRun(TrialRun):
    """Notes which epochs were trained, and where."""

    def _make_trainer(self) -> Trainer:
        self._die_once("begin")
        trial_run.Trainer = FormulaTrainer
        # These epochs are so short that their checkpoints would hang on the speed of the disk.
        checkpoint_schedule.MAX_SHARE = float(os.environ.get("MAX_SHARE", "inf"))
        return super()._make_trainer()

    def _train_epoch(self) -> Measurement:
        number, epoch = self.folder.name.removeprefix("trial_"), len(self.measurements) + 1
        with (self.folder.parent / "trained.log").open("a") as stream:
            node = ray.get_runtime_context().get_node_id()
            stream.write(f"{number} {epoch} {os.getpid()} {node}\n")
        self._die_once(f"epoch {epoch}")
        time.sleep(GIVEN["epoch_s"])
        return super()._train_epoch()

    def _die_once(self, moment: str) -> None:
        """Where DIE names this trial and moment, the worker is killed, the first time."""
        trial = int(self.folder.name.removeprefix("trial_"))
        marker = self.folder / "died"
        if os.environ.get("DIE") == f"{moment} of trial {trial}" and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Formula(TransformerTrainable):
    run_type = FormulaRun


def logits_of(config: dict[str, Any], epoch: int, y: np.ndarray) -> np.ndarray:
    """They tell the classes apart the better, the better the configuration and the later."""
    known = {name: value for name, value in config.items() if name != "seed"}
    rng = np.random.default_rng([int(digest_of(known)[:12], 16), epoch])
    level = 1.5 - 0.3 * abs(np.log10(config["learning_rate"]) + 3.5) - config["dropout"]
    signal = level * (1 - np.exp(-epoch / 2)) * (y - 0.5)
    return (signal + rng.standard_normal(len(y))).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--epoch-s", type=float, default=0.02)
    parser.add_argument("--back-s", type=float, default=0.0)
    parser.add_argument("--address")
    parser.add_argument("--gpus", type=int)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    GIVEN["epoch_s"] = given.epoch_s
    real, back_s = time.time, given.back_s
    time.time = lambda: real() - back_s
    options = SearchOptions(
        n_trials=given.trials,
        epochs=EPOCHS,
        cpus=None if given.address else given.workers,
        address=given.address,
        gpus=given.gpus,
        out=given.folder,
        name="chaos",
        data={"tier": "a20"},
        resume=given.resume,
    )
    try:
        plan = plan_study(SPACE, phase6c.load_bars("sp500"), options)
        run_job(search_job(plan, Formula), leave=leave)
    except Phase6cError as error:
        leave(error)


def leave(error: Phase6cError) -> None:
    """Ends as a command does."""
    sys.stderr.write(f"{error}\n")
    sys.stderr.flush()
    os._exit(error.exit_code)


if __name__ == "__main__":
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    main()
