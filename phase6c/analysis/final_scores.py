"""The scores that trials would have reached, had they trained to their end."""

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
        results: Trials with a value; a trial that failed has none.
        expected: float[trial], the score, or of an unfinished trial its forecast.
        deviation: float[trial], deviation of the forecast; 0 where there is nothing to forecast.
    """

    results: tuple[Result, ...]
    expected: np.ndarray
    deviation: np.ndarray


def final_scores(search: Search) -> FinalScores:
    """The search's own trials that have a value, unfinished trials with their forecasts."""
    results = tuple(measured(search))
    if not results:
        return FinalScores((), np.zeros(0), np.zeros(0))
    curves = [np.array(result.curve) for result in results]
    # Stopped trials were judged at another age: as they stand, their scores are too low to compare.
    forecast = CurveModel(curves, search.n_epochs).forecast(curves)
    complete = np.array([result.state == "COMPLETE" for result in results])
    return FinalScores(
        results,
        np.where(complete, forecast.best, forecast.expected),
        np.where(complete, 0.0, forecast.deviation),
    )


def measured(search: Search) -> Sequence[Result]:
    """The trials that the search chose and that did not fail, with an epoch at least."""
    return [
        result
        for result in search.results
        if result.chosen and result.curve and result.state != "FAILED"
    ]


def tells(result: Result, axes: Mapping[str, Axis]) -> bool:
    """Whether a trial has a value of every axis."""
    items = axes.items()
    return all(name in result.params and axis.contains(result.params[name]) for name, axis in items)
