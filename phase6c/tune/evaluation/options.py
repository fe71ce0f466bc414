"""What an evaluation can be asked for."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from phase6c.config import (
    CalibrationKind,
    Record,
)


class EvaluationOptions(Record):
    """How to evaluate; the same names as the options of `launch/evaluate.py`.

    Attributes:
        top: How many of the best trials of each study.
        seeds: At most so many trainings of each configuration in each step.
        folds: Of the walk forward.
        calibration: A kind of calibrator, or `auto`.
        name: Of the model's folder, `{out}/models/{name}`.
        gpus, gpus_per_trial, cpus, address: See `SearchOptions`.
    """

    top: int = Field(default=3, ge=1)
    seeds: int = Field(default=5, ge=1)
    folds: int = Field(default=5, ge=5)
    calibration: CalibrationKind = "auto"
    name: str = "best"
    out: str | Path = "outputs"
    resume: bool = False
    gpus: int | None = Field(default=None, ge=0)
    gpus_per_trial: float | None = None
    cpus: int | None = Field(default=None, ge=1)
    address: str | None = None
