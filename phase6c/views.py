"""What is kept up to date while a search runs: the JSON views and the space on disk."""

from __future__ import annotations

import math
import time
from pathlib import Path

from phase6c.ledger import Ledger, Row
from phase6c.records import Trial
from phase6c.study import StudyConfig, eligible, value_of, write_views
from phase6c.trial_folder import BEST_FILE, LAST_FILE, PREVIOUS_FILE, trial_folder

# Rewriting all trials after each epoch would cost more than short epochs do.
VIEW_INTERVAL_S = 5.0


class Views:
    """A listener of the ledger that writes all_trials.json and best_params.json now and then."""

    def __init__(self, folder: Path, config: StudyConfig, ledger: Ledger) -> None:
        self._folder = folder
        self._config = config
        self._ledger = ledger
        self._written_at = -math.inf

    def __call__(self, row: Row, trial: Trial) -> None:
        """Writes the views if the last time is long enough ago."""
        if time.monotonic() - self._written_at >= VIEW_INTERVAL_S:
            write_views(self._folder, self._config, self._ledger.trials)
            self._written_at = time.monotonic()


class Retention:
    """A listener of the ledger that bounds the study's space on disk.

    A finished trial needs no checkpoint; best weights stay for the `keep` best trials.
    """

    def __init__(self, folder: Path, config: StudyConfig, ledger: Ledger) -> None:
        self._folder = folder
        self._config = config
        self._ledger = ledger

    def __call__(self, row: Row, trial: Trial) -> None:
        """Deletes what the trial that has just finished makes superfluous."""
        if not trial.finished:
            return
        folder = trial_folder(self._folder, trial.number)
        for name in (LAST_FILE, PREVIOUS_FILE):
            (folder / name).unlink(missing_ok=True)
        finished = [one for one in self._ledger.trials.values() if one.finished]
        finished.sort(key=self._rank, reverse=True)
        for superfluous in finished[self._config.keep :]:
            weights = trial_folder(self._folder, superfluous.number) / BEST_FILE
            weights.unlink(missing_ok=True)

    def _rank(self, trial: Trial) -> tuple[bool, float]:
        return eligible(trial, self._config), value_of(trial, self._config.objective)
