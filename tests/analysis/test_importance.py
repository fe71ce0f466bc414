"""Importance comes with its doubt, axes that cannot be told apart are named, pairs are tested."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phase6c.analysis.importance import Measure, importance
from phase6c.analysis.interactions import interactions
from phase6c.analysis.trials import Result, Search
from phase6c.space.axes import Axis, Choice, Float, Grid, ZeroOr
from phase6c.space.axes import sample as draw
from phase6c.statistics.bootstrap import Estimate

AXES: dict[str, Axis] = {
    "dropout": Grid.of(0.0, 0.1, 0.2, 0.3),
    "learning_rate": Float.of(1e-5, 1e-2, log=True),
    "weight_decay": ZeroOr.of(Float.of(1e-5, 0.3, log=True)),
    "shortcut": Choice.of(True, False),
    "n_heads": Grid.of(8),
}


def made_up(value: Callable[[dict], float], n: int = 60, seed: int = 0) -> Search:
    rng = np.random.default_rng(seed)
    results = []
    for number in range(n):
        params = {name: draw(axis, rng) for name, axis in AXES.items()}
        score = value(params) + 0.002 * rng.standard_normal()
        results.append(Result(number, params, (score,)))
    return Search("made-up", Path("made-up"), "auc", AXES, 1, tuple(results))


def flat(params: dict) -> float:
    return 0.7


def of_dropout(params: dict) -> float:
    return 0.7 + 0.1 * params["dropout"]


@pytest.fixture(scope="module")
def of_one() -> tuple[Measure, ...]:
    return importance(made_up(of_dropout), draws=20)


@pytest.mark.slow
def test_both_of_optunas_measures_find_the_axis_that_matters(of_one):
    assert [one.name for one in of_one] == ["PED-ANOVA", "fANOVA"]
    for one in of_one:
        assert one.axes[0].axis == "dropout"
        assert {two.axis for two in one.axes} == AXES.keys() - {"n_heads"}


@pytest.mark.slow
def test_shares_have_intervals_and_sum_to_one(of_one):
    for one in of_one:
        assert all(isinstance(two.share, Estimate) for two in one.axes)
        assert sum(two.share.value for two in one.axes) == pytest.approx(1)


def test_an_axis_that_stands_apart_leads_alone(of_one):
    fanova = of_one[1]
    assert fanova.leading == ("dropout",)
    assert "dropout matters most" in fanova.says


@pytest.mark.slow
def test_axes_that_cannot_be_told_apart_are_named_not_ranked():
    for one in importance(made_up(flat), draws=20):
        assert len(one.leading) == len(one.axes)
        assert "cannot be told apart" in one.says


def test_without_draws_there_is_no_interval_and_no_ranking():
    for one in importance(made_up(of_dropout), draws=0):
        assert all(isinstance(two.share, float) for two in one.axes)
        assert one.leading == ()


def test_of_few_or_equal_trials_nothing_is_said():
    search = made_up(of_dropout, n=9)
    assert importance(search, draws=5) == ()
    equal = [replace(one, curve=(0.7,)) for one in made_up(flat).results]
    assert importance(replace(search, results=tuple(equal)), draws=5) == ()
    assert interactions(search) is None


def test_trials_that_do_not_tell_an_axis_are_left_out():
    search = made_up(of_dropout)
    silent = Result(99, {"dropout": 0.0}, (9.0,))
    told = replace(search, results=(*search.results, silent))
    assert importance(told, draws=0) == importance(search, draws=0)


def test_the_same_seed_draws_the_same():
    search = made_up(of_dropout, n=20)
    assert importance(search, draws=3) == importance(search, draws=3)


def test_an_interaction_is_found():
    def crossed(params: dict) -> float:
        return 0.7 + 0.01 * (1 if params["shortcut"] else -1) * np.sign(params["dropout"] - 0.15)

    found = interactions(made_up(crossed))
    assert found.told == (("dropout", "shortcut"),)
    assert found.n_pairs == 6
    assert found.share.value > 0.5


def test_a_sum_of_axes_shows_no_interaction_in_most_studies():
    def added(params: dict) -> float:
        return of_dropout(params) + 0.01 * params["shortcut"]

    told = [bool(interactions(made_up(added, n=40, seed=seed)).told) for seed in range(20)]
    assert sum(told) <= 3


@pytest.mark.slow
def test_statistics_of_a_search_load_neither_torch_nor_ray():
    modules = ("effects", "importance", "interactions", "winner")
    imports = "; ".join(f"import phase6c.analysis.{name}" for name in modules)
    code = f"import sys; {imports}; print(*({{'torch', 'ray'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
