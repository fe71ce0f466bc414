"""The options of a probe on bars."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from phase6c.arguments import WholeNumber
from phase6c.config import DataConfig, Objective
from phase6c.tune.runtime.job import RunOptions


class ProbeStudyOptions(RunOptions):
    """The keywords of `run_probe` for a study of its own; RunOptions has the machines."""

    data: DataConfig = DataConfig()
    epochs: WholeNumber = Field(default=27, ge=1)
    objective: Objective = "auc"
    seed: WholeNumber = Field(default=0, ge=0)
    out: str | Path = "outputs"
    name: str | None = None
    keep: WholeNumber = Field(default=10, ge=1)
