"""A search together with its predictions, effects and corrections."""

from __future__ import annotations

from dataclasses import dataclass

from phase6c.analysis.correction import correct_best
from phase6c.analysis.effects import Effects, effects
from phase6c.analysis.trials import Search
from phase6c.analysis.validation import Validation, read_validation
from phase6c.analysis.winner import Winner, find_winner
from phase6c.report.leaderboard import shown_trials
from phase6c.statistics.selection import Corrected


@dataclass(frozen=True)
class Reading:
    """The material of a report on a search.

    Attributes:
        search: Search.
        validation: Predictions of its best trials, references and baselines; None where nothing is
            stored.
        corrected: Value of its best, corrected for being chosen; None without draws.
        effects: Effects of its axes.
        winner: Judgement whether there is a winner; None with too few trials.
        draws: Number of draws of every bootstrap.
    """

    search: Search
    validation: Validation | None
    corrected: Corrected | None
    effects: Effects
    winner: Winner | None
    draws: int


def read(search: Search, draws: int) -> Reading:
    """Reads the predictions of a search, and corrects its best value.

    Args:
        search: A study, or a file of trials.
        draws: Number of draws of every bootstrap; 0 for no intervals.

    Raises:
        StorageError: A file of the study is damaged.
    """
    study, validation, corrected = search.study, None, None
    if study is not None:
        validation = read_validation(study, shown_trials(study), draws)
    if study is not None and draws:
        corrected = correct_best(study.folder, study.config, study.trials, draws=draws)
    findings, winner = effects(search), find_winner(search)
    return Reading(search, validation, corrected, findings, winner, draws)
