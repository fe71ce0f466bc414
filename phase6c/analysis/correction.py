"""The best value of a study, corrected for having chosen trial and epoch on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from phase6c.analysis.validation import read_baselines, scored_rows
from phase6c.data.rung_rows import rung_rows
from phase6c.records import Trial
from phase6c.statistics.selection import Candidates, Corrected, correct
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
    draws: int = 1000,
) -> Corrected | None:
    """Corrects with the validation predictions that the eligible trials have stored.

    Where epochs were measured on a part of the rows, the part is found again from the dates, and
    the choice is repeated as it was made: the epoch on the part, the trial on all rows.

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
    # All trials are measured on the same rows, in the same order: any of them tells dates and
    # labels, by its best epoch, which alone is always measured on all.
    rows = known[known["epoch"] == _best_epoch(best[0], config)]
    part = rung_rows(rows["date"].to_numpy(), config.train.val_windows)
    return correct(
        _candidates(folder, config, best, part),
        scored_rows(folder, rows),
        config.objective,
        rung_rows=part,
        rivals=read_baselines(folder, len(rows)),
        horizon_days=config.data.horizon_days,
        draws=draws,
        seed=config.seed,
    )


def _candidates(
    folder: Path, config: StudyConfig, trials: Iterable[Trial], part: np.ndarray
) -> Iterator[Candidates]:
    """The epochs of these trials, read one trial after the other: together they fill memories."""
    for trial in trials:
        stored = read_predictions(trial_folder(folder, trial.number), ("epoch", "logit"))
        if stored is None:
            continue
        epochs, logits = stored["epoch"].to_numpy(), stored["logit"].to_numpy()
        by_epoch = {int(epoch): logits[epochs == epoch] for epoch in np.unique(epochs)}
        if not trial.is_measured_in_part:
            yield Candidates(trial.number, [*by_epoch.values()])
            continue
        best = _best_epoch(trial, config)
        on_all, by_epoch[best] = by_epoch[best], by_epoch[best][part]
        yield Candidates(trial.number, [*by_epoch.values()], on_all, [*by_epoch].index(best))


def _best_epoch(trial: Trial, config: StudyConfig) -> int:
    best = trial.best(config.objective)
    assert best is not None
    return best.epoch
