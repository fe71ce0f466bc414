"""What an evaluation compares, and how; stored in the study.json of its trainings."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from phase6c.config import CalibrationKind, Record


class Contender(Record):
    """A configuration of a search, to be trained anew with its hyper-parameters frozen.

    Attributes:
        name: What tables call it.
        study: The folder of the study that it comes from.
        number: Of its trial there.
        budget: Of that study.
        n_tried: Distinct configurations that the study tried: the choice behind it.
        may_win: Whether it may be chosen; a reference is compared only.
        params: Flat values, as its trial tells them.
        config: All of it, with seed 0.
        n_params: The exact count.
        in_budget: Whether that is in the study's budget.
        best_epoch: Of its trial, to foresee how long it takes.
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

    def __repr__(self) -> str:
        return f"Contender({self.name!r}, trial {self.number} of {self.study})"


class EvaluationConfig(Record):
    """What an evaluation depends on beside the data.

    Attributes:
        contenders: In order: the best of each study, then references.
        n_seeds: At most so many trainings of each in each step.
        n_folds: Of the walk forward.
        calibration: A kind of calibrator, or `auto`.
    """

    contenders: tuple[Contender, ...] = Field(min_length=1)
    n_seeds: int = Field(ge=1)
    n_folds: int = Field(ge=5)
    calibration: CalibrationKind = "auto"
