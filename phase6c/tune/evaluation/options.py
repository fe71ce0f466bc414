"""What an evaluation can be asked for."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from phase6c.config import CalibrationKind
from phase6c.tune.runtime.job import RunOptions


class EvaluationOptions(RunOptions):
    """How to evaluate; `gpus`, `gpus_per_trial`, `cpus` and `address` are those of RunOptions.

    Attributes:
        top: How many of the best trials of each study.
        seeds: At most so many trainings of each configuration in each step.
        folds: Of the walk forward.
        calibration: A kind of calibrator, or `auto`.
        name: Of the model's folder, `{out}/models/{name}`.
    """

    top: int = Field(default=3, ge=1)
    seeds: int = Field(default=5, ge=1)
    folds: int = Field(default=5, ge=5)
    calibration: CalibrationKind = "auto"
    name: str = "best"
    out: str | Path = "outputs"
    resume: bool = False
