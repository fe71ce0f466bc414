"""Which configuration and which calibrator: chosen once, on cal, before the test block opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float64

from phase6c.config import Record
from phase6c.data.splits import CAL
from phase6c.errors import StudyFailedError
from phase6c.evaluation.outcomes import CandidatePredictions, Truth, calibrated_forward
from phase6c.statistics.calibrators import KINDS, CalibrationKind, CalibratorKind
from phase6c.statistics.logits import ensemble, log_losses

Form = Literal["ensemble", "single"]

# Rises in the rows that a calibrator is fitted on. With fewer, a step-wise map follows their noise,
# and with very few even the slope of an affine map does.
MIN_ISOTONIC_RISES = 1000
MIN_SLOPE_RISES = 100


class CalScore(Record):
    """The figures of a candidate with a calibrator on the cal block.

    Attributes:
        candidate: Name of the candidate.
        form: All seeds as an ensemble, or each on its own, averaged.
        kind: Kind of the calibrator, which is fitted on the walk forward.
        log_loss: Log loss on the cal block.
        walk_log_loss: Log loss in the walk forward, each step calibrated by the steps before it.
        note: Reason why it could not be chosen; null where it could.
    """

    candidate: str
    form: Form
    kind: CalibratorKind
    log_loss: float
    walk_log_loss: float
    note: str | None = None


class ModelChoice(Record):
    """The choice on the cal block.

    Attributes:
        candidate, form, kind: The chosen combination; see `CalScore`.
        scores: All combinations that were compared, the best first.
    """

    candidate: str
    form: Form
    kind: CalibratorKind
    scores: tuple[CalScore, ...]


def form_logits(logits: Float64[np.ndarray, "seed row"], form: Form) -> Float64[np.ndarray, " row"]:
    """The logits of a form: the ensemble of all seeds, or the first alone."""
    return ensemble(logits if form == "ensemble" else logits[:1])


def choose(
    candidates: Sequence[CandidatePredictions], truth: Truth, calibration: CalibrationKind = "auto"
) -> ModelChoice:
    """The candidate, its form and its calibrator with the least log loss on the cal block.

    Every calibrator is fitted on the pooled walk forward and applied to the cal block, which
    follows it. A calibrator that has made the walk forward worse is not chosen for a single good
    block.

    Args:
        candidates: Candidates with their logits of walk and cal.
        truth: Labels of the same rows; the step `cal` marks the rows of the cal block.
        calibration: A kind, or `auto` for the best kind.

    Raises:
        StudyFailedError: None of the candidates may win.
    """
    scores = sorted(
        (score for candidate in candidates for score in _scores(candidate, truth, calibration)),
        key=lambda score: score.log_loss,
    )
    best = next((score for score in scores if score.note is None), None)
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
        # The single model that would be handed over is the first seed, but the mean over all seeds
        # says with less luck what to expect of one.
        members = candidate.logits if form == "single" else candidate.ensemble[None]
        losses = {kind: _losses(kind, members, truth, cal) for kind in KINDS}
        raw, _ = losses["none"]
        for kind, (walk, after) in losses.items():
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
    by_member = []
    for logits in members:
        losses = log_losses(calibrated_forward(kind, logits, truth), truth.y)
        by_member.append((losses[~cal].mean(), losses[cal].mean()))
    walk, after = np.mean(by_member, axis=0)
    return float(walk), float(after)


def _fault(
    kind: CalibratorKind, calibration: CalibrationKind, n_rises: int, walk: float, raw: float
) -> str | None:
    """The reason why a kind may not be chosen; `walk` and `raw`: log losses with and without it."""
    if calibration != "auto":
        return None if kind == calibration else f"{calibration} was asked for"
    if kind == "isotonic" and n_rises < MIN_ISOTONIC_RISES:
        return f"fitted on {n_rises:,} rises, fewer than {MIN_ISOTONIC_RISES:,}: it follows noise"
    if kind in ("temperature", "platt") and n_rises < MIN_SLOPE_RISES:
        return f"fitted on {n_rises:,} rises, fewer than {MIN_SLOPE_RISES}: its slope is noise"
    if walk > raw:
        return f"in the walk forward it cost {walk - raw:.4f}"
    return None
