"""A sampler sees a bounded window on the results: all of few, of many the best and the newest."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from phase6c.space.axes import Float, Grid
from phase6c.tune.proposals import samplers, window
from phase6c.tune.proposals.samplers import HyperOptSampler, OptunaSampler
from phase6c.tune.proposals.window import WindowStorage, in_window

AXES = {
    "learning_rate": Float.of(1e-5, 1e-2, log=True),
    "dropout": Grid.of(0.0, 0.1, 0.2, 0.3, 0.5),
}


@pytest.fixture
def small(monkeypatch):
    """A window of the three best and the five newest results."""
    for module in (window, samplers):
        monkeypatch.setattr(module, "N_NEWEST", 5)
    monkeypatch.setattr(window, "N_BEST", 3)


def told_points(n):
    rng = np.random.default_rng(0)
    return [
        ({"learning_rate": 10 ** rng.uniform(-5, -2), "dropout": int(rng.integers(5))}, score)
        for score in rng.normal(size=n)
    ]


def filled(scores):
    study = optuna.create_study(storage=WindowStorage(), direction="maximize")
    for score in scores:
        study.add_trial(create_trial(value=float(score)))
    return study


def shown(study):
    return [trial.number for trial in study.get_trials(states=(TrialState.COMPLETE,))]


@pytest.mark.usefixtures("small")
def test_the_best_and_the_newest_are_shown_in_the_order_of_their_numbers():
    scores = [9, 1, 8, 7, 7, 2, 0, 3, 4, 1, 2]
    study = filled(scores)
    assert shown(study) == [0, 2, 3, 6, 7, 8, 9, 10]
    told = [({}, float(score)) for score in scores]
    assert in_window(told) == [told[place] for place in shown(study)]
    assert shown(filled(scores[:5])) == [*range(5)]


@pytest.mark.usefixtures("small")
def test_running_trials_are_always_shown_and_those_taken_back_do_not_pile_up():
    study = filled(range(20))
    running = [study.ask() for _ in range(30)]
    states = (TrialState.RUNNING,)
    assert len(study.get_trials(states=states)) == 30
    for trial in running[:25]:
        study.tell(trial, state=TrialState.FAIL)
    assert [trial.number for trial in study.get_trials(states=states)] == [45, 46, 47, 48, 49]
    assert len(study.get_trials()) < 30


def test_within_the_window_optunas_own_storage_proposes_the_same(monkeypatch):
    def asked():
        sampler = OptunaSampler(AXES, "tpe")
        for raw, score in told_points(40):
            sampler.add(raw, score)
        return [sampler.ask(f"{seed}", seed, 0) for seed in range(5)]

    windowed = asked()
    monkeypatch.setattr(samplers, "WindowStorage", optuna.storages.InMemoryStorage)
    assert windowed == asked()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "make", [lambda: OptunaSampler(AXES, "tpe"), lambda: HyperOptSampler(AXES)]
)
def test_results_outside_the_window_change_no_proposal(make):
    asked = []
    for n_bad in (10, 30):
        sampler = make()
        bad = [(raw, -9.0) for raw, _ in told_points(n_bad)]
        good = [(raw, score + 9) for raw, score in told_points(3)]
        newest = told_points(60)[-12:]
        for raw, score in (*good, *bad, *newest):
            sampler.add(raw, score)
        asked.append([sampler.ask(f"{seed}", seed, 0) for seed in range(3)])
    assert asked[0] == asked[1]
