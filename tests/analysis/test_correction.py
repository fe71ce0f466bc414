"""The correction reads what a study has stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phase6c.analysis.correction import correct_best
from phase6c.data.rung_rows import rung_rows
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.study.study_config import BASELINES_FILE, StudyConfig
from phase6c.study.trial_folder import PREDICTIONS_FILE, trial_folder

DAYS = pd.date_range("2010-01-04", periods=400, freq="B")


def write_trial(folder: Path, number: int, logits: list[np.ndarray], y: np.ndarray) -> Trial:
    """A complete trial whose value is said to be as high as it gets."""
    frames = [
        pd.DataFrame({"date": DAYS, "ticker": "a", "epoch": epoch, "y": y, "logit": one})
        for epoch, one in enumerate(logits, start=1)
    ]
    where = trial_folder(folder, number)
    where.mkdir(parents=True)
    pd.concat(frames).to_parquet(where / PREDICTIONS_FILE)
    measurements = tuple(
        Measurement(
            epoch=epoch,
            value=0.9,
            metrics=Metrics(auc=0.9),
            health=Health(verdict="healthy"),
            duration_s=1.0,
        )
        for epoch in range(1, len(logits) + 1)
    )
    return Trial(
        number=number,
        state="COMPLETE",
        params={},
        config={},
        n_params=1,
        in_budget=True,
        measurements=measurements,
    )


def test_best_of_many_without_skill_is_corrected_to_a_half(
    tmp_path: Path, study_config: Callable[..., StudyConfig]
) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(len(DAYS)) < 0.3).astype(int)
    trials = [
        write_trial(tmp_path, number, [rng.normal(size=len(DAYS)) for _ in range(3)], y)
        for number in range(15)
    ]
    corrected = correct_best(tmp_path, study_config(), trials)
    assert corrected is not None
    assert corrected.value.value == pytest.approx(0.5, abs=0.03)


def test_failed_trials_and_missing_predictions_are_left_out(
    tmp_path: Path, study_config: Callable[..., StudyConfig]
) -> None:
    y = (np.arange(len(DAYS)) % 3 == 0).astype(int)
    perfect = write_trial(tmp_path, 0, [y * 1.0], y).model_copy(update={"state": "FAILED"})
    absent = perfect.model_copy(update={"number": 1, "state": "COMPLETE"})
    assert correct_best(tmp_path, study_config(), [perfect, absent]) is None


def test_a_best_trial_without_predictions_is_corrected_by_no_other(
    tmp_path: Path, study_config: Callable[..., StudyConfig]
) -> None:
    y = (np.arange(len(DAYS)) % 3 == 0).astype(int)
    rng = np.random.default_rng(0)
    trials = [write_trial(tmp_path, n, [rng.normal(size=len(DAYS))], y) for n in range(2)]
    (trial_folder(tmp_path, 0) / PREDICTIONS_FILE).unlink()
    assert correct_best(tmp_path, study_config(), trials) is None
    (trial_folder(tmp_path, 1) / PREDICTIONS_FILE).unlink()
    assert correct_best(tmp_path, study_config(), trials) is None


def test_the_best_is_compared_with_the_baselines_on_the_same_rows_and_draws(
    tmp_path: Path, study_config: Callable[..., StudyConfig]
) -> None:
    """A baseline that predicts as the only trial does is as good in each draw."""
    rng = np.random.default_rng(0)
    y = (rng.random(len(DAYS)) < 0.3).astype(int)
    logits = y + rng.normal(size=len(DAYS))
    trial = write_trial(tmp_path, 0, [logits], y)
    rows = {"alike": logits, "luck": rng.normal(size=len(DAYS))}
    frames = [pd.DataFrame({"name": name, "logit": own}) for name, own in rows.items()]
    pd.concat(frames).to_parquet(tmp_path / BASELINES_FILE)
    corrected = correct_best(tmp_path, study_config(), [trial])
    assert corrected is not None
    alike, luck = corrected.gains["alike"], corrected.gains["luck"]
    assert (alike.value, alike.low, alike.high) == (0, 0, 0)
    assert luck.low > 0


def test_epochs_chosen_on_a_part_are_judged_on_the_other_days(
    tmp_path: Path, study_config: Callable[..., StudyConfig]
) -> None:
    """The predictions of the best epoch are for all rows, those of the other epochs for a part."""
    rng = np.random.default_rng(0)
    y = (rng.random(len(DAYS)) < 0.3).astype(int)
    part = rung_rows(DAYS.to_numpy(), 200)
    # It knows the labels of the part alone, as an epoch does that was chosen on it from very many.
    lucky = np.where(part, 5.0 * y, 0) + rng.normal(size=len(DAYS))
    trial = write_trial(tmp_path, 0, [rng.normal(size=len(DAYS)), lucky], y)
    where = trial_folder(tmp_path, 0) / PREDICTIONS_FILE
    stored = pd.read_parquet(where)
    kept = (stored["epoch"] == 2) | np.tile(part, 2)
    stored[kept].to_parquet(where)
    update = {"final": trial.measurements[1], "config": {"train": {"val_windows": 200}}}
    config = study_config(val_windows=200)
    corrected = correct_best(tmp_path, config, [trial.model_copy(update=update)])
    assert corrected is not None
    assert corrected.value.value == pytest.approx(0.5, abs=0.06)
