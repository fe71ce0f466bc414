"""A scheduler with its ledger, for tests that play Ray's part, and trials that have ended."""

from types import SimpleNamespace
from typing import Any

from ray import cloudpickle

from phase6c.config import TrialConfig, Values
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.study.ledger import Ledger
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.scheduler import RungScheduler


class Rig:
    """A scheduler with its ledger, driven as Ray would, by numbers."""

    def __init__(self, path, config, birth, measured):
        self.path, self.config, self.birth, self.measured = path, config, birth, measured
        self.ledger = Ledger(path)
        self.halt = Halt()
        self.scheduler = RungScheduler(self.ledger, config, self.halt)

    def add(self, *numbers, **fields):
        for number in numbers:
            self.ledger.append("trial", number, **self.birth(seed=number, **fields))

    def report(self, number, value, epoch=None, kept_epoch=None, controller=None):
        epoch = epoch or self.ledger.trials[number].epochs + 1
        measurement = self.measured(epoch, value, objective=self.config.objective)
        result = {"epoch": epoch, "measurement": measurement.model_dump_json(), "final": False}
        result["kept_epoch"] = epoch if kept_epoch is None else kept_epoch
        trial = SimpleNamespace(config={"number": number}, trial_id=f"ray-{number}")
        return self.scheduler.on_trial_result(controller, trial, result)

    def fail(self, number, error=None):
        file = self.path.parent / "error.pkl"
        if error is not None:
            file.write_bytes(cloudpickle.dumps(error))
        trial = SimpleNamespace(config={"number": number}, pickled_error_file=str(file))
        self.scheduler.on_trial_error(None, trial)

    def state(self, number):
        return self.ledger.trials[number].state

    def rungs(self):
        return {epoch: rung for epoch, rung in self.scheduler.rungs().items() if rung}


def ended(
    number: int,
    values: Values,
    value: float | None,
    source: str = "sampled",
    kind: str | None = None,
    **fields: Any,
) -> Trial:
    """A trial of these flat values; with a cause it has failed."""
    config = TrialConfig.from_flat(values)
    measurement = Measurement(
        epoch=1,
        value=value,
        metrics=Metrics(auc=value),
        health=Health(verdict="healthy"),
        duration_s=1.0,
    )
    content = {
        "number": number,
        "source": source,
        "params": values,
        "config": config.model_dump(mode="json"),
        "n_params": 1,
        "in_budget": True,
        "state": "FAILED" if kind else "COMPLETE",
        "error": {"kind": kind, "message": "told"} if kind else None,
        "measurements": [] if kind else [measurement],
    }
    return Trial.model_validate(content | fields)
