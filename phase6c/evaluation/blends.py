"""Half-and-half means of logits: of a model and a simple one, and of two simple ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from phase6c.evaluation.baselines.base_rates import BASE_RATES
from phase6c.evaluation.entries import Entry, baseline_entry
from phase6c.evaluation.judgement import strongest
from phase6c.evaluation.outcomes import Truth
from phase6c.statistics.calibrators import CalibrationKind
from phase6c.statistics.logits import halved

# Partner of the first step, which has no steps before it to choose by.
FIRST_PARTNER = "gradient_boosting"


@dataclass(frozen=True)
class Partner:
    """The simple model that a transformer is blended with.

    Attributes:
        name: Name of the baseline for the rows that follow all steps.
        logits: Logits on walk forward and cal, of each step's own partner.
    """

    name: str
    logits: Float64[np.ndarray, " past_row"]


def partner_of(baselines: Mapping[str, Float64[np.ndarray, " past_row"]], truth: Truth) -> Partner:
    """For each step the baseline with the least log loss in the steps before it.

    Logits are compared as they are blended: any calibration follows the blend.

    Args:
        baselines: Logits by name; base rates among them are never chosen.
        truth: Labels of the same rows.
    """
    logits, name = np.empty(len(truth)), FIRST_PARTNER
    seen = np.zeros(len(truth), dtype=bool)
    for step in truth.step_names:
        own = truth.steps == step
        logits[own] = baselines[name][own]
        seen |= own
        before = {other: found[seen] for other, found in baselines.items()}
        best = strongest(before, truth.take(seen))
        assert best is not None
        name = best
    return Partner(name, logits)


def simple_blends(
    baselines: Mapping[str, Float64[np.ndarray, " row"]],
) -> dict[str, Float64[np.ndarray, " row"]]:
    """The blend of each two baselines, by both names; of base rates there is none.

    Args:
        baselines: Logits by name.
    """
    names = sorted(set(baselines) - set(BASE_RATES))
    return {
        f"{one}_and_{other}": halved(baselines[one], baselines[other])
        for one, other in combinations(names, 2)
    }


class Rivals(NamedTuple):
    """What a transformer is held against.

    Attributes:
        entries: Baselines by name, and the best blend where it is better than all of them.
        best: Name of the best baseline.
        best_blend: Name of the best of the baselines and of the blends of each two of them.
    """

    entries: dict[str, Entry]
    best: str
    best_blend: str


def find_rivals(
    baselines: Mapping[str, Float64[np.ndarray, " past_row"]],
    truth: Truth,
    calibration: CalibrationKind,
    seconds: Mapping[str, float],
) -> Rivals:
    """Calibrates the baselines and their blends alike, and finds the best.

    Args:
        baselines: Logits on walk forward and cal by name.
        truth: Labels of the same rows.
        calibration: Kind of calibrator, or `auto`.
        seconds: Seconds of the fits, as far as they are known.
    """
    entries = {
        name: baseline_entry(name, logits, truth, calibration, seconds.get(name))
        for name, logits in {**baselines, **simple_blends(baselines)}.items()
    }
    forward = {name: entry.forward for name, entry in entries.items()}
    best = strongest({name: forward[name] for name in baselines}, truth)
    best_blend = strongest(forward, truth)
    assert best is not None
    assert best_blend is not None
    kept = {name: entries[name] for name in (*baselines, best_blend)}
    return Rivals(kept, best, best_blend)
