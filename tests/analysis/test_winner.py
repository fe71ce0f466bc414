"""A winner is named where one configuration is better, not where one was lucky."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phase6c.analysis.trials import Result, Search
from phase6c.analysis.winner import N_REPEATED, N_SEEDS, find_winner
from phase6c.space.axes import Int

N_STUDIES = 200
DEVIATION = 0.005


def search_of(results: list[Result]) -> Search:
    axes = {"n_layers": Int.of(1, 1000)}
    return Search("made-up", Path("made-up"), "auc", axes, 9, tuple(results))


def equal_but_one(lift: float, seed: int, n: int = 40) -> Search:
    """Whole trainings of configurations that differ by seed noise, and of one better one."""
    rng = np.random.default_rng(seed)
    scores = 0.7 + DEVIATION * rng.standard_normal(n)
    scores[7] += lift * DEVIATION
    return search_of([Result(k, {"n_layers": k + 1}, (one,)) for k, one in enumerate(scores)])


def with_repeats(search: Search, lift: float, seed: int) -> Search:
    rng = np.random.default_rng([seed, 1])
    top = sorted(search.results, key=lambda one: -one.score)[:N_REPEATED]
    probes = []
    for one in top:
        mean = 0.7 + (lift * DEVIATION if one.number == 7 else 0.0)
        for score in mean + DEVIATION * rng.standard_normal(N_SEEDS):
            number = len(search.results) + len(probes)
            probes.append(Result(number, one.params, (float(score),), source="probe"))
    return replace(search, results=(*search.results, *probes))


def share_named(lift: float, *, repeats: bool) -> float:
    found = []
    for seed in range(N_STUDIES):
        search = equal_but_one(lift, seed)
        search = with_repeats(search, lift, seed) if repeats else search
        winner = find_winner(search)
        found.append(winner.wins and (winner.best == 7 or not lift))
    return float(np.mean(found))


@pytest.mark.parametrize("repeats", [False, True])
def test_of_equal_configurations_none_wins_in_95_percent(repeats):
    assert share_named(0.0, repeats=repeats) <= 0.05 + 2 * (0.05 * 0.95 / N_STUDIES) ** 0.5


def test_one_four_seed_deviations_better_is_named_once_the_best_were_repeated():
    assert share_named(4.0, repeats=True) >= 0.9


def test_one_four_seed_deviations_better_is_often_named_by_single_runs_alone():
    assert share_named(4.0, repeats=False) >= 0.65


def test_repeats_decide_where_there_are_any():
    search = equal_but_one(4.0, seed=0)
    assert not find_winner(search).by_repeats
    winner = find_winner(with_repeats(search, 4.0, seed=0))
    assert winner.by_repeats
    assert (winner.best, winner.n_compared) == (7, N_REPEATED)
    assert winner.seed_deviation == pytest.approx(DEVIATION, rel=0.5)
    assert winner.lead > winner.needed_lead
    assert winner.command is None


def test_a_lucky_first_run_does_not_count_once_a_configuration_was_repeated():
    search = equal_but_one(0.0, seed=0)
    lucky = Result(0, {"n_layers": 1}, (0.9,))
    search = replace(search, results=(lucky, *search.results[1:]))
    assert find_winner(search).best == 0
    assert find_winner(search).wins
    assert not find_winner(with_repeats(search, 0.0, seed=0)).wins


def test_a_forecast_is_no_score():
    # Of one that the search has not seen to its end nobody knows how good it would be.
    rng = np.random.default_rng(0)
    curves = [
        0.7 + 0.02 * rng.standard_normal() + 0.01 * np.log(np.arange(1, 10)) for _ in range(20)
    ]
    results = [Result(n, {"n_layers": n + 1}, tuple(one)) for n, one in enumerate(curves)]
    results.append(Result(20, {"n_layers": 21}, (0.72,), state="PRUNED"))
    winner = find_winner(search_of(results))
    assert not winner.wins
    assert winner.n_compared == 21


def test_failed_trials_and_references_do_not_compete():
    search = equal_but_one(0.0, seed=3)
    others = (
        Result(90, {"n_layers": 91}, (0.95,), state="FAILED"),
        Result(91, {"n_layers": 92}, (0.95,), source="reference"),
    )
    assert find_winner(replace(search, results=(*search.results, *others))) == find_winner(search)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_trials_are_not_judged(n):
    assert find_winner(search_of(list(equal_but_one(0.0, seed=0).results[:n]))) is None


def test_equal_scores_have_no_winner():
    results = [Result(n, {"n_layers": n + 1}, (0.7,)) for n in range(5)]
    assert not find_winner(search_of(results)).wins
    probes = [Result(9 + n, {"n_layers": 1 + n % 2}, (0.7,), source="probe") for n in range(4)]
    assert not find_winner(search_of([*results, *probes])).wins


def test_variants_that_only_a_probe_tried_do_not_compete():
    search = with_repeats(equal_but_one(0.0, 3), 0.0, 3)
    variant = [
        Result(len(search.results) + k, {"n_layers": 900}, (0.9 + k / 1e5,), source="probe")
        for k in range(3)
    ]
    assert find_winner(replace(search, results=(*search.results, *variant))) == find_winner(search)
