"""The best value of a study, corrected for having chosen trial and epoch on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from phase6c.analysis.validation import read_baselines, scored_rows
from phase6c.config import DRAWS
from phase6c.data.rung_rows import rung_rows
from phase6c.records import Trial
from phase6c.statistics.selection import Candidate, Corrected, correct
from phase6c.study.ranking import ranked
from phase6c.study.study_config import StudyConfig
from phase6c.study.trial_folder import read_predictions, trial_folder

# Every epoch of this many of the best trials could have been chosen; others hardly ever.
MAX_TRIALS = 50


def correct_best(
    folder: Path,
    config: StudyConfig,
    trials: Iterable[Trial],
    *,
    draws: int = DRAWS,
) -> Corrected | None:
    """Corrects with the validation predictions that the eligible trials have stored.

    Where epochs were measured on a part of the rows, that part is found again from the dates: the
    choice is then judged on the days that no epoch was chosen on, see `correct`.

    The baselines of the study are its rivals, on the same rows and in the same draws.

    Args:
        folder: Folder of the study.
        config: Configuration, for objective, horizon and seed.
        trials: Trials; only eligible trials count.
        draws: Number of resamples.

    Returns:
        None where the best trial has no predictions; others without them are left out.
    """
    best = ranked(trials, config)[:MAX_TRIALS]
    known = read_predictions(trial_folder(folder, best[0].number)) if best else None
    if known is None:
        return None
    # All trials are measured on the same rows, in the same order; in their best epoch, on all.
    rows = known[known["epoch"] == _best_epoch(best[0], config)]
    n_part = config.train.val_windows
    untouched = None if n_part is None else ~rung_rows(rows["date"].to_numpy(), n_part)
    return correct(
        _candidates(folder, config, best, bests_alone=untouched is not None),
        scored_rows(folder, rows),
        config.objective,
        untouched=untouched,
        rivals=read_baselines(folder, len(rows)),
        horizon_days=config.data.horizon_days,
        draws=draws,
        seed=config.seed,
    )


def _candidates(
    folder: Path, config: StudyConfig, trials: Iterable[Trial], *, bests_alone: bool
) -> Iterator[Candidate]:
    """Epochs of these trials, read one trial after the other: together they fill memories."""
    for trial in trials:
        stored = read_predictions(trial_folder(folder, trial.number), ("epoch", "logit"))
        if stored is not None:
            epochs, logits = stored["epoch"].to_numpy(), stored["logit"].to_numpy()
            known = [_best_epoch(trial, config)] if bests_alone else np.unique(epochs)
            for epoch in known:
                yield Candidate(trial.number, int(epoch), logits[epochs == epoch])


def _best_epoch(trial: Trial, config: StudyConfig) -> int:
    best = trial.best(config.objective)
    assert best is not None
    return best.epoch
