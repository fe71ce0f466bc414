"""A sampler's draws follow from the seed and from what it was told, however it was told."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pytest
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from phase6c.config import Values
from phase6c.errors import ConfigError
from phase6c.nn.model import count_parameters
from phase6c.space.axes import Choice, Float, Grid, Int, ZeroOr
from phase6c.study.study_config import MAX_BY_GP, SamplerName
from phase6c.tune.proposals.samplers import (
    HyperOptSampler,
    OptunaSampler,
    RaySampler,
    make_sampler,
    ray_domains,
)
from phase6c.tune.runtime.trial_searcher import METRIC
from search_spaces import tiny

from ..rig import ended

GRIDS = {
    "depth": Int.of(1, 6),
    "rate": Grid.of(1e-5, 1e-4, 1e-3, 1e-2),
    "pooling": Choice.of("mean", "last"),
    "shortcut": Choice.of(True, False),
}
RANGES = {
    "rate": Float.of(1e-5, 1e-2, log=True),
    "dropout": Float.of(0.0, 0.7),
    "decay": ZeroOr.of(Float.of(1e-5, 1e-1, log=True)),
}
MAKERS = {
    "gp": partial(OptunaSampler, rungs=(1,), objective="auc", name="gp"),
    "tpe": partial(OptunaSampler, rungs=(1,), objective="auc", name="tpe"),
    "hyperopt": HyperOptSampler,
}
# Any trial of the search; what a sampler hears of is its raw point.
VALUES = tiny.SPACE.sample(np.random.default_rng(0), partial(count_parameters, n_features=30))
every_sampler = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


class Told(Searcher):
    """Suggests the first value of each axis and keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[tuple[str, Any, bool]] = []

    def set_search_properties(self, metric: Any, mode: Any, config: Any, **spec: Any) -> bool:
        self.properties = metric, mode, set(config)
        return True

    def suggest(self, trial_id: str) -> Any:
        return {"dropout": 0} if trial_id == "open" else None

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        self.ended.append((trial_id, result, error))


def told_points(axes: Any, n: int) -> list[tuple[dict[str, Any], float]]:
    """Raw points with scores that grow along the ordered axes."""
    rng = np.random.default_rng(5)
    points = []
    for _ in range(n):
        domains = ray_domains(axes)
        raws = {name: one.sample(random_state=rng) for name, one in domains.items()}
        raw = {name: axis.encode(axis.decode(raws[name])) for name, axis in axes.items()}
        points.append((raw, sum(one for one in raw.values() if isinstance(one, int | float))))
    return points


def teach(sampler: RaySampler, points: Iterable[tuple[Values, float]], first: int = 0) -> None:
    """Shows a sampler ended trials of these points, numbered from `first`."""
    for number, (raw, score) in enumerate(points, start=first):
        sampler.observe(ended(number, VALUES, score), raw)
        sampler.add(raw, score)


def asked(sampler: RaySampler, n: int = 3, name: str = "asked") -> list[Any]:
    """Suggestions that are withdrawn at once."""
    found = []
    for seed in range(n):
        found.append(sampler.ask(f"{name}.{seed}", seed, 0))
        sampler.withdraw(f"{name}.{seed}")
    return found


@every_sampler
@pytest.mark.parametrize("n", [0, 5, 40])
def test_a_draw_follows_from_its_seed_and_what_was_told(make: Any, n: int) -> None:
    samplers = make(GRIDS), make(GRIDS)
    for sampler in samplers:
        teach(sampler, told_points(GRIDS, n))
    samplers[1].ask("another", 99, 0)
    samplers[1].withdraw("another")
    first, second = (asked(sampler) for sampler in samplers)
    assert first == second


@every_sampler
def test_another_seed_draws_another_point(make: Any) -> None:
    first, second, third = asked(make(GRIDS))
    assert first != second != third


@every_sampler
def test_a_result_teaches_the_same_whoever_suggested_the_point(make: Any) -> None:
    asking, adding = make(GRIDS), make(GRIDS)
    for number in range(35):
        raw = asking.ask(f"{number}", number, 0)
        score = raw["depth"] - 2 * abs(raw["rate"] - 2)
        asking.observe(ended(number, VALUES, score), raw)
        asking.tell(f"{number}", raw, score)
        teach(adding, [(raw, score)], number)
    assert asked(asking, 5) == asked(adding, 5)


@every_sampler
def test_higher_scores_are_sought(make: Any) -> None:
    sampler = make(GRIDS)
    teach(sampler, [(raw, raw["depth"]) for raw, _ in told_points(GRIDS, 40)])
    depths = [raw["depth"] for raw in asked(sampler, 20)]
    assert np.mean(depths) > 3.5  # of uniform draws it is 2.5


@every_sampler
def test_asking_again_finds_something_else(make: Any) -> None:
    sampler = make(GRIDS)
    teach(sampler, told_points(GRIDS, 40))
    again = set()
    for attempt in range(8):
        raw = sampler.ask(f"{attempt}", attempt, attempt)
        again.add(tuple(raw.items()))
        sampler.withdraw(f"{attempt}")
    assert len(again) >= 3


@every_sampler
def test_a_result_of_a_suggestion_from_before_foreign_points_is_learned(make: Any) -> None:
    sampler, other = make(GRIDS), make(GRIDS)
    points = told_points(GRIDS, 20)
    raw = sampler.ask("early", 1, 0)
    teach(sampler, points)
    teach(other, points)
    asked(sampler, name="before")
    sampler.observe(ended(20, VALUES, 0.5), raw)
    sampler.tell("early", raw, 0.5)
    teach(other, [(raw, 0.5)], 20)
    assert asked(sampler, 5) == asked(other, 5)


def test_a_searcher_of_rays_hears_of_results_and_of_what_is_withdrawn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    searcher = Told()
    sampler = make_sampler(searcher, tiny.SPACE, (1,), "auc")
    assert sampler is not None
    assert searcher.properties == (METRIC, "max", set(tiny.SPACE.axes))
    assert sampler.ask("open", 0, 0) == {"dropout": 0}
    assert sampler.ask("later", 0, 0) is None
    sampler.tell("open", {"dropout": 0}, 0.7)
    sampler.withdraw("other")
    assert searcher.ended == [("open", {METRIC: 0.7}, False), ("other", None, True)]
    with caplog.at_level(logging.WARNING):
        sampler.add({"dropout": 1}, 0.6)
        sampler.add({"dropout": 2}, 0.6)
    assert [record.message for record in caplog.records] == [
        "Told learns only of what it suggested itself."
    ]


def test_a_searcher_with_a_space_of_its_own_is_refused() -> None:
    own = OptunaSearch(
        OptunaSearch.convert_search_space(ray_domains(GRIDS)), metric=METRIC, mode="max"
    )
    with pytest.raises(ConfigError, match="OptunaSearch refuses them"):
        make_sampler(own, tiny.SPACE, (1,), "auc")


@pytest.mark.parametrize("axes", [GRIDS, RANGES], ids=["grids", "ranges"])
def test_what_ray_draws_decodes_to_a_value_of_the_axis(axes: Any) -> None:
    rng = np.random.default_rng(0)
    domains = ray_domains(axes)
    for name, axis in axes.items():
        for _ in range(50):
            value = axis.decode(domains[name].sample(random_state=rng))
            assert axis.contains(value)
            assert axis.decode(axis.encode(value)) == pytest.approx(value)


def of(name: SamplerName, points: Any) -> OptunaSampler:
    sampler = OptunaSampler(RANGES, (1,), "auc", name)
    teach(sampler, points)
    return sampler


@pytest.mark.parametrize(("n", "like"), [(MAX_BY_GP, "gp"), (MAX_BY_GP + 1, "tpe")])
def test_auto_is_a_gaussian_process_up_to_a_number_of_results_and_tpe_beyond(
    n: int, like: SamplerName
) -> None:
    points = told_points(RANGES, n)
    assert asked(of("auto", points), 2) == asked(of(like, points), 2)


@pytest.mark.parametrize("n", [30, MAX_BY_GP + 20])
def test_the_order_of_results_changes_no_draw_of_a_gaussian_process(n: int) -> None:
    points = told_points(RANGES, n)
    assert asked(of("gp", points), 2) == asked(of("gp", points[::-1]), 2)


def test_the_points_that_still_run_are_kept_away_from() -> None:
    points = told_points(RANGES, 20)
    crowded, alone = of("auto", points), of("auto", points)
    beside = []
    for number in range(12):
        raw = crowded.ask(f"{number}", number, 0)
        assert raw is not None
        crowded.observe(ended(20 + number, VALUES, None, state="RUNNING", measurements=()), raw)
        beside.append(raw)
    apart = []
    for number in range(12):
        apart.append(alone.ask(f"{number}", number, 0))
        alone.withdraw(f"{number}")
    spreads = [np.std([raw["dropout"] for raw in raws if raw]) for raws in (beside, apart)]
    assert spreads[0] > spreads[1]
