"""Trials that another program searched, as January's own all_trials.json tells them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from phase6c.config import Values
from phase6c.errors import DataError
from phase6c.space.references import WINDOW

_VALUE_KEYS = ("value", "auc", "auc_roc", "val_auc")


class Told(NamedTuple):
    """A trial as an earlier search tells of it; larger scores are better.

    Attributes:
        values: Flat values, `d_model` included where it is known.
        score: Score that it reached, or would have reached.
        best: Score by which it may be called the best; None where it may not.
        names: Names of the values that the source itself tells.
    """

    values: Values
    score: float
    best: float | None
    names: frozenset[str]


class Earlier(NamedTuple):
    """The trials of an earlier search.

    Attributes:
        told: Trials with a lesson.
        lacks: What each of the other trials lacks, in words that go on from "has".
    """

    told: list[Told]
    lacks: list[str]


def read_january(path: Path) -> Earlier:
    """The trials of a JSON file; the window is January's where none is named.

    Args:
        path: File with a list, or {"trials": [...]}, of objects with `params` and a `value`,
            `auc`, `auc_roc` or `val_auc`.

    Raises:
        DataError: The file cannot be read as that.
    """
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, str(error)) from error
    if isinstance(content, Mapping) and "schema" in content:
        raise _unusable(path, f"{content['schema']}, which is read with its study's folder")
    trials = content.get("trials") if isinstance(content, Mapping) else content
    if not isinstance(trials, list):
        raise _unusable(path, f"the keys {_keys([content])}")
    read = [_read(trial) for trial in trials]
    told = [trial for trial in read if isinstance(trial, Told)]
    if not told:
        keys = f"{len(trials)} trials with the keys {_keys(trials)}"
        lack = "none with a finite number for its value and plain parameters"
        raise _unusable(path, f"{keys}, {lack}")
    return Earlier(told, [lack for lack in read if isinstance(lack, str)])


def _read(trial: Any) -> Told | str:
    """What a trial tells, or what it lacks."""
    if not isinstance(trial, Mapping) or not isinstance(trial.get("params"), Mapping):
        return "no parameters"
    value = next((trial[key] for key in _VALUE_KEYS if trial.get(key) is not None), None)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return "no value"
    params = trial["params"]
    if not all(isinstance(value, int | float | str) for value in params.values()):
        return "no plain parameters"
    return Told({**WINDOW, **params}, value, value, frozenset(params))


def _keys(items: list[Any]) -> str:
    keys = sorted({str(key) for item in items if isinstance(item, Mapping) for key in item})
    return ", ".join(keys) or "none"


def _unusable(path: Path, problem: str) -> DataError:
    return DataError(
        "A file of trials must hold a list, or a list under 'trials', of objects with 'params' and"
        f" one of {', '.join(map(repr, _VALUE_KEYS))}",
        f"{path}: {problem}",
        "Correct the file, or name the folder of a study.",
    )
