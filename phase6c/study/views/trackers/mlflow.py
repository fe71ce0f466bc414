"""MLflow: a run for the study, and below it a run for each trial."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from phase6c.study.ledger import Trials
from phase6c.study.study_config import StudyConfig
from phase6c.study.views.trackers.told import (
    Told,
    epoch_figures,
    final_figures,
    study_figures,
    study_params,
    study_tags,
    trial_name,
    trial_tags,
)

# The client's own defaults wait for minutes; a follower tries again by itself.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    # Nothing is sent to MLflow's makers.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # On stdout stands our own result alone.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_EXPERIMENT = "phase6c"
_PREFIX = "phase6c."
# Number of epochs whose metrics the run has already.
_EPOCHS = "epochs"
_PARENT = "mlflow.parentRunId"
# A request takes 1,000 metrics at most.
_EPOCHS_A_REQUEST = 50
# The longest value of a tag that every server takes.
_LONGEST_TAG = 5000
# MLflow's words for how runs stand.
_RUNNING, _STOPPED = "RUNNING", "KILLED"
_STATUS = {"FAILED": "FAILED", "INFEASIBLE": "FAILED"}


@dataclass
class _Run:
    """A run as MLflow has it, as far as it has answered."""

    run_id: str
    tags: dict[str, str]
    status: str

    @property
    def number(self) -> int | None:
        """Number of the trial; None for the study itself."""
        number = self.tags.get(f"{_PREFIX}trial")
        return None if number is None else int(number)


class MlflowTracker:
    """A tracker that is asked at its start what it knows, by the tags of its runs.

    Metrics have the time of their row in the ledger: MLflow keeps a metric of the same run, step,
    time and value a single time, so that not even a request whose answer was lost counts twice.

    Args:
        uri: Address of the server or of a database, as MLflow takes it.
        config: The study.
    """

    def __init__(self, uri: str, config: StudyConfig) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        self._client = MlflowClient(uri)
        self._config = config
        self._experiment = self._experiment_id()
        # By number of the trial; None is the study's own run.
        self._runs = {run.number: run for run in self._known()}

    def tell(self, told: Told) -> None:
        """Adds the epochs that the run does not have, and its end."""
        trial = told.trial
        tags = _tags(trial_tags(self._config, trial) | {_EPOCHS: str(trial.epochs)})
        status = _STATUS.get(trial.state, "FINISHED") if trial.finished else _RUNNING
        run = self._runs.get(trial.number)
        if run is None:
            run = self._begin_trial(told)
        elif run.status == status and tags.items() <= run.tags.items():
            return
        if run.status != status == _RUNNING:
            self._go_on(run)
        epochs = told.epochs_from(int(run.tags[_PREFIX + _EPOCHS]) + 1)
        while some := list(islice(epochs, _EPOCHS_A_REQUEST)):
            metrics = [
                _metric(name, value, at, one.epoch)
                for one, at in some
                for name, value in epoch_figures(one).items()
            ]
            # In the same request, so that the count follows the metrics.
            self._log(run, metrics, tags=_tags({_EPOCHS: str(some[-1][0].epoch)}))
        best = final_figures(self._config, trial) if trial.finished else {}
        self._log(run, _at_step(best, told.last, trial.epochs), tags=tags)
        if trial.finished:
            self._end(run, status, told.last)

    def tell_study(self, config: StudyConfig, trials: Trials, at: float) -> None:
        """Adds the best value so far, and whether the study is complete."""
        run = self._study_run(at)
        figures = _at_step(study_figures(config, trials.values()), at, len(trials))
        self._log(run, figures, tags=_tags(study_tags(config, trials.values())))
        self._end(run, "FINISHED" if config.complete else _STOPPED, at)

    def close(self) -> None:
        """Marks the runs of trials that are not trained any more."""
        for run in self._runs.values():
            if run.number is not None and run.status == _RUNNING:
                self._end(run, _STOPPED, time.time())

    def _experiment_id(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _known(self) -> Iterator[_Run]:
        wanted = f"tags.`{_PREFIX}study` = '{self._config.study_id}'"
        token = None
        while True:
            page = self._client.search_runs([self._experiment], wanted, page_token=token)
            for run in page:
                yield _Run(run.info.run_id, dict(run.data.tags), run.info.status)
            token = page.token
            if not token:
                return

    def _study_run(self, at: float) -> _Run:
        """The study's own run, which is begun if it is not there."""
        if None not in self._runs:
            tags = _tags(study_tags(self._config, ()))
            self._begin(self._config.name, at, tags, study_params(self._config))
        return self._runs[None]

    def _begin_trial(self, told: Told) -> _Run:
        trial, parent = told.trial, self._study_run(told.begun)
        if parent.status != _RUNNING:
            self._go_on(parent)
        # The epochs are counted once they are there.
        tags = _tags(trial_tags(self._config, trial) | {_EPOCHS: "0"})
        tags[_PARENT] = parent.run_id
        return self._begin(trial_name(trial), told.begun, tags, trial.params)

    def _begin(self, name: str, at: float, tags: dict[str, str], params: Mapping[str, Any]) -> _Run:
        made = self._client.create_run(self._experiment, _milliseconds(at), tags, name)
        run = _Run(made.info.run_id, tags, _RUNNING)
        self._log(run, params=params)
        self._runs[run.number] = run
        return run

    def _go_on(self, run: _Run) -> None:
        """Opens a run again: its search was interrupted, and has been gone on with."""
        self._client.update_run(run.run_id, status=_RUNNING)
        run.status = _RUNNING

    def _end(self, run: _Run, status: str, at: float) -> None:
        self._client.set_terminated(run.run_id, status, _milliseconds(at))
        run.status = status

    def _log(
        self,
        run: _Run,
        metrics: Sequence[Any] = (),
        params: Mapping[str, Any] = {},
        tags: Mapping[str, str] = {},
    ) -> None:
        from mlflow.entities import Param, RunTag

        self._client.log_batch(
            run.run_id,
            metrics,
            [Param(name, str(value)) for name, value in params.items()],
            [RunTag(name, value) for name, value in tags.items()],
        )
        run.tags.update(tags)


def _tags(told: Mapping[str, str]) -> dict[str, str]:
    return {_PREFIX + name: value[:_LONGEST_TAG] for name, value in told.items()}


def _at_step(figures: Mapping[str, float], at: float, step: int) -> list[Any]:
    return [_metric(name, value, at, step) for name, value in figures.items()]


def _metric(name: str, value: float, at: float, step: int) -> Any:
    from mlflow.entities import Metric

    return Metric(name, value, _milliseconds(at), step)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
