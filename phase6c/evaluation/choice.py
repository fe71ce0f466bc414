"""Which configuration and which calibrator: chosen once, on cal, before the test block opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from phase6c.config import CalibrationKind, CalibratorKind, Record
from phase6c.data.splits import CAL
from phase6c.errors import StudyFailedError
from phase6c.evaluation.outcomes import CandidatePredictions, Truth, calibrated_forward
from phase6c.statistics.calibrators import KINDS
from phase6c.statistics.logits import ensemble, log_losses

Form = Literal["ensemble", "single"]

# Of the rows that a calibrator is fitted on. A step-wise map follows the noise of fewer rises, and
# of very few even the slope of an affine one does.
MIN_ISOTONIC_RISES = 1000
MIN_SLOPE_RISES = 100


class CalScore(Record):
    """What a candidate with one calibrator reaches on the cal block.

    Attributes:
        candidate: Its name.
        form: All seeds as an ensemble, or each on its own, averaged.
        kind: Of the calibrator, fitted on the walk forward.
        log_loss: On the cal block.
        walk_log_loss: In the walk forward, each step calibrated by those before it.
        note: Why it could not be chosen; null where it could.
    """

    candidate: str
    form: Form
    kind: CalibratorKind
    log_loss: float
    walk_log_loss: float
    note: str | None = None


class ModelChoice(Record):
    """What was chosen, and what from.

    Attributes:
        candidate, form, kind: As of `CalScore`.
        scores: All that was compared, the best first.
    """

    candidate: str
    form: Form
    kind: CalibratorKind
    scores: tuple[CalScore, ...]


def form_logits(logits: np.ndarray, form: Form) -> np.ndarray:
    """float64[row] of a form: the ensemble of all seeds [seed, row], or the first alone."""
    return ensemble(logits if form == "ensemble" else logits[:1])


def choose(
    candidates: Sequence[CandidatePredictions], truth: Truth, calibration: CalibrationKind = "auto"
) -> ModelChoice:
    """The candidate, its form and its calibrator with the least log loss on the cal block.

    Every calibrator is fitted on the pooled walk forward and applied to the cal block, which
    follows it. One that has made the walk forward worse is not chosen for one good block.

    Args:
        candidates: With the logits of walk and cal.
        truth: The same rows; the step `cal` marks those of the cal block.
        calibration: A kind, or `auto` for the best of them.

    Raises:
        StudyFailedError: None of the candidates may win.
    """
    scores = sorted(
        (score for one in candidates for score in _scores(one, truth, calibration)),
        key=lambda one: one.log_loss,
    )
    best = next((one for one in scores if one.note is None), None)
    if best is None:
        raise StudyFailedError(
            "At least one configuration must have been trained in every fold",
            "none of those that may be chosen",
            "See all_trials.json in the folder fits for what they failed of.",
        )
    return ModelChoice(
        candidate=best.candidate, form=best.form, kind=best.kind, scores=tuple(scores)
    )


def _scores(
    candidate: CandidatePredictions, truth: Truth, calibration: CalibrationKind
) -> Iterator[CalScore]:
    cal = truth.of([CAL])
    n_rises = int(truth.y[~cal].sum())
    forms: tuple[Form, ...] = ("ensemble", "single") if len(candidate.logits) > 1 else ("single",)
    for form in forms:
        members = candidate.logits if form == "single" else candidate.ensemble[None]
        found = {kind: _losses(kind, members, truth, cal) for kind in KINDS}
        raw, _ = found["none"]
        for kind, (walk, after) in found.items():
            note = None if candidate.may_win else "a reference is compared, not chosen"
            yield CalScore(
                candidate=candidate.name,
                form=form,
                kind=kind,
                log_loss=after,
                walk_log_loss=walk,
                note=note or _fault(kind, calibration, n_rises, walk, raw),
            )


def _losses(
    kind: CalibratorKind, members: np.ndarray, truth: Truth, cal: np.ndarray
) -> tuple[float, float]:
    """Log losses in the walk forward and on the cal block, means over the members [seed, row]."""
    found = []
    for logits in members:
        losses = log_losses(calibrated_forward(kind, logits, truth), truth.y)
        found.append((losses[~cal].mean(), losses[cal].mean()))
    walk, after = np.mean(found, axis=0)
    return float(walk), float(after)


def _fault(
    kind: CalibratorKind, calibration: CalibrationKind, n_rises: int, walk: float, raw: float
) -> str | None:
    """Why a kind could not be chosen; `walk` and `raw` are log losses with and without it."""
    if calibration != "auto":
        return None if kind == calibration else f"{calibration} was asked for"
    if kind == "isotonic" and n_rises < MIN_ISOTONIC_RISES:
        return f"fitted on {n_rises:,} rises, fewer than {MIN_ISOTONIC_RISES:,}: it follows noise"
    if kind in ("temperature", "platt") and n_rises < MIN_SLOPE_RISES:
        return f"fitted on {n_rises:,} rises, fewer than {MIN_SLOPE_RISES}: its slope is noise"
    if walk > raw:
        return f"in the walk forward it cost {walk - raw:.4f}"
    return None
