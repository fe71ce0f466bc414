"""The best value of a study, corrected for having chosen trial and epoch on the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

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
    rivals: Mapping[str, np.ndarray] | None = None,
    draws: int = 1000,
) -> Corrected | None:
    """Corrects with the validation predictions that the eligible trials have stored.

    Args:
        folder: Folder of the study.
        config: Configuration, for objective, horizon and seed.
        trials: Trials; only eligible trials count.
        rivals: float[window] logits by name, to compare the chosen candidate with.
        draws: Number of resamples.

    Returns:
        None where the best trial has no predictions; others without them are left out.
    """
    stored = [
        (trial.number, read_predictions(trial_folder(folder, trial.number)))
        for trial in ranked(trials, config)[:MAX_TRIALS]
    ]
    if not stored or stored[0][1] is None:
        return None
    with_predictions = [
        (number, predictions) for number, predictions in stored if predictions is not None
    ]
    candidates = [
        Candidate(number, int(str(epoch)), rows["logit"].to_numpy())
        for number, predictions in with_predictions
        for epoch, rows in predictions.groupby("epoch")
    ]
    _, first = with_predictions[0]
    # All trials are measured on the same rows, in the same order: any epoch tells dates and labels.
    block = first[first["epoch"] == 1]
    return correct(
        candidates,
        block["date"].to_numpy(),
        block["y"].to_numpy(),
        config.objective,
        rivals=rivals,
        horizon_days=config.data.horizon_days,
        draws=draws,
        seed=config.seed,
    )
