"""Calibration forward in time: each fold by what the folds before it have shown."""

from __future__ import annotations

import numpy as np

from phase6c.config import CalibratorKind
from phase6c.evaluation.outcomes import Truth
from phase6c.statistics.calibrators import Calibrator


def calibrated_forward(kind: CalibratorKind, logits: np.ndarray, truth: Truth) -> np.ndarray:
    """Logits float64[row], those of each step after a calibrator fitted on the steps before it.

    The first step has nothing before it and stays as it is, as does one that only rows of one
    class precede.

    Args:
        kind: Of calibrator.
        logits: float[row], out of fold.
        truth: The same rows.
    """
    calibrated = np.array(logits, dtype=np.float64)
    steps = dict.fromkeys(truth.steps)  # in order of time
    seen = np.zeros(len(truth), dtype=bool)
    for step in steps:
        own = truth.steps == step
        if len(np.unique(truth.y[seen])) == 2:
            fitted = Calibrator.fit(kind, logits[seen], truth.y[seen])
            calibrated[own] = fitted.apply(logits[own])
        seen |= own
    return calibrated
