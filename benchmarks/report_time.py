"""How long a report takes on a study of many trials, or on one of a panel.

Run: OMP_NUM_THREADS=1 python benchmarks/report_time.py [TRIALS] [TICKERS]

The study is made up: scores of a known truth, drawn uniformly, stopped by the product's rungs; its
best trials and a baseline have predictions on 709 days of as many tickers (1). Aim for 50 trials on
212 tickers, which are 150,000 rows: correction and report together take at most 2 minutes.
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

from phase6c.analysis.correction import MAX_TRIALS, correct_best
from phase6c.records import Trial
from phase6c.statistics.logits import sigmoid
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger
from phase6c.study.ranking import ranked
from phase6c.study.study import Study
from phase6c.study.study_config import BASELINES_FILE, write_study_config
from phase6c.study.trial_folder import PREDICTIONS_FILE, trial_folder
from phase6c.study.validation_rows import VALIDATION_FILE
from phase6c.study.views.json_files import write_views

N_DAYS = 709
DAYS = pd.date_range("2011-06-23", periods=N_DAYS, freq="B")
REPORT = Path(__file__).parents[1] / "launch" / "report.py"
_BORN = {"measurements", "state", "stopped", "audited", "error", "attempts", "number"}


def write(folder: Path, study: Study, n_tickers: int) -> None:
    """Writes the files of a study that a report reads."""
    write_study_config(folder, study.config)
    ledger = Ledger(folder / LEDGER_NAME)
    for trial in study.trials:
        append(ledger, trial)
    ledger.close()
    write_views(folder, study.config, ledger.trials)
    rng = np.random.default_rng(0)
    n = N_DAYS * n_tickers
    signal = rng.normal(size=n)
    # The market's shock of a day, and the rates of the tickers.
    shared = np.repeat(rng.normal(size=N_DAYS), n_tickers) * (n_tickers > 1)
    rate = np.tile(rng.normal(size=n_tickers), N_DAYS) * (n_tickers > 1)
    y, down = (
        (rng.random(n) < sigmoid(signal + rate + shared - 1.5)).astype(np.int8) for _ in range(2)
    )
    names = np.array([f"MADE{number:03}" for number in range(n_tickers)])
    columns = {
        "date": np.repeat(DAYS, n_tickers),
        "ticker": np.tile(names, N_DAYS),
        "y": y,
        "down": down == 1,
    }

    def frame(**key: int | str) -> pd.DataFrame:
        logits = signal + rate - 1.5 + rng.normal(size=n)
        return pd.DataFrame(columns | key | {"logit": logits, "p": sigmoid(logits)})

    known = {name: columns[name] for name in ("date", "ticker", "y")}
    known |= {"outcome": signal + shared, "volatility": rng.random(n)}
    pd.DataFrame(known).to_parquet(folder / VALIDATION_FILE)

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


def main(n_trials: int, n_tickers: int) -> None:
    truth = draw_truth("smooth", "2m", np.random.default_rng(0))
    study = searched(truth, n_trials, 0, UNIFORM_STOPPED).study
    assert study is not None
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), study, n_tickers)
        trained = sum(trial.epochs for trial in study.trials)
        print(f"{n_trials} trials, {trained:,} epochs, Python alone {seconds('-c', 'pass'):.2f} s")
        begun = time.perf_counter()
        assert correct_best(Path(folder), study.config, study.trials) is not None
        print(f"correction at the end of the search: {time.perf_counter() - begun:.1f} s")
        for draws in (0, 1000):
            print(f"--draws {draws}: {seconds(str(REPORT), folder, '--draws', str(draws)):.1f} s")


if __name__ == "__main__":
    asked = [int(given) for given in sys.argv[1:]]
    main(*(asked + [1000, 1][len(asked) :]))
