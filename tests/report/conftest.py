"""Made-up studies on disk, with predictions, for reports that train nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phase6c.calibration import sigmoid
from phase6c.ledger import FILE_NAME as LEDGER_NAME
from phase6c.ledger import Ledger
from phase6c.metrics import measure
from phase6c.records import Baseline, Health, Trial
from phase6c.study import BASELINES_FILE, Study, StudyConfig, load_study, write_config, write_views
from phase6c.trial_folder import PREDICTIONS_FILE, trial_folder

N_DAYS = 400
DAYS = pd.date_range("2012-01-02", periods=N_DAYS, freq="B")


class Market:
    """Days whose rises, and mirrored falls, a score foretells."""

    def __init__(self, seed: int = 0, directional: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.signal = rng.normal(size=N_DAYS)
        chance = sigmoid(-1.5 + self.signal)
        self.y = (rng.random(N_DAYS) < chance).astype(int)
        falls = sigmoid(-1.5 - self.signal) if directional else chance
        self.down = rng.random(N_DAYS) < falls
        self._rng = rng

    def logits(self, noise: float) -> np.ndarray:
        return -1.5 + self.signal + noise * self._rng.normal(size=N_DAYS)

    def frame(self, key: str, value: int | str, logits: np.ndarray) -> pd.DataFrame:
        columns = {"date": DAYS, "ticker": "MADE", key: value, "y": self.y, "down": self.down}
        return pd.DataFrame(columns | {"logit": logits, "p": sigmoid(logits)})


@pytest.fixture(scope="session")
def market() -> type[Market]:
    return Market


@pytest.fixture(scope="session")
def write_trials() -> Callable[[Path, StudyConfig, list[Trial]], Study]:
    """Writes a study's own files as a search leaves them, except those of its trials."""

    def write(folder: Path, config: StudyConfig, trials: list[Trial]) -> Study:
        folder.mkdir(parents=True, exist_ok=True)
        write_config(folder, config)
        ledger = Ledger(folder / LEDGER_NAME)
        for trial in trials:
            left = {"measurements", "state", "stopped", "audited", "error", "attempts", "number"}
            born = trial.model_dump(mode="json", exclude=left)
            ledger.append("trial", trial.number, **born)
            ledger.append("started", trial.number)
            for one in trial.measurements:
                _append_epoch(ledger, trial, one.epoch)
            if trial.state == "FAILED" and not ledger.trials[trial.number].finished:
                error = {"kind": "bug", "message": "planted"}
                ledger.append("failed", trial.number, state="FAILED", error=error)
        ledger.close()
        write_views(folder, config, ledger.trials)
        return load_study(folder)

    return write


def _append_epoch(ledger: Ledger, trial: Trial, epoch: int) -> None:
    measurement = trial.measurements[epoch - 1].model_dump(mode="json")
    last = epoch == trial.epochs
    decision: dict[str, object] = {"decision": "continue"}
    stopped = trial.stopped.model_dump(mode="json") if trial.stopped else None
    if trial.stopped and trial.audited and epoch == trial.stopped.epoch:
        decision = {"decision": "audit", "stopped": stopped}
    elif last and trial.state == "COMPLETE":
        decision = {"decision": "complete"}
    elif last and trial.state == "PRUNED":
        decision = {"decision": "stop", "stopped": stopped}
    ledger.append("result", trial.number, measurement=measurement, **decision)


@pytest.fixture(scope="session")
def small_study(
    write_trials: Callable[..., Study],
    study_config: Callable[..., StudyConfig],
    trial_of: Callable[..., Trial],
) -> Callable[..., Study]:
    """Writes eight trials, a reference and a baseline with their predictions on one market.

    Trial 0 is the reference, trial 3 the best.
    """

    def write(folder: Path, market: Market | None = None, **fields: object) -> Study:
        market = market or Market()
        trials = []
        for number in range(9):
            noise = 0.1 if number == 3 else 1.5 + 0.2 * number
            logits = [market.logits(noise + 0.5), market.logits(noise)]
            frames = [market.frame("epoch", epoch, one) for epoch, one in enumerate(logits, 1)]
            where = trial_folder(folder, number)
            where.mkdir(parents=True)
            pd.concat(frames).to_parquet(where / PREDICTIONS_FILE)
            metrics = [measure(one, market.y, market.down, 0.2) for one in logits]
            stopped = {"epoch": 2, "value": 0.6, "cutoff": 0.65} if number > 6 else None
            trial = trial_of(
                number,
                *(one.auc for one in metrics),
                state="PRUNED" if stopped else "COMPLETE",
                source="sampled" if number else "reference",
                name=None if number else "january_best",
                dropout=[0.1, 0.0, 0.05, 0.1, 0.2, 0.3, 0.1, 0.5, 0.7][number],
                learning_rate=1e-3 if number == 6 else 1e-4,
                stopped=stopped,
            )
            measurements = tuple(
                one.model_copy(update={"metrics": found, "health": Health(verdict="healthy")})
                for one, found in zip(trial.measurements, metrics, strict=True)
            )
            trials.append(trial.model_copy(update={"measurements": measurements}))
        simple = market.logits(0.8)
        market.frame("name", "logistic_regression", simple).to_parquet(folder / BASELINES_FILE)
        baseline = Baseline(
            name="logistic_regression",
            metrics=measure(simple, market.y, market.down, 0.2),
            duration_s=0.1,
        )
        block = {"first_date": "2012-01-02", "last_date": "2013-07-12", "rows": N_DAYS}
        summary = {"bars_digest": "a" * 64, "val": block | {"base_rate": float(market.y.mean())}}
        config = study_config(
            epochs=2, n_trials=8, baselines=(baseline,), data_summary=summary, **fields
        )
        return write_trials(folder, config, trials)

    return write
