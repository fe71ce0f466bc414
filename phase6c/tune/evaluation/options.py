"""The options of an evaluation."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from phase6c.arguments import WholeNumber
from phase6c.statistics.calibrators import CalibrationKind
from phase6c.tune.runtime.job import RunOptions


class EvaluationOptions(RunOptions):
    """The keywords of `run_evaluation`, which documents them; RunOptions has the machines."""

    top: WholeNumber = Field(default=3, ge=1)
    seeds: WholeNumber = Field(default=5, ge=1)
    folds: WholeNumber = Field(default=5, ge=5)
    calibration: CalibrationKind = "auto"
    name: str = "best"
    out: str | Path = "outputs"
    resume: bool = False
