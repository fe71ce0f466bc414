"""Gradient boosting on the tiers above a search's own: rivals that see more than the model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from threadpoolctl import threadpool_limits

from phase6c.config import LARGE_PANEL_WINDOWS, DataConfig, Tier
from phase6c.data.bars import Bars
from phase6c.data.catalogue import TIERS
from phase6c.data.history import History
from phase6c.data.preparation import prepare
from phase6c.data.splits import EvaluationStep
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines.boosting import fit_boosting
from phase6c.evaluation.baselines.fitting import SimpleFit, timed


class WiderTier(NamedTuple):
    """The rows of a search with the features of a wider tier.

    Attributes:
        history: Features and labels of all bars.
        walk: The same before the test block, in the steps of the evaluation.
    """

    history: History
    walk: Walk


def wider_tiers(
    bars: Bars,
    config: DataConfig,
    n_windows: int,
    steps: Mapping[str, EvaluationStep],
    cache: Path | None,
) -> dict[str, WiderTier]:
    """The tiers above a search's own, by the name of the baseline that is fitted on each.

    A large panel has none: boosting on hundreds of its columns takes longer than a trial.

    Args:
        bars: All bars, the test block included.
        config: Data of the search.
        n_windows: Number of its training windows.
        steps: Steps of the evaluation by name.
        cache: Folder of prepared features; None for none.
    """
    if left_out_in_words(config.tier, n_windows) is not None:
        return {}
    found = {}
    for tier in _above(config.tier):
        _, history, _ = prepare(bars, config.model_copy(update={"tier": tier}), cache)
        walk = Walk.before_test(history, tuple(steps.values()))
        found[f"gradient_boosting_{tier}"] = WiderTier(history, walk)
    return found


def left_out_in_words(tier: Tier, n_windows: int) -> str | None:
    """Which tiers above a search's own no baseline learns from, and why; None where all do.

    Args:
        tier: Tier of the search.
        n_windows: Number of its training windows.
    """
    tiers = ", ".join(_above(tier))
    if not tiers or n_windows <= LARGE_PANEL_WINDOWS:
        return None
    return (
        f"no baseline learns from {tiers}: of more than {LARGE_PANEL_WINDOWS:,} training windows "
        "that takes longer than a trial"
    )


def _above(tier: Tier) -> list[Tier]:
    tiers = list(TIERS)
    return tiers[tiers.index(tier) + 1 :]


class WiderFits(NamedTuple):
    """Gradient boosting on wider tiers that has learned from the training of a step, by name.

    Attributes:
        fits: Fitted models.
        logits: Predictions of the block that follows the training; none where it is closed.
    """

    fits: dict[str, SimpleFit]
    logits: dict[str, Float64[np.ndarray, " row"]]


def fit_wider(
    walks: Mapping[str, Walk], step: str, seed: int, judged_on: SearchData | None
) -> WiderFits:
    """Fits gradient boosting on the training of a step, and predicts the block that follows it.

    Args:
        walks: Steps without the test block, by the name of the baseline.
        step: Name of the step.
        seed: Seed of scikit-learn's draws.
        judged_on: The model's own features of the step; None where the block is closed.
    """
    done = WiderFits({}, {})
    # A tier at a time, since each is a scaled copy of its rows.
    for name, walk in walks.items():
        inner, outer = walk.inner(step), walk.outer(step)
        with threadpool_limits(limits=1):
            done.fits[name] = SimpleFit(
                *timed(partial(fit_boosting, inner, outer, seed, ("none",)))
            )
        if judged_on is not None:
            done.logits[name] = logits_of(done.fits[name], outer, judged_on)
    return done


def logits_of(fit: SimpleFit, wider: SearchData, data: SearchData) -> Float64[np.ndarray, " row"]:
    """The predictions of a baseline for the rows that the model is judged on.

    Args:
        fit: Fitted baseline.
        wider: The baseline's features.
        data: The model's own features.

    Raises:
        RuntimeError: The rows are others, which cannot be: all tiers have the same warm-up.
    """
    names = ("dates", "tickers", "y")
    if not all(np.array_equal(getattr(wider.val, of), getattr(data.val, of)) for of in names):
        raise RuntimeError("A baseline on a wider tier must be judged on the model's own rows")
    return fit.model.logits(wider.features, wider.val.end_rows)
