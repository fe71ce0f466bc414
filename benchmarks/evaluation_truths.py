"""Whole evaluations of made-up markets with known chances: their claims, and their calibration.

    .venv/bin/python benchmarks/evaluation_truths.py [claims|calibration]

`claims` runs a tiny search and its evaluation on three markets without anything to know and on
three whose chances hang on a product; `calibration` on a large panel, whose calibrated
probabilities are compared with the true ones in bins.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markets import RISE, Kind, Market, make_market

import phase6c
from phase6c.config import DataConfig
from phase6c.evaluation.evaluated import Evaluated
from search_spaces import tiny

DATA = DataConfig(tier="a20", label="close", threshold=RISE)
N_MARKETS = 3
N_BINS = 15
SMALL = {"n_tickers": 8, "n_days": 2500}
# 15% of the days after 300 of warm-up make more than 20,000 test rows.
LARGE = {"n_tickers": 30, "n_days": 5000}


def evaluated(market: Market, folder: Path, seed: int, **search: Any) -> Evaluated:
    """A tiny search and its evaluation."""
    bars = phase6c.load_bars(market.write(folder / "market.parquet"))
    study = phase6c.run_study(
        tiny.SPACE, bars, data=DATA, out=str(folder), seed=seed, objective="log_loss", **search
    )
    return phase6c.run_evaluation([study.folder], top=1, seeds=2, out=folder)


def claims(kind: Kind) -> None:
    """Prints the card's answers for each market of a kind."""
    for seed in range(N_MARKETS):
        with tempfile.TemporaryDirectory() as folder:
            market = make_market(kind, **SMALL, seed=seed)
            evaluation = evaluated(market, Path(folder), seed, n_trials=6, epochs=8)
        for question in evaluation.card["questions"].values():
            print(f"{kind} {seed}: {question['sentence']}", flush=True)


def calibration() -> None:
    """Prints calibrated beside true probabilities, in bins of equal mass of the test block."""
    market = make_market("volatility", **LARGE, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        evaluation = evaluated(market, Path(folder), 0, n_trials=4, epochs=3)
        stored = pd.read_parquet(evaluation.folder / "predictions.parquet")
    test = stored[stored["step"] == "test"].merge(market.chance, on=["date", "ticker"])
    bins = pd.qcut(test["p"], N_BINS, labels=False, duplicates="drop")
    means = test.groupby(bins)[["p", "chance"]].mean()
    off = (means["p"] - means["chance"]).abs()
    print(means.assign(off=off).round(4).to_string())
    print(f"{len(test):,} test rows: at most {off.max():.4f} off in a bin")
    print(evaluation.card["sentence"])
    print(f"mean absolute error of single days {np.abs(test['p'] - test['chance']).mean():.4f}")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    asked = sys.argv[1:] or ["claims", "calibration"]
    if "claims" in asked:
        claims("none")
        claims("non_linear")
    if "calibration" in asked:
        calibration()
