"""The space on disk of a running search: checkpoints and weights that are of no more use go."""

from __future__ import annotations

import math
from bisect import insort
from pathlib import Path

from phase6c.records import Trial
from phase6c.storage.files import remove
from phase6c.study.ledger import Ledger, Row
from phase6c.study.ranking import eligible, value_of
from phase6c.study.study_config import StudyConfig
from phase6c.study.trial_folder import BEST_WEIGHTS_FILE, LAST_FILE, PREVIOUS_FILE, trial_folder


class Retention:
    """A listener of the ledger that bounds the study's space on disk.

    A finished trial needs no checkpoint; best weights stay for the `keep` best trials, where
    probes come after all that the search tried. What an interrupted search left behind is deleted
    at the start.
    """

    def __init__(self, folder: Path, config: StudyConfig, ledger: Ledger) -> None:
        self._folder = folder
        self._config = config
        self._kept: list[Trial] = []  # the best last
        for trial in ledger.trials.values():
            if trial.finished:
                self._release(trial)

    def __call__(self, row: Row, trial: Trial) -> None:
        """Deletes what the trial that has just finished makes superfluous."""
        if trial.finished:
            self._release(trial)

    def least_score(self) -> float:
        """The score below which no further trial can keep its weights; minus infinity for none."""
        if len(self._kept) < self._config.keep:
            return -math.inf
        is_eligible, is_searched, score, _ = self._rank(self._kept[0])
        return score if is_eligible and is_searched else -math.inf

    def _release(self, trial: Trial) -> None:
        folder = trial_folder(self._folder, trial.number)
        for name in (LAST_FILE, PREVIOUS_FILE):
            remove(folder / name)
        # Sorted as it grows: ranking all trials anew after each of them would cost more with every
        # trial.
        insort(self._kept, trial, key=self._rank)
        if len(self._kept) > self._config.keep:
            remove(trial_folder(self._folder, self._kept.pop(0).number) / BEST_WEIGHTS_FILE)

    def _rank(self, trial: Trial) -> tuple[bool, bool, float, int]:
        value = value_of(trial, self._config.objective)
        return eligible(trial, self._config), trial.searched, value, -trial.number
