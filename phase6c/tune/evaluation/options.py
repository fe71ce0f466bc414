"""The options of an evaluation."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from phase6c.statistics.calibrators import CalibrationKind
from phase6c.tune.runtime.job import RunOptions


class EvaluationOptions(RunOptions):
    """The options of an evaluation; RunOptions has the options of its machines.

    Attributes:
        top: Number of the best trials of each study that are compared.
        seeds: Largest number of trainings of each configuration in each step.
        folds: Number of folds of the walk forward.
        calibration: Kind of calibrator, or `auto`.
        name: Name of the model's folder, `{out}/models/{name}`.
        out: Root folder of all outputs.
        resume: Whether an evaluation that is there is gone on with.
    """

    top: int = Field(default=3, ge=1)
    seeds: int = Field(default=5, ge=1)
    folds: int = Field(default=5, ge=5)
    calibration: CalibrationKind = "auto"
    name: str = "best"
    out: str | Path = "outputs"
    resume: bool = False
