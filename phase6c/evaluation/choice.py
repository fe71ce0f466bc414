"""Which configuration and which calibrator: chosen once, on cal, before the test block opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Literal

import numpy as np
from jaxtyping import Float64

from phase6c.config import Record
from phase6c.data.splits import CAL
from phase6c.errors import StudyFailedError
from phase6c.evaluation.outcomes import CandidatePredictions, Truth, calibrated_forward
from phase6c.statistics.calibrators import ABOUT, KINDS, CalibrationKind, CalibratorKind
from phase6c.statistics.logits import ensemble, halved, log_losses

Form = Literal["ensemble", "single"]

# Reason of evaluations that began before blends could be chosen.
NO_BLENDS = "this evaluation began without blends"


class CalScore(Record):
    """The figures of a candidate with a calibrator on the cal block.

    Attributes:
        candidate: Name of the candidate.
        form: All seeds as an ensemble, or each on its own, averaged.
        blended: Whether it is the half-and-half mean of its logit and a simple model's.
        kind: Kind of the calibrator, which is fitted on the walk forward.
        log_loss: Log loss on the cal block.
        walk_log_loss: Log loss in the walk forward, each step calibrated by the steps before it.
        note: Reason why it could not be chosen; null where it could.
    """

    candidate: str
    form: Form
    blended: bool = False
    kind: CalibratorKind
    log_loss: float
    walk_log_loss: float
    note: str | None = None


class ModelChoice(Record):
    """The choice on the cal block.

    Attributes:
        candidate, form, blended, kind: The chosen combination; see `CalScore`.
        scores: All combinations that were compared, the best first.
    """

    candidate: str
    form: Form
    blended: bool = False
    kind: CalibratorKind
    scores: tuple[CalScore, ...]

    def kind_of(self, *, blended: bool) -> CalibratorKind:
        """The best calibrator of the chosen candidate in its form, alone or blended."""
        wanted = (self.candidate, self.form, blended)
        own = (one for one in self.scores if (one.candidate, one.form, one.blended) == wanted)
        return next(one.kind for one in own if one.note in (None, NO_BLENDS))


def form_logits(logits: Float64[np.ndarray, "seed row"], form: Form) -> Float64[np.ndarray, " row"]:
    """The logits of a form: the ensemble of all seeds, or the first alone."""
    return ensemble(logits if form == "ensemble" else logits[:1])


def choose(
    candidates: Sequence[CandidatePredictions],
    truth: Truth,
    calibration: CalibrationKind = "auto",
    *,
    may_blend: bool = True,
) -> ModelChoice:
    """The candidate, its form and its calibrator with the least log loss on the cal block.

    A candidate with a partner is two: alone, and blended with it.

    Every calibrator is fitted on the pooled walk forward and applied to the cal block, which
    follows it. A calibrator that has made the walk forward worse is not chosen for a single good
    block.

    Args:
        candidates: Candidates with their logits of walk and cal.
        truth: Labels of the same rows; the step `cal` marks the rows of the cal block.
        calibration: A kind, or `auto` for the best kind.
        may_blend: Whether blends may be chosen; else they are compared only.

    Raises:
        StudyFailedError: None of the candidates may win.
    """
    found = (_scores(candidate, truth, calibration, may_blend) for candidate in candidates)
    scores = sorted(chain.from_iterable(found), key=lambda score: score.log_loss)
    best = next((score for score in scores if score.note is None), None)
    if best is None:
        raise StudyFailedError(
            "At least one configuration must have been trained in every fold",
            "none of those that may be chosen",
            "See all_trials.json in the folder fits for what they failed of.",
        )
    return ModelChoice(
        candidate=best.candidate,
        form=best.form,
        blended=best.blended,
        kind=best.kind,
        scores=tuple(scores),
    )


def _scores(
    candidate: CandidatePredictions, truth: Truth, calibration: CalibrationKind, may_blend: bool
) -> Iterator[CalScore]:
    cal = truth.of([CAL])
    n_rises = int(truth.y[~cal].sum())
    forms: tuple[Form, ...] = ("ensemble", "single") if len(candidate.logits) > 1 else ("single",)
    for form in forms:
        # The single model that would be handed over is the first seed, but the mean over all seeds
        # says with less luck what to expect of one.
        alone = candidate.logits if form == "single" else candidate.ensemble[None]
        compared = {False: alone}
        if candidate.partner is not None:
            compared[True] = halved(alone, candidate.partner)
        for blended, members in compared.items():
            losses = {kind: _losses(kind, members, truth, cal) for kind in KINDS}
            raw, _ = losses["none"]
            for kind, (walk, after) in losses.items():
                note = None if candidate.may_win else "a reference is compared, not chosen"
                fault = _fault(kind, calibration, n_rises, walk, raw)
                yield CalScore(
                    candidate=candidate.name,
                    form=form,
                    blended=blended,
                    kind=kind,
                    log_loss=after,
                    walk_log_loss=walk,
                    note=note or fault or (NO_BLENDS if blended and not may_blend else None),
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
    about = ABOUT[kind]
    if n_rises < about.least_rises:
        return f"fitted on {n_rises:,} rises, fewer than {about.least_rises:,}: {about.noise}"
    if walk > raw:
        return f"in the walk forward it cost {walk - raw:.4f}"
    return None
