"""The JSON files that are made from a ledger: all_trials.json and best_params.json."""

from __future__ import annotations

import math
import time
from pathlib import Path

from phase6c.config import Values
from phase6c.records import Trial
from phase6c.space.axes import parse_axes
from phase6c.storage.files import write_json
from phase6c.study.ledger import Ledger, Row, Trials
from phase6c.study.ranking import best_trial, ordered
from phase6c.study.study_config import BEST_PARAMS_FILE, TRIALS_FILE, StudyConfig

# Rewriting all trials after each epoch would cost more than short epochs do.
VIEW_INTERVAL_S = 5.0


def write_views(folder: Path, config: StudyConfig, trials: Trials) -> None:
    """Makes all_trials.json and best_params.json from what the ledger says."""
    write_json(folder / TRIALS_FILE, all_trials(config, trials))
    best = best_trial(ordered(trials), config)
    if best is not None:
        write_json(folder / BEST_PARAMS_FILE, best_params(config, best))


def all_trials(config: StudyConfig, trials: Trials) -> Values:
    """The content of all_trials.json."""
    return {
        "schema": "phase6c.all_trials/1",
        "study": config.model_dump(mode="json", by_alias=True),
        "trials": [trial.summary(config.objective) for trial in ordered(trials)],
    }


def best_params(config: StudyConfig, best: Trial) -> Values:
    """The content of best_params.json."""
    row = best.summary(config.objective)
    names = ("number", "value", "params", "metrics", "health", "n_params")
    return {
        "schema": "phase6c.best_params/1",
        **{name: row[name] for name in names},
        "value_corrected": config.value_corrected,
        "gains_corrected": {
            name: gain.model_dump(mode="json") for name, gain in config.gains_corrected.items()
        },
        "config": best.config,
        "notes": edge_notes(config.space, best.params),
    }


def edge_notes(space: Values, params: Values) -> list[str]:
    """A sentence for each ordered axis whose best value is its first or last."""
    notes = []
    for name, axis in parse_axes(space["axes"]).items():
        if axis.edges is None or name not in params:
            continue
        low, high = axis.edges
        if params[name] in (low, high) and low != high:
            side = "lower" if params[name] == low else "upper"
            notes.append(f"{name} = {params[name]} is the {side} edge of its axis")
    return notes


class Views:
    """A listener of the ledger that writes all_trials.json and best_params.json now and then."""

    def __init__(self, folder: Path, config: StudyConfig, ledger: Ledger) -> None:
        self._folder = folder
        self._config = config
        self._ledger = ledger
        self._written_at = -math.inf

    def __call__(self, row: Row, trial: Trial) -> None:
        """Writes the views if the last time is long enough ago."""
        # Late views do no harm: the ledger is on disk, and the end of the run writes them once
        # more.
        if time.monotonic() - self._written_at >= VIEW_INTERVAL_S:
            write_views(self._folder, self._config, self._ledger.trials)
            self._written_at = time.monotonic()
