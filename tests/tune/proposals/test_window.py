"""A sampler sees a bounded window on the results: all of few, of many the best and the newest."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from phase6c.space.axes import Float, Grid
from phase6c.tune.proposals import samplers, window
from phase6c.tune.proposals.lessons import Lessons
from phase6c.tune.proposals.samplers import HyperOptSampler, ray_domains
from phase6c.tune.proposals.window import LessonStorage, in_window

AXES = {
    "learning_rate": Float.of(1e-5, 1e-2, log=True),
    "dropout": Grid.of(0.0, 0.1, 0.2, 0.3, 0.5),
}
SPACE = samplers.OptunaSearch.convert_search_space(ray_domains(AXES))


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


def showing(told, running=()):
    """A study of Optuna's whose storage shows these lessons."""
    storage = LessonStorage(SPACE)
    study = optuna.create_study(storage=storage, direction="maximize")
    storage.show(Lessons(list(told), list(running)))
    return study


@pytest.mark.usefixtures("small")
def test_the_best_and_the_newest_are_shown_in_the_order_that_they_were_told_in():
    scores = [9, 1, 8, 7, 7, 2, 0, 3, 4, 1, 2]
    told = [(raw, float(score)) for (raw, _), score in zip(told_points(11), scores, strict=True)]
    assert in_window(told) == [told[place] for place in (0, 2, 3, 6, 7, 8, 9, 10)]
    assert in_window(told[:5]) == told[:5]
    shown = showing(told).get_trials(states=(TrialState.COMPLETE,))
    assert [(trial.params, trial.value) for trial in shown] == in_window(told)
    numbers = [trial.number for trial in shown]
    assert numbers == sorted(set(numbers))


def test_what_is_asked_and_taken_back_stands_beside_the_lessons():
    points = told_points(5)
    study = showing(points[:3], [raw for raw, _ in points[3:]])
    asked = study.ask(SPACE)
    running = study.get_trials(states=(TrialState.RUNNING,))
    assert [trial.params for trial in running] == [*(raw for raw, _ in points[3:]), asked.params]
    study.tell(asked, state=TrialState.FAIL)
    assert [trial.params for trial in study.get_trials(states=(TrialState.FAIL,))] == [asked.params]
    assert len(study.get_trials(states=(TrialState.RUNNING,))) == 2


def test_what_was_taken_back_does_not_pile_up():
    study = showing(told_points(3))
    for _ in range(50):
        study.tell(study.ask(SPACE), state=TrialState.FAIL)
    assert len(study.get_trials()) < 30


@pytest.mark.usefixtures("small")
def test_results_outside_the_window_change_no_proposal():
    asked = []
    for n_bad in (10, 30):
        sampler = HyperOptSampler(AXES)
        bad = [(raw, -9.0) for raw, _ in told_points(n_bad)]
        good = [(raw, score + 9) for raw, score in told_points(3)]
        newest = told_points(60)[-12:]
        for raw, score in (*good, *bad, *newest):
            sampler.add(raw, score)
        asked.append([sampler.ask(f"{seed}", seed, 0) for seed in range(3)])
    assert asked[0] == asked[1]
