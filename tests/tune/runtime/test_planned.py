"""The machines of a run and the time of its steps are known before it starts, or said not to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import ray

from phase6c.config import parse
from phase6c.data.bars import Bars
from phase6c.tune.runtime import planned
from phase6c.tune.runtime.nodes import Node
from phase6c.tune.runtime.planned import planned_machines
from phase6c.tune.search.estimate import estimate
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import SearchPlan, plan_study
from search_spaces import budget_2m, tiny

pytestmark = pytest.mark.usefixtures("short_demo_bars")


@pytest.fixture
def plan(sp500: Bars, tmp_path: Path, computed: Path) -> SearchPlan:
    return plan_study(tiny.SPACE, sp500, parse(SearchOptions, {"out": str(tmp_path)}), computed)


def with_options(plan: SearchPlan, **options: object) -> SearchPlan:
    return replace(plan, options=plan.options.model_copy(update=options))


def test_gpus_that_are_asked_for_and_not_there_leave_the_time_unknown(
    plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planned, "local_node", lambda: Node(cpus=16))
    monkeypatch.setattr(planned, "measured_step_s", lambda *_: pytest.fail("a CPU was timed"))
    with planned_machines(with_options(plan, gpus=4)) as found:
        estimated = estimate(plan, found)
    assert (found.timed_on, found.resources.n_gpus) == ("nothing", 4)
    assert "4 asked for, 0 there" in str(found.missing)
    assert estimated.search_s is estimated.step_s is None
    assert estimated.gpu_memory_gib is not None


def test_a_cluster_that_is_not_there_is_named_and_leaves_the_time_unknown(
    plan: SearchPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests of this process may have a Ray, which is neither used nor ended here.
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with planned_machines(with_options(plan, address="127.0.0.1:1")) as found:
        assert found.timed_on == "nothing"
    assert "127.0.0.1:1" in str(found.missing)


def test_small_trials_share_assumed_gpus(plan: SearchPlan) -> None:
    with planned_machines(plan, "2xA100") as found:
        assert found.resources.max_concurrent == 16
        assert estimate(plan, found).search_s is not None


def test_a_budget_of_before_that_names_its_memory_is_read_without_it() -> None:
    stored = {**budget_2m.BUDGET.model_dump(), "gpu_memory_gib": 1.5}
    assert type(budget_2m.BUDGET).model_validate(stored) == budget_2m.BUDGET


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_with_an_address_a_step_is_timed_on_a_worker(plan: SearchPlan) -> None:
    with planned_machines(with_options(plan, address="auto")) as found:
        assert (found.timed_on, found.missing) == ("worker", None)
        assert found.resources.n_cpus == 2
        assert (estimate(plan, found).search_s or 0) > 0
