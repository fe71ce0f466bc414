"""Optuna's journal of a running study, which optuna-dashboard and `optuna.load_study` follow."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from phase6c.config import Values
from phase6c.records import Measurement, Trial
from phase6c.space.axes import parse_axes
from phase6c.storage.files import AppendOnlyFile, write_whole
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Row, Trials
from phase6c.study.study_config import JOURNAL_FILE, StudyConfig
from phase6c.study.tally import Tally
from phase6c.study.views.optuna import (
    STATES,
    attributes,
    constraints,
    direction,
    distributions,
    final_value,
    study_attributes,
    times,
)


class OptunaJournal:
    """A listener of the ledger that adds to optuna.journal what each row adds to the study.

    A trial stands in it from its birth on, under its own number, with each epoch as it ends and
    everything else at its end. The file is made anew from the ledger at the start of each run.

    Args:
        folder: The study's folder.
        config: The study.
        trials: Trials of the ledger so far.

    Raises:
        StorageError: The file cannot be written.
    """

    def __init__(self, folder: Path, config: StudyConfig, trials: Trials) -> None:
        self._config = config
        self._axes = parse_axes(config.space["axes"])
        # Those of the space alone: a trial outside it tells its values as attributes.
        self._distributions = distributions(config, ())
        known = [trials[number] for number in sorted(trials)]
        self._tally = Tally(config, lambda _: True, known)
        self._logs = _Logs()
        # Optuna would tell the user of the study that it makes here.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._storage = JournalStorage(self._logs)
        self._study_id = self._storage.create_new_study(
            [StudyDirection[direction(config)]], config.name
        )
        of_users, of_optuna = study_attributes(config, self._tally.best)
        for name, value in of_users.items():
            self._storage.set_study_user_attr(self._study_id, name, value)
        for name, value in of_optuna.items():
            self._storage.set_study_system_attr(self._study_id, name, value)
        begun = times(folder / LEDGER_NAME, trials) if known else {}
        # Optuna's own identities of the trials.
        self._ids = {trial.number: self._add(trial, *begun[trial.number]) for trial in known}
        path = folder / JOURNAL_FILE
        write_whole(path, "".join(json.dumps(log) + "\n" for log in self._logs.taken()))
        self._file = AppendOnlyFile(path)

    def __call__(self, row: Row, trial: Trial) -> None:
        """Writes what the new row adds.

        Raises:
            StorageError: The file cannot be written.
        """
        best = self._tally.best
        self._tally(row, trial)
        if row["kind"] == "trial":
            self._ids[trial.number] = self._add(trial, row["at"])
        if row["kind"] == "result":
            self._report(trial.measurements[-1], self._ids[trial.number])
        if trial.finished:
            self._end(trial)
        if self._tally.best is not best:
            told, _ = study_attributes(self._config, self._tally.best)
            self._storage.set_study_user_attr(self._study_id, "best_trial", told["best_trial"])
        self._file.append(*self._logs.taken())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _add(self, trial: Trial, begun: float, ended: float | None = None) -> int:
        """Adds a trial with all that is known of it; its identity."""
        params = self._params(trial)
        known = create_trial(
            state=_state(trial),
            value=final_value(trial, self._config),
            params=params,
            distributions={name: self._distributions[name] for name in params},
            user_attrs=self._attributes(trial),
            system_attrs=constraints(trial),
            intermediate_values={
                epoch.epoch: epoch.value for epoch in trial.measurements if epoch.value is not None
            },
        )
        known.datetime_start = _local(begun)
        known.datetime_complete = None if ended is None else _local(ended)
        return self._storage.create_new_trial(self._study_id, known)

    def _report(self, epoch: Measurement, trial_id: int) -> None:
        # An epoch that diverged has no value, and no JSON has a name for that.
        if epoch.value is not None:
            self._storage.set_trial_intermediate_value(trial_id, epoch.epoch, epoch.value)

    def _end(self, trial: Trial) -> None:
        trial_id = self._ids[trial.number]
        before = self._attributes(_as_born(trial))
        for name, value in self._attributes(trial).items():
            if before.get(name) != value:
                self._storage.set_trial_user_attr(trial_id, name, value)
        value = final_value(trial, self._config)
        values = None if value is None else [value]
        self._storage.set_trial_state_values(trial_id, _state(trial), values)

    def _params(self, trial: Trial) -> Values:
        """The values of the axes that can take them."""
        return {
            name: trial.params[name]
            for name, axis in self._axes.items()
            if name in trial.params and axis.contains(trial.params[name])
        }

    def _attributes(self, trial: Trial) -> Values:
        outside = trial.params.keys() & self._axes.keys() - self._params(trial).keys()
        told = {f"params.{name}": trial.params[name] for name in sorted(outside)}
        return told | attributes(trial, self._config)


class _Logs(BaseJournalBackend):
    """A journal in memory, whose new lines are taken out to be written.

    Optuna's own backend locks, opens and syncs the file for each of a trial's attributes.
    """

    def __init__(self) -> None:
        self._unread: list[dict[str, Any]] = []
        self._untaken: list[dict[str, Any]] = []

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Adds lines."""
        self._unread += logs
        self._untaken += logs

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """The lines since the last call: only their one storage asks, for all in their order."""
        unread, self._unread = self._unread, []
        return unread

    def taken(self) -> list[dict[str, Any]]:
        """The lines since the last call, which are to be written."""
        taken, self._untaken = self._untaken, []
        return taken


def _local(seconds: float) -> datetime:
    """A time as Optuna has it: of the local clock, without a zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().replace(tzinfo=None)


def _state(trial: Trial) -> TrialState:
    return TrialState[STATES.get(trial.state, trial.state)]


def _as_born(trial: Trial) -> Trial:
    """The trial as it was when it was added."""
    born: Values = {"measurements": (), "final": None, "ending": None, "state": "RUNNING"}
    born |= {"stopped": None, "error": None, "attempts": 0, "audited": False}
    return trial.model_copy(update=born)
