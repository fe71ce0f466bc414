"""The configuration of an evaluation, stored in the study.json of its trainings."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from phase6c.config import DataConfig, ModelConfig, Record, TrainConfig
from phase6c.statistics.calibrators import CalibrationKind

_SECTIONS: tuple[tuple[str, type[Record]], ...] = (
    ("model", ModelConfig),
    ("data", DataConfig),
    ("train", TrainConfig),
)


def _defaults(kind: type[Record]) -> dict[str, Any]:
    fields = kind.model_fields.items()
    return {name: field.get_default() for name, field in fields if not field.is_required()}


class Contender(Record):
    """A configuration of a search, to be trained anew with its hyper-parameters frozen.

    Attributes:
        name: Name in tables.
        study: Folder of the study that it comes from.
        number: Number of its trial in that study.
        budget: Budget of that study.
        n_tried: Number of distinct configurations that the study chose it from.
        may_win: Whether it may be chosen; a reference is compared only.
        params: Flat values, as its trial tells them.
        config: Whole configuration, with seed 0.
        n_params: Exact number of parameters.
        in_budget: Whether that number is in the study's budget.
        best_epoch: Best epoch of its trial, to foresee how long a training takes.
    """

    name: str
    study: str
    number: int
    budget: str
    n_tried: int
    may_win: bool
    params: dict[str, Any]
    config: dict[str, Any]
    n_params: int
    in_budget: bool
    best_epoch: int

    @field_validator("config")
    @classmethod
    def _with_later_fields(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The configuration with fields that came after it was stored."""
        later = {section: _defaults(kind) | config.get(section, {}) for section, kind in _SECTIONS}
        return {**config, **later}

    def __repr__(self) -> str:
        return f"Contender({self.name!r}, trial {self.number} of {self.study})"


class EvaluationConfig(Record):
    """All that an evaluation depends on beside the data.

    Attributes:
        contenders: The best trials of each study, then references.
        n_seeds: Largest number of trainings of a contender in a step.
        n_folds: Number of folds in the walk forward.
        calibration: Kind of calibrator, or `auto`.
        blends: Whether a blend with a simple model may be chosen; not in evaluations that began
            before blends could be.
    """

    contenders: tuple[Contender, ...] = Field(min_length=1)
    n_seeds: int = Field(ge=1)
    n_folds: int = Field(ge=5)
    calibration: CalibrationKind = "auto"
    blends: bool = False
