"""The predictions of trials and baselines on the validation rows that all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from phase6c.config import CROSS_SECTIONAL
from phase6c.errors import StorageError
from phase6c.records import Metrics, Trial
from phase6c.statistics.bootstrap import (
    Estimate,
    estimates,
)
from phase6c.statistics.days import Days
from phase6c.statistics.logits import log_losses
from phase6c.statistics.scores import Score, auc_score, mean_score
from phase6c.statistics.selection import ScoredRows
from phase6c.study.study import Study
from phase6c.study.study_config import BASELINES_FILE
from phase6c.study.trial_folder import read_frame, read_predictions, trial_folder
from phase6c.study.validation_rows import ValidationRows, read_validation_rows


@dataclass(frozen=True)
class Validation:
    """Validation rows in order of their dates, and the predictions for them.

    Attributes:
        dates: Dates of the rows, datetime64[s].
        y: Rises, 0 or 1.
        down: Mirrored falls; None in studies of versions that did not store them.
        trials: Logits of each trial's best epoch, by the trial's number.
        baselines: Logits by name; empty where they were not stored.
        known: What is known of the rows beside their labels; None in studies that did not store it.
        horizon_days: Horizon of the labels.
        draws: Number of resamples; 0 for no intervals.
        seed: Seed of the resampling.
    """

    dates: Shaped[np.ndarray, " window"]
    y: Int[np.ndarray, " window"]
    down: Bool[np.ndarray, " window"] | None
    trials: Mapping[int, Float[np.ndarray, " window"]]
    baselines: Mapping[str, Float[np.ndarray, " window"]]
    known: ValidationRows | None
    horizon_days: int
    draws: int
    seed: int

    @cached_property
    def days(self) -> Days:
        """The days of the rows, which are the units of every interval."""
        return Days.of(self.dates)

    def auc(self, logits: Float[np.ndarray, " window"]) -> Estimate | None:
        """The AUC of the rises; None for a single class, or where no intervals are asked for."""
        return self.auc_of(logits, self.y == 1)

    def auc_of(
        self,
        logits: Float[np.ndarray, " window"],
        y: Bool[np.ndarray, " window"],
        rows: Bool[np.ndarray, " window"] | None = None,
    ) -> Estimate | None:
        """The AUC of other labels, on some of the rows."""
        rows = np.ones(len(y), dtype=bool) if rows is None else rows
        if len(np.unique(y[rows])) < 2:
            return None
        return self._estimate(auc_score(logits[rows], y[rows].astype(int), self.days.take(rows)))

    def log_loss(self, logits: Float[np.ndarray, " window"]) -> Estimate | None:
        """The mean log loss; None where no intervals are asked for."""
        return self._estimate(mean_score(log_losses(logits, self.y), self.days))

    @cached_property
    def is_panel(self) -> bool:
        """Whether the rows are known to be of several tickers."""
        return self.known is not None and len(np.unique(self.known.tickers)) > 1

    def within_days(
        self, logits: Float[np.ndarray, " window"]
    ) -> tuple[Estimate | None, Estimate | None]:
        """The AUC within the day and the rank IC; None for a single ticker, or without draws."""
        if self.known is None or not self.is_panel:
            return None, None
        rows = ScoredRows(self.days, self.y, self.known.outcomes)
        scores = [rows.score(logits, objective) for objective in CROSS_SECTIONAL]
        auc, rank_ic = (score and self._estimate(score) for score in scores)
        return auc, rank_ic

    def _estimate(self, score: Score) -> Estimate | None:
        if not self.draws:
            return None
        (found,) = estimates(
            score,
            self.days,
            horizon_days=self.horizon_days,
            draws=self.draws,
            seed=self.seed,
        )
        return found


def read_validation(study: Study, trials: Iterable[Trial], draws: int) -> Validation | None:
    """The predictions of these trials and of the baselines for the validation rows.

    Returns:
        None where none of the trials has stored predictions.

    Raises:
        StorageError: A file cannot be read, or trials were measured on other rows.
    """
    block: pd.DataFrame | None = None
    logits: dict[int, np.ndarray] = {}
    for trial in trials:
        rows = best_rows(study, trial)
        if rows is None:
            continue
        if block is None:
            block = rows
        # Paired draws weigh rows by their position, so that all trials must share them.
        elif len(rows) != len(block) or (rows["y"].to_numpy() != block["y"].to_numpy()).any():
            raise StorageError(
                "All trials of a study must be measured on the same rows",
                f"trial {trial.number} is not",
                "Run phase6c verify on the study, and restore the trial's predictions from a copy.",
            )
        logits[trial.number] = rows["logit"].to_numpy()
    if block is None:
        return None
    return Validation(
        dates=block["date"].to_numpy(),
        y=block["y"].to_numpy(),
        down=block["down"].to_numpy() if "down" in block else None,
        trials=logits,
        baselines=read_baselines(study.folder, len(block)),
        known=read_validation_rows(study.folder, len(block)),
        horizon_days=study.config.data.horizon_days,
        draws=draws,
        seed=study.config.seed,
    )


def best_rows(study: Study, trial: Trial) -> pd.DataFrame | None:
    """The predictions of a trial's best epoch for all validation rows.

    Returns:
        None where there are none: the trial has none stored, or was not measured on all rows yet.

    Raises:
        StorageError: The file cannot be read.
    """
    best = trial.best(study.config.objective)
    if best is None or trial.awaits_final:
        return None
    stored = read_predictions(trial_folder(study.folder, trial.number))
    return None if stored is None else stored[stored["epoch"] == best.epoch]


def scored_rows(study_folder: Path, predictions: pd.DataFrame) -> ScoredRows:
    """All validation rows of a study.

    Args:
        study_folder: Folder of the study.
        predictions: Predictions of a trial for all of them.
    """
    known = read_validation_rows(study_folder, len(predictions))
    return ScoredRows(
        Days.of(predictions["date"].to_numpy()),
        predictions["y"].to_numpy(),
        None if known is None else known.outcomes,
    )


def best_logits(study: Study, validation: Validation | None) -> Float[np.ndarray, " window"] | None:
    """The logits of the best trial's best epoch; None without its predictions."""
    best = study.best
    return validation.trials.get(best.number) if validation and best else None


def with_doubt(
    metrics: Metrics,
    validation: Validation | None,
    logits: Float[np.ndarray, " window"] | None,
) -> tuple[Estimate | float | None, Estimate | float | None]:
    """AUC and log loss, with intervals where predictions and draws allow them."""
    auc = log_loss = None
    if validation is not None and logits is not None:
        auc, log_loss = validation.auc(logits), validation.log_loss(logits)
    return auc or metrics.auc, log_loss or metrics.log_loss


def read_baselines(study_folder: Path, n_rows: int) -> dict[str, np.ndarray]:
    """The logits of the baselines on the validation rows, by name; none in studies without them.

    Raises:
        StorageError: The file cannot be read.
    """
    stored = read_frame(study_folder / BASELINES_FILE, "The baselines' predictions")
    if stored is None:
        return {}
    by_name = stored.groupby("name", sort=False)["logit"]
    predictions = {str(name): logits.to_numpy() for name, logits in by_name}
    return {name: logits for name, logits in predictions.items() if len(logits) == n_rows}
