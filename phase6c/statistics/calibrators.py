"""Calibrators: maps that better a model's logits, fitted on earlier rows, kept as JSON."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Real
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from phase6c.config import Record
from phase6c.errors import DataError, StorageError
from phase6c.statistics.logits import fit_affine, fit_intercept, fit_temperature, logit

AffineKind = Literal["none", "intercept", "temperature", "platt"]
CalibratorKind = Literal[AffineKind, "isotonic"]
# A kind, or the choice among all kinds.
CalibrationKind = Literal["auto", CalibratorKind]


class KindOfMap(NamedTuple):
    """What people are told of a kind, and what it needs.

    Attributes:
        words: The map, as a sentence begins with it.
        least_rises: Number of rises in the rows that it is fitted on, for it to be chosen.
        noise: What fewer rises do to it.
    """

    words: str
    least_rises: int = 0
    noise: str = ""


_SLOPE = (100, "its slope is noise")

# From the simplest to the freest.
ABOUT: dict[CalibratorKind, KindOfMap] = {
    "none": KindOfMap("The logit as it is"),
    "intercept": KindOfMap("A constant added to every logit (intercept)"),
    "temperature": KindOfMap("A temperature of the logit", *_SLOPE),
    "platt": KindOfMap("An affine map of the logit (platt)", *_SLOPE),
    "isotonic": KindOfMap("A step-wise map (isotonic)", 1000, "it follows noise"),
}
KINDS = tuple(ABOUT)

Probability = Annotated[float, Field(gt=0, lt=1)]


class Calibrator(Record):
    """A map of the logit that never reverses the order of two predictions.

    Attributes:
        kind: `none`; `intercept`, a + logit; `temperature`, logit / T (Guo et al., 2017); `platt`,
            a + b x logit with b >= 0 (Platt, 1999); `isotonic`, a step-wise linear map to
            probabilities (Zadrozny & Elkan, 2002).
    """

    schema_: Literal["phase6c.calibrator/1"] = Field(default="phase6c.calibrator/1", alias="schema")
    kind: CalibratorKind

    def __repr__(self) -> str:
        return f"Calibrator({self.kind!r}: {self.formula})"

    @property
    def formula(self) -> str:
        """How a logit is mapped, in words."""
        return "a step-wise map"

    @staticmethod
    def fit(
        kind: CalibratorKind, logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]
    ) -> Calibrator:
        """The calibrator of a kind with the least log loss on these rows.

        Args:
            kind: One of `KINDS`.
            logits: Finite.
            y: Rises, 0 or 1, with both classes.

        Raises:
            DataError: The rows do not determine it.
        """
        logits, y = np.asarray(logits, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if kind == "none":
            return AffineCalibrator(kind=kind)
        _check_rows(logits, y)
        if kind == "intercept":
            return AffineCalibrator(kind=kind, intercept=fit_intercept(logits, y))
        if kind == "temperature":
            return AffineCalibrator(kind=kind, slope=1 / fit_temperature(logits, y))
        if kind == "platt":
            intercept, slope = fit_affine(logits, y)
            return AffineCalibrator(kind=kind, intercept=intercept, slope=slope)
        return IsotonicCalibrator.fitted(logits, y)

    @staticmethod
    def from_json(text: str | bytes) -> Calibrator:
        """The calibrator that `to_json` wrote.

        Raises:
            StorageError: The text is damaged, or was written by something else.
        """
        try:
            return _ANY.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise StorageError(
                "A stored calibrator must be whole and keep the order of predictions",
                f"{place}: {first['msg']}" if place else first["msg"],
                "Restore the file from a copy, or evaluate the model again.",
            ) from error

    def to_json(self) -> str:
        """Strict JSON from which `from_json` makes an equal calibrator."""
        return self.model_dump_json(by_alias=True)

    def apply(self, logits: Float[np.ndarray, " row"]) -> Float64[np.ndarray, " row"]:
        """Calibrated logits; their sigmoid is the probability."""
        raise NotImplementedError


class AffineCalibrator(Calibrator):
    """intercept + slope x logit; the kind says which of the two were fitted."""

    kind: AffineKind
    intercept: float = 0.0
    slope: float = Field(default=1.0, ge=0)

    @property
    def formula(self) -> str:
        """How a logit is mapped, in words."""
        return f"{self.intercept:.4f} + {self.slope:.4f} x logit"

    def apply(self, logits: Float[np.ndarray, " row"]) -> Float64[np.ndarray, " row"]:
        """Calibrated logits."""
        return self.intercept + self.slope * np.asarray(logits, dtype=np.float64)

    @model_validator(mode="after")
    def _only_what_is_fitted_differs(self) -> AffineCalibrator:
        if self.kind in ("none", "temperature") and self.intercept != 0:
            raise ValueError(f"{self.kind} has the intercept 0, found {self.intercept}")
        if self.kind in ("none", "intercept") and self.slope != 1:
            raise ValueError(f"{self.kind} has the slope 1, found {self.slope}")
        if self.kind == "temperature" and self.slope == 0:
            raise ValueError("temperature has a slope above 0, found 0")
        return self


class IsotonicCalibrator(Calibrator):
    """Probabilities that rise with the logit, linear between knots and level outside.

    Attributes:
        logits: Logits of the knots, rising.
        probabilities: Probabilities at the knots, never falling.
    """

    kind: Literal["isotonic"] = "isotonic"
    logits: tuple[float, ...] = Field(min_length=1)
    probabilities: tuple[Probability, ...]

    @classmethod
    def fitted(
        cls, logits: Float64[np.ndarray, " row"], y: Float64[np.ndarray, " row"]
    ) -> IsotonicCalibrator:
        """The least squares fit by pooling adjacent violators.

        No probability lies closer to 0 or 1 than a single row of a class in all rows and two more
        would put it (the rule of succession), so that the log loss of rows to come stays finite.
        """
        from sklearn.isotonic import IsotonicRegression

        edge = 1 / (len(y) + 2)
        fit = IsotonicRegression(y_min=edge, y_max=1 - edge).fit(logits, y)
        return cls(
            logits=tuple(map(float, fit.X_thresholds_)),
            probabilities=tuple(map(float, fit.y_thresholds_)),
        )

    def apply(self, logits: Float[np.ndarray, " row"]) -> Float64[np.ndarray, " row"]:
        """Calibrated logits."""
        # Level outside the knots: beyond the rows that it was fitted on nothing is known of the
        # map.
        return logit(np.interp(logits, self.logits, self.probabilities))

    @model_validator(mode="after")
    def _knots_rise(self) -> IsotonicCalibrator:
        if len(self.logits) != len(self.probabilities):
            raise ValueError("there must be as many logits as probabilities")
        if any(left >= right for left, right in pairwise(self.logits)):
            raise ValueError("the knots' logits must rise")
        if any(left > right for left, right in pairwise(self.probabilities)):
            raise ValueError("the knots' probabilities must not fall")
        return self


_ANY: TypeAdapter[AffineCalibrator | IsotonicCalibrator] = TypeAdapter(
    Annotated[AffineCalibrator | IsotonicCalibrator, Field(discriminator="kind")]
)


def _check_rows(logits: np.ndarray, y: np.ndarray) -> None:
    remedy = "Fit it on more rows, or use the kind none."
    if len(logits) != len(y) or not np.isfinite(logits).all():
        raise DataError("A calibrator is fitted to one finite logit for each label", None, remedy)
    if len(np.unique(y)) < 2:
        rows = f"{len(y)} rows of one class" if len(y) else "no rows"
        raise DataError("A calibrator is fitted to rows of both classes", rows, remedy)
