"""The options of a search, and the part of the configuration that each pinned value goes to."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, InstanceOf, field_validator
from ray.tune.search import Searcher

from phase6c.arguments import WholeNumber
from phase6c.config import (
    DataConfig,
    Objective,
    TrainConfig,
    TrialConfig,
    Values,
    check_names,
    field_sections,
    parse,
    settable_fields,
)
from phase6c.space.space import Space
from phase6c.study.study_config import SamplerName, SchedulerName, SearcherName
from phase6c.tune.runtime.job import RunOptions

# Fields of the training that are fitted to the number of windows unless a number is given.
AUTOMATIC = ("windows_per_epoch", "batch_size", "val_windows")


class SearchOptions(RunOptions):
    """The keywords of `run_study`, which documents them; RunOptions has those of the machines."""

    data: DataConfig = DataConfig()
    n_trials: WholeNumber = Field(default=50, ge=1)
    epochs: WholeNumber = Field(default=27, ge=1)
    grace_period: Annotated[WholeNumber, Field(ge=1)] | Literal["auto"] = "auto"
    audit_share: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    reduction_factor: float = Field(default=3.0, gt=1)
    objective: Objective = "auc"
    searcher: SearcherName | InstanceOf[Searcher] = "optuna"
    sampler: SamplerName = "auto"
    scheduler: SchedulerName = "asha"
    time_budget_s: float | None = Field(default=None, gt=0)
    ranges: bool = False
    pins: Mapping[str, Any] = {}
    references: tuple[str, ...] = ()
    warm_start: str | Path | None = None
    seed: WholeNumber = Field(default=0, ge=0)
    out: str | Path = "outputs"
    name: str | None = Field(default=None, min_length=1)
    keep: WholeNumber = Field(default=10, ge=1)
    resume: bool = False
    overwrite: bool = False

    @field_validator("warm_start", mode="before")
    @classmethod
    def _of_study(cls, value: Any) -> Any:
        return Path(value) if isinstance(value, PathLike) else value

    @property
    def searcher_name(self) -> str:
        """The name that is stored; the class of a searcher of the user's own."""
        return self.searcher if isinstance(self.searcher, str) else type(self.searcher).__name__

    @property
    def left_to_data(self) -> tuple[str, ...]:
        """The fields of the training that were not asked for and follow from the windows."""
        left = [name for name in AUTOMATIC if self.pins.get(name, "auto") == "auto"]
        return (*left, "learning_rate_factor") if "batch_size" in left else (*left,)


def apply_pins(space: Space, options: SearchOptions) -> tuple[Space, DataConfig, TrainConfig, bool]:
    """Sends each pinned value to the space, the data or the training that it belongs to.

    Returns:
        The space, the configurations of data and training, and whether the precision was pinned.

    Raises:
        ConfigError: A name is unknown or a value out of range.
    """
    sections = field_sections()
    check_names(options.pins, settable_fields(), "pinned field")
    data = options.data.model_dump()
    train: Values = {"epochs": options.epochs, "objective": options.objective}
    # Before the pins, which take axes out of the space again.
    if options.ranges:
        space = space.as_ranges()
    for name, value in options.pins.items():
        if sections[name] == "data":
            data[name] = value
        elif sections[name] == "train":
            space = space.without(name)
            if not (name in AUTOMATIC and value == "auto"):
                train[name] = value
        else:
            space = space.pin(name, _checked(name, value))
    # Only now, since two pins may be valid together and not alone.
    parsed = parse(DataConfig, data), parse(TrainConfig, train)
    return space, *parsed, "precision" in options.pins


# A configuration that allows for most values of any single field: 240 days are divided by most
# patches, a single head divides every width.
_EXAMPLE: Values = {
    "n_layers": 1,
    "d_model": 16,
    "n_heads": 1,
    "d_ff_ratio": 1,
    "context_days": 240,
    "patch_days": 1,
    "learning_rate": 1e-3,
}


def _checked(name: str, value: Any) -> Any:
    """The value as its field would hold it, checked on its own.

    Raises:
        ConfigError: The value is of another type or out of range.
    """
    # The other fields follow where a rule binds the two, so that only the value can be at fault.
    example = {**_EXAMPLE, name: value}
    if name == "n_heads" and isinstance(value, int) and value > 0:
        example["d_model"] = 16 * value
    if name == "patch_days":
        example["context_days"] = value
    return TrialConfig.from_flat(example).flat()[name]
