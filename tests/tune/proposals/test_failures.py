"""The risk of a configuration is learned from the trials that failed and those that did not."""

from functools import partial

import numpy as np
import pytest

from phase6c.nn.model import count_parameters
from phase6c.tune.proposals.failures import Failures
from search_spaces import tiny

count = partial(count_parameters, n_features=30)
RATES = tiny.SPACE.axes["learning_rate"].points


def drawn(n, seed=0):
    stream = tiny.SPACE.stream(np.random.default_rng(seed), count)
    return [next(stream) for _ in range(n)]


def fails(values):
    return values["learning_rate"] >= RATES[-2]


def told(n, failing=fails):
    failures = Failures(tiny.SPACE.axes)
    for values in drawn(n):
        failures.learn(values, failed=failing(values))
    return failures


def mean_excess(failures, *, where):
    return np.mean([failures.excess(one) for one in drawn(200, seed=1) if fails(one) == where])


def test_a_region_that_fails_is_told_from_one_that_does_not():
    failures = told(40)
    assert mean_excess(failures, where=True) > 0.6
    assert mean_excess(failures, where=False) < 0.25


@pytest.mark.parametrize("always", [True, False])
def test_where_all_fail_or_none_nothing_is_avoided(always):
    failures = told(10, failing=lambda _: always)
    assert all(failures.excess(one) == 0 for one in drawn(20, seed=1))


def test_before_anything_ended_nothing_is_avoided():
    assert Failures(tiny.SPACE.axes).excess(drawn(1)[0]) == 0


def test_failures_everywhere_avoid_little():
    rng = np.random.default_rng(0)
    failures = told(100, failing=lambda _: rng.random() < 0.8)
    assert np.mean([failures.excess(one) for one in drawn(100, seed=1)]) < 0.5


def test_what_is_avoided_is_drawn_by_its_risk():
    failures, rng = told(40), np.random.default_rng(0)
    values = next(one for one in drawn(50, seed=2) if fails(one))
    share = np.mean([failures.avoids(values, rng) for _ in range(2000)])
    assert share == pytest.approx(min(1.0, failures.excess(values)), abs=0.05)
