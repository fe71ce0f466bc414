"""Trials teach by their scores at equal age, at the highest rung that enough of them came to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.config import Values
from phase6c.nn.model import count_parameters
from phase6c.records import Trial
from phase6c.tune.proposals.lessons import RungLessons
from search_spaces import tiny

from ..rig import ended

# Any trial of the search; what is taught is its raw point.
VALUES = tiny.SPACE.sample(np.random.default_rng(0), partial(count_parameters, n_features=30))
RUNGS = (1, 3, 9)
N_ENOUGH = 3


def raw(number: int) -> Values:
    return {"x": number}


def trial(number: int, *values: float | None, **fields: Any) -> Trial:
    """A trial with a value for each of its epochs."""
    one = ended(number, VALUES, 0.0, **{"state": "PRUNED"} | fields)
    first = ended(number, VALUES, 0.0).measurements[0]
    measurements = tuple(
        first.model_copy(update={"epoch": epoch, "value": value})
        for epoch, value in enumerate(values, start=1)
    )
    return one.model_copy(update={"measurements": measurements})


def lessons(trials: Iterable[Trial], objective: Any = "auc") -> tuple[Any, Any]:
    """Numbers with their scores, and the numbers of those that run."""
    kept = RungLessons(RUNGS, objective, N_ENOUGH)
    for one in trials:
        kept.observe(one, raw(one.number))
    told, running, _ = kept.current()
    return {point["x"]: score for point, score in told}, [point["x"] for point in running]


def test_the_highest_rung_with_enough_trials_is_taught_at_the_age_that_they_came_with() -> None:
    stopped = [trial(number, 0.5 + number / 100) for number in range(4)]
    longer = [trial(number, 0.5, 0.6 + number / 100, 0.55, 0.9) for number in (4, 5)]
    assert lessons([*stopped, *longer])[0] == {0: 0.5, 1: 0.51, 2: 0.52, 3: 0.53, 4: 0.5, 5: 0.5}
    third = trial(6, 0.4, 0.5, 0.65, state="RUNNING")
    assert lessons([*stopped, *longer, third])[0] == {4: 0.64, 5: 0.65, 6: 0.65}


def test_of_losses_the_smallest_so_far_counts() -> None:
    trials = [trial(number, 0.7, 0.6, 0.65) for number in range(3)]
    assert lessons(trials, "log_loss")[0] == {0: -0.6, 1: -0.6, 2: -0.6}


def test_a_trial_counts_no_further_than_it_came_even_if_it_is_complete() -> None:
    trials = [trial(number, 0.5, 0.4, 0.4, 0.4, state="COMPLETE") for number in range(3)]
    assert lessons([*trials, trial(3, *[0.6] * 9, state="COMPLETE")])[0] == {
        0: 0.5,
        1: 0.5,
        2: 0.5,
        3: 0.6,
    }


@pytest.mark.parametrize("kind", ["diverged", "oom"])
def test_what_fails_is_as_bad_as_the_worst_at_every_rung(kind: str) -> None:
    trials = [trial(number, 0.5, 0.6, 0.6 + number / 100) for number in range(3)]
    failed = ended(3, VALUES, None, kind=kind)
    assert lessons([failed, *trials])[0] == {0: 0.6, 1: 0.61, 2: 0.62, 3: 0.6}
    assert lessons([failed]) == ({}, [])


@pytest.mark.parametrize("kind", ["worker_lost", "bug"])
def test_a_lost_worker_or_a_bug_teaches_nothing(kind: str) -> None:
    assert lessons([ended(3, VALUES, None, kind=kind)]) == ({}, [])


def test_a_trial_runs_until_it_comes_to_the_rung_that_is_taught() -> None:
    told = [trial(number, 0.5, 0.5, 0.5) for number in range(3)]
    begun, young, come = (
        trial(3 + place, *values, state="RUNNING")
        for place, values in enumerate([(), (0.5, 0.6), (0.5, 0.6, 0.7)])
    )
    assert lessons([*told, begun, young, come]) == ({0: 0.5, 1: 0.5, 2: 0.5, 5: 0.7}, [3, 4])


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=12), seed=st.integers(0, 10**6))
def test_epoch_by_epoch_in_any_order_teaches_as_all_at_once(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = [
        trial(number, *rng.random(length), state=rng.choice(["RUNNING", "PRUNED", "COMPLETE"]))
        for number, length in enumerate(lengths)
    ]
    step_by_step = [
        (order, one.model_copy(update=update))
        for one in whole
        for order, update in zip(
            np.sort(rng.random(one.epochs + 1)),
            [
                {"measurements": one.measurements[:epoch], "state": "RUNNING"}
                for epoch in range(one.epochs)
            ]
            + [{}],
            strict=True,
        )
    ]
    in_order = [one for _, one in sorted(step_by_step, key=lambda step: step[0])]
    assert lessons(in_order) == lessons(whole)
