"""How long a report takes on a study of many trials: `python benchmarks/report_time.py [TRIALS]`.

The study is made up: scores of a known truth, drawn uniformly, stopped by the product's rungs; its
best trials and a baseline have predictions on 709 days.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from report_searches import UNIFORM_STOPPED, searched
from report_truths import draw_truth

from phase6c.analysis.correction import MAX_TRIALS
from phase6c.records import Trial
from phase6c.statistics.logits import sigmoid
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger
from phase6c.study.ranking import ranked
from phase6c.study.study import Study
from phase6c.study.study_config import BASELINES_FILE, write_study_config
from phase6c.study.trial_folder import PREDICTIONS_FILE, trial_folder
from phase6c.study.views.json_files import write_views

N_DAYS = 709
DAYS = pd.date_range("2011-06-23", periods=N_DAYS, freq="B")
REPORT = Path(__file__).parents[1] / "launch" / "report.py"
_BORN = {"measurements", "state", "stopped", "audited", "error", "attempts", "number"}


def write(folder: Path, study: Study) -> None:
    """Writes the files of a study that a report reads."""
    write_study_config(folder, study.config)
    ledger = Ledger(folder / LEDGER_NAME)
    for trial in study.trials:
        append(ledger, trial)
    ledger.close()
    write_views(folder, study.config, ledger.trials)
    rng = np.random.default_rng(0)
    signal = rng.normal(size=N_DAYS)
    y = (rng.random(N_DAYS) < sigmoid(signal - 1.5)).astype(int)
    down = rng.random(N_DAYS) < sigmoid(signal - 1.5)
    columns = {"date": DAYS, "ticker": "MADE", "y": y, "down": down}

    def frame(**key: int | str) -> pd.DataFrame:
        logits = signal - 1.5 + rng.normal(size=N_DAYS)
        return pd.DataFrame(columns | key | {"logit": logits, "p": sigmoid(logits)})

    for trial in ranked(study.trials, study.config)[:MAX_TRIALS]:
        where = trial_folder(folder, trial.number)
        where.mkdir()
        frames = [frame(epoch=epoch) for epoch in range(1, trial.epochs + 1)]
        pd.concat(frames).to_parquet(where / PREDICTIONS_FILE)
    frame(name="logistic_regression").to_parquet(folder / BASELINES_FILE)


def append(ledger: Ledger, trial: Trial) -> None:
    """Appends the rows of a trial."""
    ledger.append("trial", trial.number, **trial.model_dump(mode="json", exclude=_BORN))
    for measurement in trial.measurements:
        content = {"measurement": measurement.model_dump(mode="json"), "decision": "continue"}
        if trial.stopped and trial.stopped.epoch == measurement.epoch:
            stopped = trial.stopped.model_dump(mode="json")
            content |= {"decision": "audit" if trial.audited else "stop", "stopped": stopped}
        elif measurement.epoch == trial.epochs and trial.state == "COMPLETE":
            content["decision"] = "complete"
        ledger.append("result", trial.number, **content)


def seconds(*command: str) -> float:
    begun = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, *command], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    return time.perf_counter() - begun


def main(n_trials: int) -> None:
    truth = draw_truth("smooth", "2m", np.random.default_rng(0))
    study = searched(truth, n_trials, 0, UNIFORM_STOPPED).study
    assert study is not None
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), study)
        trained = sum(trial.epochs for trial in study.trials)
        print(f"{n_trials} trials, {trained:,} epochs, Python alone {seconds('-c', 'pass'):.2f} s")
        for draws in (0, 2000):
            print(f"--draws {draws}: {seconds(str(REPORT), folder, '--draws', str(draws)):.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
