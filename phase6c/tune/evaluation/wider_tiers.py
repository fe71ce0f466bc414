"""Gradient boosting on the tiers above a search's own: rivals that see more than the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    steps: tuple[EvaluationStep, ...],
    cache: Path | None,
) -> dict[str, WiderTier]:
    """The tiers above a search's own, by the name of the baseline that is fitted on each.

    A large panel has none: boosting on hundreds of its columns takes longer than a trial.

    Args:
        bars: All bars, the test block included.
        config: Data of the search.
        n_windows: Number of its training windows.
        steps: Steps of the evaluation.
        cache: Folder of prepared features; None for none.
    """
    if left_out_in_words(config.tier, n_windows) is not None:
        return {}
    found = {}
    for tier in _above(config.tier):
        _, history, _ = prepare(bars, config.model_copy(update={"tier": tier}), cache)
        found[f"gradient_boosting_{tier}"] = WiderTier(history, Walk.before_test(history, steps))
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


def _above(tier: Tier) -> Iterator[Tier]:
    tiers = list(TIERS)
    yield from tiers[tiers.index(tier) + 1 :]


def fit_wider(walks: Mapping[str, Walk], step: str, seed: int) -> dict[str, SimpleFit]:
    """Gradient boosting on the training of a step, on each wider tier, by name.

    Args:
        walks: Steps without the test block, by the name of the baseline.
        step: Name of the step.
        seed: Seed of scikit-learn's draws.
    """
    fits = {}
    with threadpool_limits(limits=1):
        for name, walk in walks.items():
            fit = partial(fit_boosting, walk.inner(step), walk.outer(step), seed, ("none",))
            fits[name] = SimpleFit(*timed(fit))
    return fits


def wider_logits(
    fits: Mapping[str, SimpleFit], wider: Mapping[str, SearchData], data: SearchData
) -> dict[str, Float64[np.ndarray, " row"]]:
    """The predictions of `fit_wider` for the rows that the model is judged on.

    Args:
        fits: Fitted baselines by name.
        wider: The features of each of them.
        data: The model's own features.

    Raises:
        RuntimeError: A tier has other rows, which cannot be: all have the same warm-up.
    """
    logits = {}
    for name, fit in fits.items():
        block = wider[name].val
        same = (np.array_equal(getattr(block, of), getattr(data.val, of)) for of in ("dates", "y"))
        if not all(same):
            raise RuntimeError(f"The rows of {name} must be those of the model")
        logits[name] = fit.model.logits(wider[name].features, block.end_rows)
    return logits
