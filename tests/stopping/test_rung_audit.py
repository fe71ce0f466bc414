"""Audited trials tell how many of those that the rungs stop would have been good, how surely."""

import pytest

from phase6c.statistics.shares import share_interval
from phase6c.stopping.rung_audit import audit_rungs


@pytest.fixture
def below(trial_of):
    """A trial that a rung stopped, or would have stopped."""

    def build(number, *values, **fields):
        stopped = {"epoch": 1, "value": values[0], "cutoff": 0.9}
        return trial_of(number, *values, **{"stopped": stopped, "state": "PRUNED"} | fields)

    return build


@pytest.fixture
def passed(trial_of):
    """Trials that the rungs let through, with these best values."""
    return lambda *values: [trial_of(100 + n, value) for n, value in enumerate(values)]


FINISHED = {"audited": True, "state": "COMPLETE"}


def test_the_good_are_as_good_as_the_best_third_of_those_let_through(below, passed, study_config):
    trials = [
        *passed(0.60, 0.62, 0.64, 0.70),
        below(0, 0.55),
        below(1, 0.55, 0.63, **FINISHED),
        below(2, 0.55, 0.64, 0.5, **FINISHED),
        below(3, 0.55, 0.75, **FINISHED),
    ]
    found = audit_rungs(trials, study_config(reduction_factor=3.0))
    assert (found.n_stopped, found.n_audited, found.n_good) == (4, 3, 2)
    assert found.good_share == share_interval(2, 3)


def test_those_audited_by_a_small_chance_stand_for_more_of_the_stopped(below, passed, study_config):
    def found(*chances):
        stops = [{"epoch": 1, "value": 0.5, "cutoff": 0.9, "audit_chance": one} for one in chances]
        audited = [
            below(number, 0.5, value, **FINISHED | {"stopped": stop})
            for number, (value, stop) in enumerate(zip((0.9, 0.5, 0.5), stops, strict=True))
        ]
        return audit_rungs([*passed(0.6, 0.7), *audited], study_config())

    assert found(0.2, 0.2, 0.2).good_share == share_interval(1, 3)
    # The good one stands for 50 stopped trials, the others for 25 each: as 8/3 trials would.
    assert found(0.02, 0.04, 0.04).good_share == pytest.approx(share_interval(4 / 3, 8 / 3))
    assert found(0.02, 0.04, 0.04).n_good == 1


def test_of_losses_the_lower_are_the_good(trial_of, below, passed, study_config):
    trials = [
        *passed(0.60, 0.62, 0.64),
        below(0, 0.70, 0.59, **FINISHED),
        below(1, 0.70, 0.65, **FINISHED),
    ]
    found = audit_rungs(trials, study_config(objective="log_loss"))
    assert (found.n_audited, found.n_good) == (2, 1)


def test_an_audited_trial_that_diverged_is_not_a_good_one(below, passed, study_config):
    error = {"kind": "diverged", "message": "NaN"}
    trials = [*passed(0.6), below(0, 0.55, 0.9, None, audited=True, state="FAILED", error=error)]
    found = audit_rungs(trials, study_config())
    assert (found.n_stopped, found.n_audited, found.n_good) == (1, 1, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "RUNNING", "audited": True},
        {"state": "FAILED", "audited": True, "error": {"kind": "worker_lost", "message": "lost"}},
        {"state": "PRUNED"},
    ],
)
def test_what_was_not_finished_tells_nothing(below, passed, study_config, fields):
    assert audit_rungs([*passed(0.6), below(0, 0.5, 0.9, **fields)], study_config()) is None


def test_there_is_no_audit_before_there_is_something_to_compare(below, trial_of, study_config):
    audited = below(0, 0.5, 0.6, **FINISHED)
    reference = trial_of(1, 0.6, source="reference", in_budget=False)
    running = trial_of(2, 0.6, state="RUNNING")
    assert audit_rungs([audited, reference, running], study_config()) is None
    assert audit_rungs([], study_config()) is None


def test_probes_and_references_say_nothing_of_the_rungs(below, passed, trial_of, study_config):
    trials = [*passed(0.60, 0.62), below(0, 0.55, 0.63, **FINISHED)]
    others = [
        trial_of(200, 0.99, source="probe", contrast_of=100),
        trial_of(201, 0.99, source="reference"),
    ]
    config = study_config(reduction_factor=3.0)
    assert audit_rungs([*trials, *others], config) == audit_rungs(trials, config)
