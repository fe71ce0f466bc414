"""The options of a probe on bars."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from phase6c.config import DataConfig, Objective
from phase6c.tune.runtime.job import RunOptions


class ProbeStudyOptions(RunOptions):
    """The options of a study of the probe's own; RunOptions has the options of its machines.

    Attributes:
        data: Features, label and horizon.
        epochs: Number of epochs of every training.
        objective: Metric of the validation block that tells a training's best epoch.
        seed: Seed of the study; the seeds of the trainings follow from it.
        out: Root folder of all outputs.
        name: Name of the study; None for a name made from reference, horizon and data.
        keep: Number of trials whose best weights are kept.
    """

    data: DataConfig = DataConfig()
    epochs: int = Field(default=27, ge=1)
    objective: Objective = "auc"
    seed: int = Field(default=0, ge=0)
    out: str | Path = "outputs"
    name: str | None = None
    keep: int = Field(default=10, ge=1)
