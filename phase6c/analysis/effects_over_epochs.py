"""The scores of trials at the ages where a search stops them, and effects passed on between ages.

Trials of equal age are compared. The effects at the next age are learned from the trials that got
there, given their scores before: since these scores also stopped the other trials, the survivors
tell of the effects without bias (monotone missing data: Rubin, 1976; Little & Rubin, 2002, ch. 7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from phase6c.analysis.effect_model import EffectModel, Priors
from phase6c.analysis.levels import Levels
from phase6c.analysis.trials import Result

# Only the most frequent ages are told apart; a trial of another age counts at the age before.
_MAX_RUNGS = 3
# What changes between two ages is less than what shows at the first.
_LATER = Priors(main=0.05, interaction=0.2, noise=0.3, slope=0.5)
_TINY = 1e-12


def scores_by_epoch(results: Sequence[Result]) -> list[np.ndarray]:
    """float[trial] for each age, the last that of a whole training; NaN where not reached.

    Each is the best score so far. A trial that completed early keeps its score.
    """
    stops = Counter(len(result.curve) for result in results if result.state == "PRUNED")
    rungs = sorted(epoch for epoch, _ in stops.most_common(_MAX_RUNGS))
    return [_at(results, epoch) for epoch in (*rungs, None)]


def _at(results: Sequence[Result], epoch: int | None) -> np.ndarray:
    bests = []
    for result in results:
        complete = result.state == "COMPLETE"
        reached = complete or (epoch is not None and len(result.curve) >= epoch)
        bests.append(max(result.curve[:epoch]) if reached else np.nan)
    return np.array(bests)


def sample_effects(
    levels: Mapping[str, Levels],
    weights: Mapping[str, np.ndarray],
    ages: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """float[sample, level], the effects at the last age that any trial reached.

    Args:
        levels: Levels of each axis.
        weights: float[trial, level] of each axis.
        ages: float[trial] of each age, NaN where not reached.
        rng: Generator of the samples.
    """
    reached = [scores for scores in ages if np.isfinite(scores).any()]
    first, there = reached[0], np.isfinite(reached[0])
    unit = max(float(np.std(first[there])), _TINY)
    effects = EffectModel(levels, _rows(weights, there), first[there], unit).sample(rng).effects
    before = first
    for scores in reached[1:]:
        there = np.isfinite(scores) & np.isfinite(before)
        rise, known = (scores - before)[there], before[there][:, None]
        model = EffectModel(levels, _rows(weights, there), rise, unit, known, _LATER)
        later = model.sample(rng)
        # The effect at this age is the effect on the rise, and the earlier effect, carried on as
        # far as the rise follows the earlier score.
        effects = later.effects + (1 + later.slopes) * effects
        before = scores
    return effects


def _rows(weights: Mapping[str, np.ndarray], there: np.ndarray) -> dict[str, np.ndarray]:
    return {name: rows[there] for name, rows in weights.items()}
