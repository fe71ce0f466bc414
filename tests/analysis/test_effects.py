"""Effects are adjusted for what sampler and rungs did, with intervals that cover the truth."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from phase6c.analysis.effect_model import prior_covariance
from phase6c.analysis.effects import AxisEffects, effects
from phase6c.analysis.levels import levels_of
from phase6c.analysis.trials import Result, Search
from phase6c.space.axes import Axis, Choice, Float, Grid, Int, ZeroOr

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
AXES: dict[str, Axis] = {
    "dropout": Grid.of(0.0, 0.1, 0.2, 0.3),
    "pooling": Choice.of("mean", "last"),
}


def search_of(results: list[Result], axes: dict[str, Axis] = AXES, n_epochs: int = 9) -> Search:
    return Search("made-up", Path("made-up"), "auc", axes, n_epochs, tuple(results))


def made_up(
    value: Callable[[dict], float], n: int = 60, axes: dict[str, Axis] = AXES, noise: float = 0.002
) -> Search:
    """Uniform draws, trained to their ends."""
    rng = np.random.default_rng(0)
    results = []
    for number in range(n):
        params = {name: rng.choice(list(levels_of(axis).rows)).value for name, axis in axes.items()}
        score = value(params) + noise * rng.standard_normal()
        results.append(Result(number, params, (score - 0.01, score)))
    return search_of(results, axes)


def axis_of(search: Search, name: str) -> AxisEffects:
    return next(one for one in effects(search).axes if one.axis == name)


def test_the_users_own_table_has_counts_means_bests_and_intervals():
    scores = {0.0: [0.70, 0.72], 0.1: [0.75], 0.2: []}
    results = [
        Result(number, {"dropout": value, "pooling": "mean"}, (score,))
        for number, (value, score) in enumerate(
            (value, score) for value, own in scores.items() for score in own
        )
    ]
    results.append(Result(9, {"dropout": 0.1, "pooling": "mean"}, (), state="FAILED"))
    rows = {row.value: row for row in axis_of(search_of(results), "dropout").rows}
    assert (rows[0.0].n_trials, rows[0.0].mean, rows[0.0].best) == (2, pytest.approx(0.71), 0.72)
    # Student's t of a single degree of freedom, on the scale of the logit.
    reach = 12.706 * 0.01 / (0.71 * 0.29)
    ends = expit([logit(0.71) - reach, logit(0.71) + reach])
    assert rows[0.0].interval == pytest.approx(ends, rel=1e-3)
    assert (rows[0.1].n_trials, rows[0.1].n_failed, rows[0.1].interval) == (1, 1, None)
    assert (rows[0.2].n_trials, rows[0.2].mean, rows[0.2].effect) == (0, None, None)


def test_the_interval_of_a_mean_auc_stays_between_zero_and_one():
    results = [
        Result(number, {"dropout": 0.0, "pooling": "mean"}, (score,))
        for number, score in enumerate((0.55, 0.95))
    ]
    for objective in ("auc", "rank_ic"):
        search = replace(search_of(results), objective=objective)
        low, high = axis_of(search, "dropout").rows[0].interval
        assert low < 0.75 < high
        assert (low > 0 and high < 1) == (objective == "auc")


def test_effects_are_against_the_mean_over_the_values_tried():
    found = axis_of(made_up(lambda one: 0.7 + 0.1 * one["dropout"]), "dropout")
    known = [row.effect.value for row in found.rows]
    assert sum(known) == pytest.approx(0, abs=1e-9)
    assert known == pytest.approx([-0.015, -0.005, 0.005, 0.015], abs=0.003)


def test_an_axis_that_matters_is_told_from_one_that_does_not():
    search = made_up(lambda one: 0.7 + 0.1 * one["dropout"])
    dropout, pooling = axis_of(search, "dropout"), axis_of(search, "pooling")
    assert dropout.matters
    assert not pooling.matters
    assert dropout.best_value == 0.3
    assert (0.3, 0.0) in dropout.apart
    assert 0.0 not in dropout.not_worse
    assert set(pooling.not_worse) == {"mean", "last"}


def test_a_best_value_at_the_end_of_its_axis_is_an_edge():
    rising = axis_of(made_up(lambda one: 0.7 + 0.1 * one["dropout"]), "dropout")
    assert (rising.best_edge, rising.effect_edge) == ("upper", "upper")
    inner = axis_of(made_up(lambda one: 0.7 - 2 * (one["dropout"] - 0.1) ** 2), "dropout")
    assert inner.effect_edge is None
    assert axis_of(made_up(lambda one: 0.7), "pooling").effect_edge is None


def test_a_sampler_that_prefers_good_company_does_not_bias_an_effect():
    # Each dropout of 0.3 came with the better pooling; by itself it does nothing.
    rng = np.random.default_rng(1)
    results = []
    for number in range(80):
        last = rng.random() < 0.5
        dropout = float(rng.choice([0.3, 0.3, 0.0] if last else [0.0, 0.1, 0.2]))
        score = 0.70 + 0.02 * last + 0.002 * rng.standard_normal()
        results.append(
            Result(number, {"dropout": dropout, "pooling": "last" if last else "mean"}, (score,))
        )
    rows = {row.value: row for row in axis_of(search_of(results), "dropout").rows}
    assert rows[0.3].mean - rows[0.1].mean > 0.015
    assert rows[0.3].effect.low < 0 < rows[0.3].effect.high


def test_a_late_bloomer_that_the_rungs_stop_is_judged_by_those_that_went_on():
    # A pooling that learns slowly is behind at the rung and level at the end.
    rng = np.random.default_rng(2)
    results = []
    for number in range(60):
        slow = rng.random() < 0.5
        final = 0.7 + 0.01 * rng.standard_normal()
        early = final - (0.02 if slow else 0.0)
        whole = early > 0.69 or rng.random() < 0.2
        curve = (early, final) if whole else (early,)
        params = {"dropout": 0.1, "pooling": "last" if slow else "mean"}
        results.append(Result(number, params, curve, "COMPLETE" if whole else "PRUNED"))
    found = axis_of(search_of(results, n_epochs=2), "pooling")
    rows = {row.value: row for row in found.rows}
    assert rows["last"].mean < rows["mean"].mean - 0.008
    assert rows["last"].effect.low < 0 < rows["last"].effect.high


def test_trials_that_others_chose_failed_or_do_not_tell_an_axis_are_in_no_effect():
    results = list(made_up(lambda one: 0.7, n=20).results)
    results += [
        Result(20, {"dropout": 0.1, "pooling": "mean"}, (0.9,), source="reference"),
        Result(21, {"dropout": 0.1, "pooling": "mean"}, (0.9,), source="probe"),
        Result(22, {"dropout": 0.1, "pooling": "mean"}, (0.9,), state="FAILED"),
        Result(23, {"dropout": 0.1}, (0.7,)),
    ]
    found = effects(search_of(results))
    assert (found.n_trials, found.n_failed, found.n_untold) == (21, 1, 1)
    assert all(row.best is None or row.best < 0.8 for one in found.axes for row in one.rows)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_of_too_few_trials_there_are_tables_without_effects(n):
    found = effects(made_up(lambda one: 0.7, n=n))
    assert not any(row.effect for one in found.axes for row in one.rows)
    assert not any(one.matters or one.best_value is not None for one in found.axes)


def test_equal_scores_and_a_search_without_axes_do_no_harm():
    assert not any(one.matters for one in effects(made_up(lambda one: 0.7, noise=0.0)).axes)
    assert effects(search_of([Result(0, {}, (0.7,))] * 5, axes={})).axes == ()


def test_effects_do_not_depend_on_when_they_are_asked_for():
    search = made_up(lambda one: 0.7 + 0.1 * one["dropout"], n=30)
    assert effects(search) == effects(search)


RANGES: list[Axis] = [
    Float.of(1e-5, 1e-2, log=True),
    Float.of(0.0, 0.7),
    ZeroOr.of(Float.of(1e-5, 0.3, log=True)),
    Int.of(1, 200),
    Int.of(1, 12),
    Choice.of(True, False),
]


@pytest.mark.parametrize("axis", RANGES)
def test_every_value_stands_among_the_rows_of_its_axis(axis):
    levels = levels_of(axis)
    values = [axis.edges[0], axis.edges[1]] if axis.edges else list(axis.points)
    values += [row.value for row in levels.rows]
    weights = levels.weights(values)
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights.min() >= 0
    own = levels.weights([row.value for row in levels.rows])
    assert own.argmax(axis=1).tolist() == list(range(len(levels.rows)))
    assert levels.shares.sum() == pytest.approx(1)


@given(st.integers(2, 12), st.booleans())
def test_a_prior_effect_has_mean_zero_and_variance_one_over_its_axis(n, ordered):
    axis = Int.of(1, n) if ordered else Choice.of(*map(str, range(n)))
    levels = levels_of(axis)
    covariance = prior_covariance(levels)
    assert levels.shares @ covariance @ levels.shares == pytest.approx(0, abs=1e-9)
    assert levels.shares @ np.diag(covariance) == pytest.approx(1)


@pytest.fixture(scope="module")
def statistics() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import report_statistics
    finally:
        sys.path.remove(str(BENCHMARKS))
    return report_statistics


@pytest.mark.slow
def test_intervals_cover_the_truth_although_tpe_and_rungs_chose_the_trials(statistics):
    rows = [
        row
        for number in range(20)
        for row in statistics.study(number, designs=["TPE + rungs"], n_trials=30)
    ]
    covered = np.mean([row["covered"] for row in rows])
    assert 0.90 <= covered <= 0.99
    # An additive score has no interactions, and an axis without effect does not matter.
    told = {row["study"] for row in rows if row["interacts"] and row["family"] != "interacting"}
    assert len(told) <= 1
    assert np.mean([row["matters"] for row in rows if row["null"]]) <= 0.1
