"""What each trial would have reached, had it trained to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phase6c.analysis.trials import Result, Search
from phase6c.space.axes import Axis
from phase6c.stopping.forecast import CurveModel


@dataclass(frozen=True)
class FinalScores:
    """Trials with a value, judged at equal age.

    Attributes:
        results: Those that have a value; what failed has none.
        expected: float[trial], its score, or of an unfinished trial the forecast of it.
        deviation: float[trial], of the forecast; 0 where there is nothing to forecast.
    """

    results: tuple[Result, ...]
    expected: np.ndarray
    deviation: np.ndarray


def final_scores(search: Search) -> FinalScores:
    """The search's own trials that have a value, the unfinished ones with their forecasts."""
    results = tuple(measured(search))
    if not results:
        return FinalScores((), np.zeros(0), np.zeros(0))
    curves = [np.array(one.curve) for one in results]
    forecast = CurveModel(curves, search.n_epochs).forecast(curves)
    complete = np.array([one.state == "COMPLETE" for one in results])
    return FinalScores(
        results,
        np.where(complete, forecast.best, forecast.expected),
        np.where(complete, 0.0, forecast.deviation),
    )


def measured(search: Search) -> Sequence[Result]:
    """The trials that the search chose and that did not fail, with at least one epoch."""
    return [one for one in search.results if one.chosen and one.curve and one.state != "FAILED"]


def tells(one: Result, axes: Mapping[str, Axis]) -> bool:
    """Whether a trial has a value of every axis."""
    items = axes.items()
    return all(name in one.params and axis.contains(one.params[name]) for name, axis in items)
