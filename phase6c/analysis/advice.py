"""What would mend probabilities: advice that follows from how calibrators did on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping

from phase6c.config import Record
from phase6c.records import Verdict
from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.calibrators import ABOUT, CalibratorKind
from phase6c.statistics.health import MISCALIBRATED_NATS

NOTHING = "Nothing needs repair."
# Said whatever the calibrators do, for it is about the next training.
_TRAINING: dict[Verdict, str] = {
    "double_sigmoid": "Apply the sigmoid once, in training and afterwards.",
    "prior_shift": "If the training weighted or resampled the classes, train without that.",
    "undertrained": "Train longer or with a higher learning rate.",
    "saturated": "Train with a lower learning rate or stop earlier.",
    "constant": "Train again: no calibrator tells apart what has one probability.",
    "one_class": "Take rows of both classes.",
}


class Judged(Record):
    """The quality of the later half's probabilities after a calibrator.

    Attributes:
        log_loss, brier, ece: Figures as in `Metrics`.
        saved: How much less log loss than without calibration [nats], with a 95% interval by the
            stationary bootstrap over days, or over rows where there are no dates.
    """

    log_loss: float
    brier: float
    ece: float
    saved: Estimate | None = None


Calibration = Mapping[CalibratorKind, Judged | None]


def advice(verdict: Verdict, calibration: Calibration, *, tells: bool) -> str:
    """Sentences about a way to mend probabilities.

    Args:
        verdict: Diagnosis of the probabilities.
        calibration: Figures of the calibrators on the later half.
        tells: Whether either half has rows enough of both classes for these figures to mean
            anything.
    """
    says = [_TRAINING[verdict]] if verdict in _TRAINING else []
    kind = recommended(calibration) if tells else None
    # A trifle is not worth a map where nothing looks ill.
    if kind is not None and (
        verdict != "healthy" or _saved(calibration, kind) > MISCALIBRATED_NATS
    ):
        says += [_gain(kind, calibration), *_against_temperature(verdict, calibration)]
    elif verdict == "healthy":
        says.append(NOTHING)
    elif verdict not in ("constant", "one_class"):
        says.append(
            "No calibrator, fitted on the earlier half, surely lowers the log loss of the later."
            if tells
            else "Which calibrator would help, these rows cannot tell."
        )
    return " ".join(says)


def recommended(calibration: Calibration) -> CalibratorKind | None:
    """The simplest calibrator that surely lowers the held-out log loss, about as far as any."""
    sure = {
        kind: judged.saved
        for kind, judged in calibration.items()
        if judged is not None and judged.saved is not None and judged.saved.low > 0
    }
    if not sure:
        return None
    best = max(sure.values(), key=lambda saved: saved.value)
    # The kinds stand from the simplest to the freest.
    return next(kind for kind, saved in sure.items() if saved.value >= best.low)


def _saved(calibration: Calibration, kind: CalibratorKind) -> float:
    judged = calibration[kind]
    return judged.saved.value if judged is not None and judged.saved is not None else 0.0


def _loss(calibration: Calibration, kind: CalibratorKind) -> str:
    judged = calibration[kind]
    return "" if judged is None else f"{judged.log_loss:.4f}"


def _gain(kind: CalibratorKind, calibration: Calibration) -> str:
    before, after = _loss(calibration, "none"), _loss(calibration, kind)
    return f"{ABOUT[kind].words} lowers the log loss on the later half from {before} to {after}."


def _against_temperature(verdict: Verdict, calibration: Calibration) -> list[str]:
    """Why the most usual calibrator is no remedy for a shifted mean, where the figures bear it."""
    temperature, platt = calibration["temperature"], calibration["platt"]
    if verdict not in ("prior_shift", "double_sigmoid") or temperature is None or platt is None:
        return []
    if temperature.saved is None or platt.saved is None:
        return []
    if platt.saved.low <= max(0.0, temperature.saved.high):
        return []
    none, after, mapped = (_loss(calibration, kind) for kind in ("none", "temperature", "platt"))
    return [
        "A temperature cannot repair a shifted prior, as it keeps every probability on its side of"
        f" 0.5; an affine map of the logit (platt) can: log loss on the later half {none}, after"
        f" the temperature {after}, after the affine map {mapped}."
    ]
