"""Whatever the sampler: nothing infeasible, nothing twice, and what was learned decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import count as numbers_from
from typing import Any

import numpy as np
import optuna
import pytest
from ray.tune.search import Searcher

from phase6c.config import TrialConfig, Values
from phase6c.nn.model import count_parameters
from phase6c.records import Stopped, Trial
from phase6c.space.axes import Choice, Grid, Int
from phase6c.space.space import Space, model_of
from phase6c.study.study_config import SamplerName
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.samplers import OptunaSampler, RaySampler, make_sampler
from search_spaces import budget_2m, tiny

from ...support.pace import cost
from ..rig import ended

count = partial(count_parameters, n_features=30)
FREE = {"d_model": 16, "context_days": 8, "patch_days": 4, "d_ff_ratio": 2, "weight_decay": 0.0}
SMALL = Space(
    name="small",
    axes={
        "n_layers": Int.of(1, 2),
        "n_heads": Grid.of(2, 3),
        "pooling": Choice.of("mean", "last"),
        "learning_rate": Grid.of(1e-4, 1e-3, 1e-2),
    },
    fixed=FREE,
)
N_SMALL = 2 * 1 * 2 * 3
RATES = tuple(1e-5 * 2**n for n in range(10))
MEDIUM = Space(
    name="medium",
    axes={
        "learning_rate": Grid.of(*RATES),
        "dropout": Grid.of(*(n / 20 for n in range(10))),
        "n_layers": Int.of(1, 8),
    },
    fixed=FREE | {"n_heads": 2},
)


class Walker(Searcher):
    """A searcher of the user's own: random steps away from the best point that it was told."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = np.random.default_rng(0)
        self._asked: dict[str, Values] = {}
        self._best: tuple[float, Values] | None = None

    def set_search_properties(self, metric: Any, mode: Any, config: Any, **spec: Any) -> bool:
        self._metric, self._mode, self._domains = metric, mode, config
        return True

    def suggest(self, trial_id: str) -> Values:
        start = self._best[1] if self._best else {}
        point = {
            name: start[name]
            if start and self._rng.random() < 0.5
            else one.sample(random_state=self._rng)
            for name, one in self._domains.items()
        }
        self._asked[trial_id] = point
        return point

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        point = self._asked.pop(trial_id)
        if result and (self._best is None or result[self._metric] > self._best[0]):
            self._best = result[self._metric], point


MAKERS = {
    "optuna": lambda: "optuna",
    "hyperopt": lambda: "hyperopt",
    "random": lambda: "random",
    "own": Walker,
}
every_searcher = pytest.mark.parametrize("searcher", MAKERS)
repeatable = pytest.mark.parametrize("searcher", ["optuna", "hyperopt", "random"])
# What a finished trial is made of: its state, value and what else differs.
Ending = Callable[[int, Values], Trial]


class Told(RaySampler):
    """Suggests nothing, and keeps what it is told."""

    def __init__(self) -> None:
        self.added: list[tuple[Values, float]] = []

    def ask(self, key: str, seed: int, attempt: int) -> Values | None:
        return None

    def add(self, raw: Values, score: float) -> None:
        self.added.append((raw, score))


def propose(
    searcher: str,
    space: Space = MEDIUM,
    trials: Iterable[Trial] = (),
    seed: int = 1,
    name: SamplerName = "auto",
) -> Proposals:
    sampler = make_sampler(MAKERS[searcher](), space, (1,), "auc", name)
    return Proposals(space, count, sampler, "auc", seed, list(trials))


def told_value(values: Values) -> float:
    rate = abs(np.log10(values["learning_rate"]) + 3.5)
    return 0.8 - 0.02 * rate - 0.1 * abs(values.get("dropout", 0.0) - 0.2)


def complete(number: int, values: Values) -> Trial:
    return ended(number, values, told_value(values))


def mixed(number: int, values: Values) -> Trial:
    """Every kind of end, one after the other."""
    value = told_value(values)
    if number % 4 == 1:
        stopped = Stopped(epoch=1, value=value, cutoff=0.9, forecast=value + 0.01)
        return ended(number, values, value, state="PRUNED", stopped=stopped)
    kinds = {7: "diverged", 14: "oom", 3: "bug", 10: "worker_lost"}
    return ended(number, values, value, kind=kinds.get(number % 20))


def search(
    proposals: Proposals,
    numbers: Iterable[int],
    ending: Ending = complete,
    n_workers: int = 1,
) -> list[Trial]:
    """Takes proposals up, so many at a time, and has them end in a random order.

    Trials that are still running after the last number have no measurements.
    """
    rng = np.random.default_rng(0)
    trials: dict[int, Trial] = {}
    running: list[int] = []
    for number in numbers:
        if len(running) == n_workers:
            done = running.pop(rng.integers(n_workers))
            trials[done] = ending(done, trials[done].params)
            proposals.learn(trials[done])
        values = proposals.next(number)
        if values is None:
            break
        proposals.reserve(TrialConfig.from_flat(values))
        trials[number] = ended(number, values, 0.0, state="RUNNING", measurements=[])
        running.append(number)
    if n_workers == 1:
        trials |= {done: ending(done, trials[done].params) for done in running}
        for done in running:
            proposals.learn(trials[done])
    return list(trials.values())


def identity(values: Values) -> tuple[Any, ...]:
    return tuple(sorted(values.items()))


def identities(trials: Iterable[Trial]) -> list[tuple[Any, ...]]:
    return [identity(trial.params) for trial in trials]


@every_searcher
@pytest.mark.parametrize(
    ("n_workers", "n"), [(1, 30), (8, 40), pytest.param(64, 80, marks=pytest.mark.slow)]
)
def test_nothing_is_proposed_twice_whatever_the_number_of_workers(
    searcher: str, n_workers: int, n: int
) -> None:
    trials = search(propose(searcher), range(n), mixed, n_workers)
    again = propose(searcher, trials=trials)
    for trial in trials:
        if not trial.finished:
            again.learn(mixed(trial.number, trial.params))
    trials += search(again, range(n, n + 10), mixed)
    assert len(set(identities(trials))) == len(trials) == n + 10


@every_searcher
def test_proposals_are_feasible(searcher: str) -> None:
    for trial in search(propose(searcher, tiny.SPACE), range(30)):
        assert tiny.SPACE.complete(trial.params, count) == trial.params
        assert tiny.BUDGET.contains(count(model_of(trial.params)))


@every_searcher
@pytest.mark.parametrize("n_workers", [1, 8, 64])
def test_a_small_grid_is_used_up_exactly(searcher: str, n_workers: int) -> None:
    proposals = propose(searcher, SMALL)
    trials = search(proposals, range(100), complete, n_workers)
    assert len(trials) == len(set(identities(trials))) == N_SMALL
    assert {trial.params["n_heads"] for trial in trials} == {2}
    assert proposals.next(N_SMALL) is None


@every_searcher
@pytest.mark.parametrize("n_workers", [1, 8])
def test_a_resumed_search_uses_up_the_rest_of_a_grid(searcher: str, n_workers: int) -> None:
    before = search(propose(searcher, SMALL), range(9), complete, n_workers)
    resumed = propose(searcher, SMALL, before)
    after = search(resumed, range(9, 100))
    assert len(set(identities(before + after))) == len(before + after) == N_SMALL


@every_searcher
@pytest.mark.parametrize("source", ["reference", "warm_start"])
def test_what_others_chose_is_not_proposed(searcher: str, source: str) -> None:
    values = search(propose("random", SMALL), range(1))[0].params
    known = ended(0, values, 0.9, source=source)
    trials = search(propose(searcher, SMALL, [known]), range(1, 100))
    assert len(trials) == N_SMALL - 1
    assert not set(identities([known])) & set(identities(trials))


def test_more_references_than_points_leave_the_grid_to_be_used_up() -> None:
    others = search(propose("random"), range(N_SMALL + 5))
    known = [trial.model_copy(update={"source": "reference"}) for trial in others]
    assert len(search(propose("optuna", SMALL, known), range(50, 150))) == N_SMALL


def test_configurations_that_differ_in_any_axis_differ() -> None:
    batches = Space(
        name="batches",
        axes={"batch_size": Grid.of(16, 32, 64), "learning_rate": Grid.of(1e-4, 1e-3)},
        fixed=FREE | {"n_layers": 1, "n_heads": 2},
    )
    assert len(search(propose("random", batches), range(100))) == 6


@repeatable
def test_the_seed_decides(searcher: str) -> None:
    def first(seed: int) -> list[Any]:
        return identities(search(propose(searcher, seed=seed), range(5)))

    assert first(3) == first(3) != first(4)


@repeatable
@pytest.mark.parametrize("n", [4, 13, 31])
def test_a_resumed_search_proposes_what_the_undisturbed_one_would(searcher: str, n: int) -> None:
    undisturbed = search(propose(searcher), range(n + 6), mixed)
    resumed = search(propose(searcher, trials=undisturbed[:n]), range(n, n + 6), mixed)
    assert identities(resumed) == identities(undisturbed[n:])


@pytest.mark.parametrize("searcher", ["optuna", "random"])
def test_a_resumed_search_of_ranges_proposes_what_the_undisturbed_one_would(searcher: str) -> None:
    space = tiny.SPACE.as_ranges()
    undisturbed = search(propose(searcher, space), range(24), mixed)
    resumed = search(propose(searcher, space, undisturbed[:18]), range(18, 24), mixed)
    assert identities(resumed) == identities(undisturbed[18:])
    assert len(set(identities(undisturbed))) == 24


@every_searcher
def test_a_resumed_search_draws_other_start_up_points(searcher: str) -> None:
    before = search(propose(searcher), range(3))
    resumed = search(propose(searcher, trials=before), range(3, 6))
    assert not set(identities(before)) & set(identities(resumed))


@pytest.mark.parametrize("searcher", ["optuna", "hyperopt", "own"])
def test_a_searcher_finds_better_values_than_uniform_draws(searcher: str) -> None:
    def late(searcher: str) -> float:
        return float(
            np.mean([told_value(t.params) for t in search(propose(searcher), range(45))[25:]])
        )

    assert late(searcher) > late("random")


@pytest.mark.parametrize("searcher", ["optuna", "hyperopt"])
def test_a_trial_that_was_unfinished_at_the_resume_is_learned_from(searcher: str) -> None:
    finished = search(propose(searcher), range(20))
    unfinished = [
        trial.model_copy(update={"state": "RUNNING", "measurements": ()}) for trial in finished
    ]
    late = propose(searcher, trials=finished[:5] + unfinished[5:])
    never = propose(searcher, trials=finished[:5] + unfinished[5:])
    for trial in finished[5:]:
        late.learn(trial)
    known = search(propose(searcher, trials=finished), range(20, 24))
    assert identities(search(late, range(20, 24))) == identities(known)
    assert identities(search(never, range(20, 24))) != identities(known)


def lessons(trials: Iterable[Trial], objective: Any = "auc") -> list[float]:
    """What a sampler is told of trials."""
    sampler = Told()
    proposals = Proposals(MEDIUM, count, sampler, objective, seed=0)
    for trial in trials:
        proposals.learn(trial)
    return [score for _, score in sampler.added]


@pytest.fixture
def values() -> Values:
    found = propose("random").next(0)
    assert found is not None
    return found


def test_a_sampler_is_told_the_point_that_was_tried(values: Values) -> None:
    sampler = Told()
    Proposals(MEDIUM, count, sampler, "auc", 0, [ended(0, values, 0.7)])
    assert sampler.added == [
        ({name: axis.encode(values[name]) for name, axis in MEDIUM.axes.items()}, 0.7)
    ]


@pytest.mark.parametrize("objective", ["auc", "log_loss"])
def test_a_complete_trial_is_told_as_its_best_value(values: Values, objective: str) -> None:
    measurements = [
        ended(0, values, value).measurements[0].model_copy(update={"epoch": epoch})
        for epoch, value in enumerate((0.6, 0.7, 0.65), start=1)
    ]
    trial = ended(0, values, None, measurements=measurements)
    assert lessons([trial], objective) == [0.7 if objective == "auc" else -0.6]


@pytest.mark.parametrize(("objective", "lesson"), [("auc", 0.74), ("log_loss", -0.74)])
def test_a_stopped_trial_is_told_as_its_forecast(
    values: Values, objective: str, lesson: float
) -> None:
    stopped = Stopped(epoch=1, value=0.6, cutoff=0.65, forecast=0.74)
    trial = ended(0, values, 0.6, state="PRUNED", stopped=stopped)
    assert lessons([trial], objective) == [lesson]


def test_an_audited_trial_is_told_as_what_it_reached(values: Values) -> None:
    stopped = Stopped(epoch=1, value=0.6, cutoff=0.65, forecast=0.74)
    assert lessons([ended(0, values, 0.6, audited=True, stopped=stopped)]) == [0.6]


@pytest.mark.parametrize("kind", ["diverged", "oom"])
def test_divergence_and_lack_of_memory_are_told_as_the_worst_value_known(
    values: Values, kind: str
) -> None:
    told = [ended(n, values, value) for n, value in enumerate((0.7, 0.6, 0.8))]
    failed = ended(3, values, None, kind=kind)
    assert lessons([*told, failed]) == [0.7, 0.6, 0.8, 0.6]
    assert lessons([failed, *told])[0] < 0
    losses = lessons([*told, failed], "log_loss")
    assert losses == [-0.7, -0.6, -0.8, -0.8]


@pytest.mark.parametrize("kind", ["bug", "worker_lost"])
def test_a_bug_or_a_lost_worker_teaches_nothing(values: Values, kind: str) -> None:
    assert lessons([ended(0, values, None, kind=kind)]) == []


@pytest.mark.parametrize("kind", ["bug", "worker_lost"])
@pytest.mark.parametrize("searcher", ["optuna", "hyperopt"])
def test_after_a_bug_or_a_lost_worker_draws_are_as_before(searcher: str, kind: str) -> None:
    told = search(propose(searcher), range(15))
    one, other = (propose(searcher, trials=told) for _ in range(2))
    values = one.next(15)
    assert values is not None
    one.learn(ended(15, values, None, kind=kind))
    assert one.next(99) == other.next(99)


@pytest.mark.parametrize("source", ["reference", "probe"])
def test_references_and_probes_are_not_told(values: Values, source: str) -> None:
    assert lessons([ended(0, values, 0.9, source=source)]) == []


def test_warm_starts_are_told(values: Values) -> None:
    assert lessons([ended(0, values, 0.9, source="warm_start")]) == [0.9]


def test_a_value_that_the_axes_no_longer_hold_is_not_told(values: Values) -> None:
    assert lessons([ended(0, values | {"dropout": 0.33}, 0.9)]) == []


def fails(values: Values) -> bool:
    """Two fifths of the space, next to where the values are best."""
    return bool(values["learning_rate"] >= RATES[6])


def planted_value(values: Values) -> float:
    depth = abs(values["n_layers"] - 3)
    rate = RATES.index(values["learning_rate"])
    return 0.6 + 0.01 * rate - 0.02 * abs(values["dropout"] - 0.2) - 0.002 * depth


def failures_of_ours(seed: int) -> int:
    def ending(number: int, values: Values) -> Trial:
        cause = ("diverged", "oom")[number % 2] if fails(values) else None
        return ended(number, values, planted_value(values), kind=cause)

    trials = search(propose("optuna", seed=seed, name="tpe"), range(60), ending)
    return sum(trial.state == "FAILED" for trial in trials[20:])


def failures_of_plain_optuna(seed: int) -> int:
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    n_late = 0
    for number in range(60):
        trial = study.ask()
        for name, axis in MEDIUM.axes.items():
            trial.suggest_int(name, 0, len(axis.points or ()) - 1)
        values = {name: axis.decode(trial.params[name]) for name, axis in MEDIUM.axes.items()}
        if fails(values):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            n_late += number >= 20
        else:
            study.tell(trial, planted_value(values))
    return n_late


@pytest.mark.slow
def test_a_failing_region_is_revisited_at_most_half_as_often_as_by_plain_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seeds = range(3)
    ours = sum(failures_of_ours(seed) for seed in seeds)
    plain = sum(failures_of_plain_optuna(seed) for seed in seeds)
    assert 0 < ours <= plain / 2


def asks_of(proposals: Proposals, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], int]:
    """How many suggestions one proposal takes."""
    asked = numbers_from()
    plain = OptunaSampler.ask

    def ask(sampler: OptunaSampler, *args: Any) -> Values | None:
        next(asked)
        return plain(sampler, *args)

    monkeypatch.setattr(OptunaSampler, "ask", ask)

    def take(number: int) -> int:
        before = next(asked)
        trial = search(proposals, [number])
        assert len(trial) == 1
        return next(asked) - before - 1

    return take


@pytest.mark.slow
def test_near_the_end_of_a_grid_few_suggestions_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = search(propose("random"), range(700))
    take = asks_of(propose("optuna", trials=told), monkeypatch)
    assert max(take(number) for number in range(700, 720)) <= 2


@pytest.mark.slow
def test_a_proposal_is_cheap_after_500_trials() -> None:
    # Solving widths takes a while at first, whatever was told.
    space = replace(budget_2m.SPACE, budget=None, fixed={"d_model": 128})
    told = search(propose("random", space), range(500))
    proposals = propose("optuna", space, told, name="tpe")
    costs = [cost(partial(search, proposals, [number]), rounds=1) for number in range(500, 511)]
    assert np.median(costs) < 40  # about a quarter of a second; the aim is 0.05


@pytest.mark.parametrize("searcher", ["optuna", "hyperopt", "random"])
def test_a_space_of_one_configuration_is_used_up_by_it(searcher):
    fixed = {**SMALL.fixed, "n_layers": 1, "n_heads": 2, "learning_rate": 1e-3}
    one = replace(SMALL, axes={}, fixed=fixed)
    proposals = Proposals(one, count, make_sampler(searcher, one, (1,), "auc"), "auc", seed=1)
    values = proposals.next(0)
    assert values is not None
    proposals.reserve(TrialConfig.from_flat(values))
    assert proposals.next(1) is None
