"""The JSON files that are made from a ledger: all_trials.json and best_params.json."""

from __future__ import annotations

import json
import math
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

from phase6c.config import Values
from phase6c.records import Trial
from phase6c.space.axes import parse_axes
from phase6c.storage.files import write_json, write_whole
from phase6c.study.ledger import Ledger, Row, Trials
from phase6c.study.ranking import best_trial, ordered
from phase6c.study.study_config import BEST_PARAMS_FILE, TRIALS_FILE, StudyConfig
from phase6c.study.tally import Tally

# Rewriting all trials after each epoch would cost more than short epochs do.
VIEW_INTERVAL_S = 5.0
# Rewriting thousands of trials takes long: the search waits for it for this share of its time.
MAX_SHARE = 0.1


def write_views(folder: Path, config: StudyConfig, trials: Trials) -> None:
    """Makes all_trials.json and best_params.json from what the ledger says."""
    known = ordered(trials)
    _write(folder, config, [_text(trial, config) for trial in known], best_trial(known, config))


def all_trials(config: StudyConfig, trials: Trials) -> Values:
    """The content of all_trials.json."""
    return _without_trials(config) | {
        "trials": [trial.summary(config.objective) for trial in ordered(trials)]
    }


def _without_trials(config: StudyConfig) -> Values:
    study = config.model_dump(mode="json", by_alias=True)
    return {"schema": "phase6c.all_trials/1", "study": study, "trials": []}


def _text(trial: Trial, config: StudyConfig) -> str:
    """A trial in all_trials.json, with the indent that it has there."""
    row = trial.summary(config.objective)
    return textwrap.indent(json.dumps(row, indent=1, allow_nan=False), "  ")


def _write(folder: Path, config: StudyConfig, texts: Sequence[str], best: Trial | None) -> None:
    whole = json.dumps(_without_trials(config), indent=1, allow_nan=False)
    if texts:
        whole = whole.removesuffix("]\n}") + "\n" + ",\n".join(texts) + "\n ]\n}"
    write_whole(folder / TRIALS_FILE, whole + "\n")
    if best is not None:
        write_json(folder / BEST_PARAMS_FILE, best_params(config, best))


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
        trials = ledger.trials.values()
        self._tally = Tally(config, lambda _: True, trials)
        # Trials that have ended are put into words a single time.
        self._ended = {trial.number: _text(trial, config) for trial in trials if trial.finished}
        self._due_at = -math.inf

    def __call__(self, row: Row, trial: Trial) -> None:
        """Writes the views if the last time is long enough ago."""
        self._tally(row, trial)
        if trial.finished:
            self._ended[trial.number] = _text(trial, self._config)
        # Late views do no harm: the ledger is on disk, and the end of the run writes them once
        # more.
        begun = time.monotonic()
        if begun < self._due_at:
            return
        running = {
            number: _text(trial, self._config) for number, trial in self._tally.running.items()
        }
        texts = [text for _, text in sorted((self._ended | running).items())]
        _write(self._folder, self._config, texts, self._tally.best)
        ended = time.monotonic()
        self._due_at = ended + max(VIEW_INTERVAL_S, (ended - begun) * (1 / MAX_SHARE - 1))
