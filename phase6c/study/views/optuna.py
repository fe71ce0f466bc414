"""Optuna's view of a study: a database that optuna-dashboard and `optuna.load_study` open."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.storages import RDBStorage

from phase6c.config import LOSSES, Value, Values
from phase6c.records import Trial
from phase6c.space.axes import Axis, Float, Grid, ListedAxis, parse_axes
from phase6c.storage.files import read_lines, remove, write_whole
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Trials
from phase6c.study.ranking import best_trial, ordered
from phase6c.study.study_config import OPTUNA_FILE, StudyConfig

# A grid of positive numbers that spans a decade is shown on a logarithmic scale.
_LOG_SPAN = 10
# Optuna's names of the states that it calls otherwise.
STATES = {"FAILED": "FAIL", "INFEASIBLE": "FAIL"}
_TOLD_OF_STUDY = {
    "budget",
    "code_version",
    "complete",
    "data",
    "grace_epochs",
    "n_trials",
    "scheduler",
    "searcher",
    "seed",
    "sources",
    "train",
    "value_corrected",
}
_NOTE = (
    "Made from `ledger.jsonl`; what is changed here is lost when it is made again. The best trial"
    " that the search may choose: {best}. Trials shown as infeasible are references, probes and"
    " those out of the budget."
)

Rows = list[Values]
# When a trial began and when it ended, in seconds since 1970; no end while it runs.
Times = Mapping[int, tuple[float, float | None]]


def write_optuna(folder: Path, config: StudyConfig, trials: Trials) -> None:
    """Makes optuna.db from what the ledger says.

    Raises:
        StorageError: The ledger cannot be read, or the file cannot be written.
    """
    spans = times(folder / LEDGER_NAME, trials)
    content = _database(_tables(config, ordered(trials), spans))
    # What a dashboard that was killed left would be rolled back into the new file.
    remove(folder / f"{OPTUNA_FILE}-journal")
    write_whole(folder / OPTUNA_FILE, content)


def distributions(config: StudyConfig, trials: Sequence[Trial]) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each axis, the same for all trials: Optuna compares no others.

    A grid of positive numbers is an interval, which plots show on its scale; all other listed
    values are categories in their order. All are widened to trials outside the space, such as
    references.
    """
    return {
        name: _distribution(axis, {trial.params[name] for trial in trials if name in trial.params})
        for name, axis in parse_axes(config.space["axes"]).items()
    }


def attributes(trial: Trial, config: StudyConfig) -> Values:
    """All else that is known of a trial, by the names of `Study.to_frame`; nulls are left out."""
    told = trial.summary(config.objective)
    del told["number"], told["value"]
    axes = config.space["axes"]
    told["params"] = {name: value for name, value in trial.params.items() if name not in axes}
    return dict(_flat(told))


def _distribution(axis: Axis, seen: set[Value]) -> BaseDistribution:
    if isinstance(axis, ListedAxis) and not _has_scale(axis):
        return CategoricalDistribution(_in_order(axis, seen))
    numbers: list[Any] = [*(axis.edges or ()), *seen]
    low, high = min(numbers), max(numbers)
    is_wide = isinstance(axis, Grid) and high >= _LOG_SPAN * low
    log = low > 0 and (axis.log if isinstance(axis, Float) else is_wide)
    # Optuna keeps integers and floats apart; a grid of integers would else be drawn as 2.0 and 4.0.
    if all(isinstance(number, int) for number in numbers):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _has_scale(axis: ListedAxis) -> bool:
    """Whether a plot's scale can show all values apart: not words, nor zero beside decades."""
    return isinstance(axis, Grid) and all(
        not isinstance(value, str) and value > 0 for value in axis.values
    )


def _in_order(axis: ListedAxis, seen: set[Value]) -> list[Any]:
    values: list[Any] = [*axis.values, *sorted(seen.difference(axis.values), key=str)]
    is_numeric = isinstance(axis, Grid) and not any(isinstance(value, str) for value in values)
    return sorted(values) if is_numeric else values


def times(ledger: Path, trials: Trials) -> Times:
    """When each trial began and ended, from the rows of the ledger."""
    rows = read_lines(ledger) if ledger.exists() else []
    chosen = {row["number"]: row["at"] for row in rows if row["kind"] == "trial"}
    # The first start: a trial whose worker was lost is started again.
    started = {row["number"]: row["at"] for row in reversed(rows) if row["kind"] == "started"}
    begun = chosen | started
    last = {row["number"]: row["at"] for row in rows}
    return {
        number: (begun[number], last[number] if trial.finished else None)
        for number, trial in trials.items()
    }


def _database(tables: Mapping[str, Rows]) -> bytes:
    """A SQLite file of Optuna's, filled table by table: trial by trial takes minutes."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(_empty_database())
        for table, rows in tables.items():
            if rows:
                connection.executemany(_insert(table, rows[0]), rows)
        connection.commit()
        return connection.serialize()


@cache
def _empty_database() -> bytes:
    """Optuna's own tables, without a row; a process makes them a single time."""
    with closing(sqlite3.connect(":memory:")) as connection:
        storage = RDBStorage("sqlite://", engine_kwargs={"creator": lambda: connection})
        connection.commit()
        content = connection.serialize()
        storage.remove_session()
        storage.engine.dispose()
    return content


def _insert(table: str, columns: Values) -> str:
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608 - names of this module


def _tables(config: StudyConfig, trials: Sequence[Trial], spans: Times) -> dict[str, Rows]:
    return _study_tables(config, trials) | {
        "trials": [_trial_row(trial, *spans[trial.number]) for trial in trials],
        "trial_params": _param_rows(trials, distributions(config, trials)),
        "trial_values": [row for trial in trials if (row := _value_row(trial, config)) is not None],
        "trial_intermediate_values": [row for trial in trials for row in _epoch_rows(trial)],
        "trial_user_attributes": [
            _of(trial) | row for trial in trials for row in _pairs(attributes(trial, config))
        ],
        "trial_system_attributes": [
            _of(trial) | row for trial in trials for row in _pairs(constraints(trial))
        ],
    }


def study_attributes(config: StudyConfig, best: Trial | None) -> tuple[Values, Values]:
    """What is told of a study: to users, and to Optuna and its dashboard."""
    told = {
        "best_trial": best.number if best else None,
        "baseline": {
            baseline.name: getattr(baseline.metrics, config.objective)
            for baseline in config.baselines
        },
        **config.model_dump(mode="json", include=_TOLD_OF_STUDY),
    }
    system = {
        "study:metric_names": [config.objective],
        "dashboard:note_ver": 1,
        "dashboard:note_str:0": _NOTE.format(best=best.number if best else "none yet"),
    }
    return dict(_flat(told)), system


def direction(config: StudyConfig) -> str:
    """The name of Optuna's direction."""
    return "MINIMIZE" if config.objective in LOSSES else "MAXIMIZE"


def constraints(trial: Trial) -> Values:
    """A positive constraint makes a trial infeasible to Optuna, so that it is never the best."""
    return {} if trial.chosen and trial.in_budget else {"constraints": [1.0]}


def final_value(trial: Trial, config: StudyConfig) -> float | None:
    """The value of a trial; in Optuna a trial that failed or runs has none."""
    best = trial.best(config.objective)
    return best.value if best and trial.state in ("COMPLETE", "PRUNED") else None


def _study_tables(config: StudyConfig, trials: Sequence[Trial]) -> dict[str, Rows]:
    told, system = study_attributes(config, best_trial(trials, config))
    study = {"study_id": 1}
    return {
        "studies": [study | {"study_name": config.name}],
        "study_directions": [study | {"objective": 0, "direction": direction(config)}],
        "study_user_attributes": [study | row for row in _pairs(told)],
        "study_system_attributes": [study | row for row in _pairs(system)],
    }


def _of(trial: Trial) -> Values:
    return {"trial_id": trial.number + 1}


def _trial_row(trial: Trial, begun: float, ended: float | None) -> Values:
    return _of(trial) | {
        "study_id": 1,
        "number": trial.number,
        "state": STATES.get(trial.state, trial.state),
        "datetime_start": _utc(begun),
        "datetime_complete": None if ended is None else _utc(ended),
    }


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _param_rows(trials: Sequence[Trial], told: Mapping[str, BaseDistribution]) -> Rows:
    described = {name: distribution_to_json(distribution) for name, distribution in told.items()}
    return [
        _of(trial)
        | {
            "param_name": name,
            "param_value": told[name].to_internal_repr(trial.params[name]),
            "distribution_json": described[name],
        }
        for trial in trials
        for name in described
        if name in trial.params
    ]


def _value_row(trial: Trial, config: StudyConfig) -> Values | None:
    value = final_value(trial, config)
    if value is None:
        return None
    return _of(trial) | {"objective": 0, "value": value, "value_type": "FINITE"}


def _epoch_rows(trial: Trial) -> Rows:
    return [
        _of(trial)
        | {
            "step": epoch.epoch,
            "intermediate_value": epoch.value,
            "intermediate_value_type": "NAN" if epoch.diverged else "FINITE",
        }
        for epoch in trial.measurements
    ]


def _pairs(told: Values) -> Rows:
    return [{"key": name, "value_json": json.dumps(value)} for name, value in told.items()]


def _flat(told: Values, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted names, lists as text: a table has a column for each."""
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            text = isinstance(value, list | tuple)
            yield prefix + name, " ".join(map(str, value)) if text else value
