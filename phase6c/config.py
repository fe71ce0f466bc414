"""The configuration of a trial: frozen records, nested in Python, flat at the search border."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phase6c.errors import ConfigError, StorageError
from phase6c.faults import faults_of, nearest

Value = bool | int | float | str
Values = dict[str, Any]

Objective = Literal["auc", "log_loss", "refinement", "auc_within_day", "rank_ic"]
Label = Literal["high", "close", "vol"]
Tier = Literal["a20", "a50", "a100", "a200"]
Scaling = Literal["pooled", "per_ticker", "cross_section"]
Market = Literal["off", "on"]
Precision = Literal["float32", "bfloat16"]
Auxiliary = Literal["none", "range"]
HalfLife = Annotated[int, Field(ge=1)] | Literal["none"]

# The smaller the better; of all others more is better.
LOSSES: tuple[Objective, ...] = ("log_loss", "refinement")
# Objectives that compare the tickers of a day.
CROSS_SECTIONAL: tuple[Objective, ...] = ("auc_within_day", "rank_ic")

# An epoch of a larger panel is a part of it, and is measured on a part of its validation rows.
LARGE_PANEL_WINDOWS, LARGE_BATCH_SIZE = 50_000, 256
# Of fewer validation rows, so few would be left that no epoch is chosen on that they tell nothing.
MAX_VAL_WINDOWS = 75_000
# A block with a smaller share of the dates could not be judged on any bars.
MIN_FRACTION = 0.01
# Draws of the bootstrap at the end of a search and in its report: if these were two numbers, the
# figures of both would differ in their last digits.
DRAWS = 1000


class Record(BaseModel):
    """A frozen value with JSON both ways; an unknown key is an error."""

    # No infinity and no NaN: records are written as strict JSON, which knows neither.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __str__(self) -> str:
        return repr(self)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON: the identity of this value."""
        return digest_of(self.model_dump(mode="json"))


class ModelConfig(Record):
    """The shape of a transformer classifier.

    Attributes:
        n_layers, d_model, n_heads: Blocks, width of a token, and heads that share it.
        d_ff_ratio: Width of the feed-forward nets, in widths of a token.
        context_days, patch_days: Days of a window and of a token.
        pooling: Whether the head reads the mean of all tokens or the last token.
        shortcut: Whether the last day's features also go straight into the logit.
        bins: Number of bins that each feature's train values are cut into, for a piecewise-linear
            encoding; 0 for the features as they are.
        auxiliary: What else is learnt beside the label: nothing, or the range of the coming days.
        members: Number of small models that are trained side by side and averaged in the logit;
            together they have the parameters that are counted.
        dropout: Share of a branch's values that are dropped in training.
    """

    n_layers: int = Field(ge=1)
    d_model: int = Field(ge=2)
    n_heads: int = Field(ge=1)
    d_ff_ratio: int = Field(ge=1)
    context_days: int = Field(ge=1, le=256)
    patch_days: int = Field(ge=1, le=16)
    pooling: Literal["mean", "last"] = "mean"
    shortcut: bool = True
    bins: int = Field(default=0, ge=0, le=64)
    auxiliary: Auxiliary = "none"
    members: int = Field(default=1, ge=1, le=64)
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @property
    def n_tokens(self) -> int:
        """Patches in a window."""
        return self.context_days // self.patch_days

    @model_validator(mode="after")
    def _shape_is_whole(self) -> Self:
        if self.context_days % self.patch_days:
            raise ValueError(
                f"patch_days must divide context_days, found {self.patch_days}"
                f" and {self.context_days}"
            )
        if self.d_model % self.n_heads:
            raise ValueError(
                f"n_heads must divide d_model, found {self.n_heads} and {self.d_model}"
            )
        return self


class OptimConfig(Record):
    """AdamW, a linear warm-up, then a constant rate that does not depend on the epochs."""

    learning_rate: float = Field(gt=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0, le=10)
    warmup_steps: int = Field(default=50, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)


class DataConfig(Record):
    """Label, features and date blocks.

    Attributes:
        tier: Name of the nested set of features.
        horizon_days: Number of days within which the price must rise.
        label: high, close or vol; see `phase6c.data.labels`.
        threshold: Rise to reach, as a fraction of the close, for high and close; None for 1 %
            times the root of the horizon.
        vol_multiple: Rise to reach in volatilities, for vol; None for a single volatility.
        scaling: Whether all tickers share their features' mean and deviation, have each its own,
            or are ranked within each day.
        market: Whether the panel has the mean, spread and rank of chosen features over the tickers
            of the day; see `phase6c.data.market`.
        logs: Whether volatility-like and volume-like features are scaled by their logs.
        train_fraction, val_fraction, cal_fraction: Shares of the dates; the test block has the
            rest.
    """

    tier: Tier = "a100"
    horizon_days: int = Field(default=1, ge=1, le=60)
    label: Label = "high"
    threshold: float | None = Field(default=None, gt=0, lt=1)
    vol_multiple: float | None = Field(default=None, gt=0, le=10)
    scaling: Scaling = "pooled"
    market: Market = "off"
    logs: bool = False
    train_fraction: float = Field(default=0.60, gt=0, lt=1)
    val_fraction: float = Field(default=0.15, gt=0, lt=1)
    cal_fraction: float = Field(default=0.10, gt=0, lt=1)

    @property
    def rise(self) -> float:
        """The rise to reach: a multiple of the volatility for `vol`, else of the close."""
        if self.label == "vol":
            return 1.0 if self.vol_multiple is None else self.vol_multiple
        if self.threshold is not None:
            return self.threshold
        # Prices diffuse: with the root of the horizon, the share of rises stays about the same for
        # all horizons.
        return float(0.01 * self.horizon_days**0.5)

    @property
    def goal(self) -> str:
        """The label and the rise to reach, as people read them."""
        in_volatilities = self.label == "vol"
        rise = f"{self.rise:g} volatilities" if in_volatilities else f"{100 * self.rise:.3g}%"
        return f"{self.label} +{rise}"

    @property
    def target(self) -> str:
        """The goal and its horizon, as people read them."""
        return f"{self.goal} in {self.horizon_days} d"

    @property
    def fractions(self) -> dict[str, float]:
        """The share of the dates that each block has."""
        return {
            "train": self.train_fraction,
            "val": self.val_fraction,
            "cal": self.cal_fraction,
            "test": round(self.test_fraction, 12),
        }

    @property
    def test_fraction(self) -> float:
        """The share of the dates that the other blocks leave."""
        return 1.0 - self.train_fraction - self.val_fraction - self.cal_fraction

    @model_validator(mode="after")
    def _blocks_are_not_empty(self) -> Self:
        smallest = min(self.fractions, key=self.fractions.__getitem__)
        if self.fractions[smallest] < MIN_FRACTION:
            raise ValueError(
                f"every block, test included, must have at least {MIN_FRACTION:.0%} of the dates,"
                f" found {self.fractions[smallest]:.2%} for {smallest}"
            )
        return self

    @model_validator(mode="after")
    def _rise_fits_the_label(self) -> Self:
        if self.label == "vol" and self.threshold is not None:
            raise ValueError("threshold is for the labels high and close; vol has a vol_multiple")
        if self.label != "vol" and self.vol_multiple is not None:
            raise ValueError(f"vol_multiple is for the label vol; {self.label} has a threshold")
        return self


class TrainConfig(Record):
    """How long and in what pieces a trial is trained.

    Attributes:
        epochs: Largest number of epochs.
        patience_epochs: A trial is complete after so many epochs without a better epoch.
        batch_size: Windows per step.
        windows_per_epoch: Windows per epoch, of which all are seen before any is seen again; None
            for all windows.
        val_windows: Validation windows that each epoch is measured on, as nearly as whole weeks
            allow; the best epoch is then measured once on all of them. None for all windows each
            time.
        learning_rate_factor: What the learning rate of the configuration is multiplied by.
        half_life_days: Calendar days with which a window's weight in the loss halves, counted back
            from the last train day; none for equal weights. Base rate, scaler and bins are those of
            all train windows alike, and so is every metric; the loss on train is the weighted one.
        precision: Type of numbers in matrix products.
        objective: Metric that the best epoch is chosen by.
    """

    epochs: int = Field(default=27, ge=1)
    patience_epochs: int = Field(default=6, ge=1)
    batch_size: int = Field(default=64, ge=1)
    windows_per_epoch: int | None = Field(default=None, ge=1)
    val_windows: int | None = Field(default=None, ge=1)
    learning_rate_factor: float = Field(default=1.0, gt=0)
    half_life_days: HalfLife = "none"
    precision: Precision = "float32"
    objective: Objective = "auc"

    def epoch_windows(self, n_windows: int) -> int:
        """The number of windows of an epoch, of so many in all."""
        return min(self.windows_per_epoch or n_windows, n_windows)

    def rung_windows(self, n_val: int) -> int:
        """The number of validation windows that an epoch is measured on, of so many in all."""
        return min(self.val_windows or n_val, n_val)

    def fitted_to(self, n_windows: int, n_val: int) -> TrainConfig:
        """The training with what was not asked for fitted to so many windows.

        Up to 50,000 windows an epoch sees them all, in batches of 64. Beyond, a pass is too coarse
        a measure of progress, and small batches waste the processor: an epoch has 50,000 windows in
        batches of 256, which a core works through about twice as fast. The learning rate then grows
        with the square root of the batch size, as Adam's noise asks for (Malladi et al. 2022, arXiv
        2205.10287), so that the grid of rates means the same as for 64.

        Of more than 75,000 validation windows, an epoch is measured on 50,000: a pass forward over
        them takes a third of the time of training on as many.

        Args:
            n_windows: Number of windows to train on.
            n_val: Number of windows to measure on.
        """
        settled: Values = {}
        if self._fitted_val_windows(n_val) != self.val_windows:
            settled["val_windows"] = self._fitted_val_windows(n_val)
        if n_windows <= LARGE_PANEL_WINDOWS:
            return self.model_copy(update=settled)
        if "windows_per_epoch" not in self.model_fields_set:
            settled["windows_per_epoch"] = LARGE_PANEL_WINDOWS
        if "batch_size" not in self.model_fields_set:
            settled["batch_size"] = LARGE_BATCH_SIZE
            usual = TrainConfig.model_fields["batch_size"].default
            settled["learning_rate_factor"] = (LARGE_BATCH_SIZE / usual) ** 0.5
        return self.model_copy(update=settled)

    def _fitted_val_windows(self, n_val: int) -> int | None:
        """The windows that an epoch is measured on; None where these would be all."""
        asked = self.val_windows
        if "val_windows" not in self.model_fields_set and n_val > MAX_VAL_WINDOWS:
            asked = LARGE_PANEL_WINDOWS
        return asked if asked is not None and asked < n_val else None


# Fields of a training that a search may vary, beside those of model and optimiser.
SEARCHED_TRAIN_FIELDS = ("batch_size", "half_life_days")


class TrialConfig(Record):
    """Everything that a training depends on, except its bars."""

    model: ModelConfig
    optim: OptimConfig
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    seed: Annotated[int, Field(ge=0)] = 0

    def __repr__(self) -> str:
        model, optim = self.model, self.optim
        return (
            f"TrialConfig(n_layers={model.n_layers}, d_model={model.d_model}, "
            f"n_heads={model.n_heads}, context_days={model.context_days}, "
            f"patch_days={model.patch_days}, learning_rate={optim.learning_rate:g}, "
            f"{self.data.target}, seed={self.seed})"
        )

    @property
    def scaled_optim(self) -> OptimConfig:
        """The optimiser's settings with the learning rate that the batch size asks for."""
        factor = self.train.learning_rate_factor
        if factor == 1:
            return self.optim
        rate = self.optim.learning_rate * factor
        return self.optim.model_copy(update={"learning_rate": rate})

    def flat(self) -> Values:
        """The configuration under the flat names of the search border."""
        nested = self.model_dump()
        return {
            name: nested[section][name] if section else nested[name]
            for name, section in field_sections().items()
        }

    def identity(self, searched: Iterable[str]) -> str:
        """A digest that equal configurations share.

        Model and optimiser count, and of data and training the fields that are searched: seeds
        and fields that a study holds fixed make no other configuration.
        """
        flat = self.flat()
        # A trial that differs from another in its seed alone would tell the searcher the same point
        # twice.
        names = {*ModelConfig.model_fields, *OptimConfig.model_fields, *searched}
        return digest_of({name: flat[name] for name in names})

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> TrialConfig:
        """Builds the nested configuration.

        Raises:
            ConfigError: A name is unknown (with its nearest match) or a value out of range.
        """
        sections = field_sections()
        check_names(values, sections, "configuration field")
        nested: dict[str, Any] = {}
        for name, value in values.items():
            section = sections[name]
            (nested.setdefault(section, {}) if section else nested)[name] = value
        return parse(cls, nested)


@cache
def field_sections() -> dict[str, str]:
    """Maps every flat name to the section that holds it ("" for the top level)."""
    sections: dict[str, str] = {}
    for section, field in TrialConfig.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Record):
            sections.update(dict.fromkeys(kind.model_fields, section))
        else:
            sections[section] = ""
    return sections


def settable_fields() -> tuple[str, ...]:
    """The flat names that a search can pin."""
    return tuple(name for name, section in field_sections().items() if section)


RecordType = TypeVar("RecordType", bound=Record)


def parse(kind: type[RecordType], data: Mapping[str, Any]) -> RecordType:
    """Validates `data`; a single ConfigError names all its faults."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise invalid(kind, error) from error


def invalid(kind: type[Record], error: ValidationError) -> ConfigError:
    """An error that names all that pydantic finds wrong with a record."""
    faults = "; ".join(faults_of(kind, error))
    return ConfigError("The configuration must be valid", faults, "Correct the named values.")


def parse_stored(kind: type[RecordType], data: Any, path: Path) -> RecordType:
    """Validates the content of a file.

    Raises:
        ConfigError: Another version of the code wrote it.
        StorageError: It is damaged.
    """
    try:
        return parse(kind, data)
    except ConfigError as error:
        if _is_of_another_version(error.__cause__):
            raise
        raise StorageError(
            "What a study has stored must be valid",
            f"{path}: {error.value}",
            "The file was damaged from outside; restore it from a copy.",
        ) from error


def _is_of_another_version(error: BaseException | None) -> bool:
    """Whether a record names a schema or fields that are not known here."""
    return isinstance(error, ValidationError) and any(
        item["type"] == "extra_forbidden" or item["loc"] == ("schema",) for item in error.errors()
    )


def check_names(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raises ConfigError for the first name that is not known, naming the nearest known name."""
    known = sorted(known)
    for name in names:
        if name not in known:
            near = nearest(str(name), known)
            remedy = f"Did you mean {near}?" if near else f"Known: {', '.join(known)}."
            raise ConfigError(f"Every {what} must be a known one", name, remedy)


def digest_of(data: object) -> str:
    """SHA-256 of canonical JSON: sorted keys, no spaces, no NaN."""
    # Sorted and without spaces: the same content has the same digest, whoever wrote it and in
    # whichever order.
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
