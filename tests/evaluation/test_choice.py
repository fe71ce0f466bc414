"""The cal block chooses a model and a calibrator that the walk forward has fitted."""

from dataclasses import replace

import numpy as np
import pytest

from phase6c.errors import StudyFailedError
from phase6c.evaluation.choice import _fault, choose
from phase6c.evaluation.entries import Entry
from phase6c.evaluation.outcomes import CandidatePredictions
from phase6c.statistics.calibrators import ABOUT, KINDS, Calibrator
from phase6c.statistics.logits import log_losses


def test_the_best_on_cal_is_chosen_with_what_repairs_it(world):
    shifted = CandidatePredictions("good", world.seeds(3, 0.3, shift=1.5))
    choice = choose([shifted, CandidatePredictions("bad", world.seeds(3, 1.5))], world.truth)
    assert (choice.candidate, choice.form) == ("good", "ensemble")
    assert choice.kind in ("intercept", "platt")
    assert [one.log_loss for one in choice.scores] == sorted(one.log_loss for one in choice.scores)


def test_every_calibrator_is_fitted_on_the_walk_forward_alone(world):
    logits = world.seeds(1, 0.5, shift=1.0)
    choice = choose([CandidatePredictions("one", logits)], world.truth)
    cal = world.truth.of(["cal"])
    for kind in KINDS:
        fitted = Calibrator.fit(kind, logits[0][~cal], world.truth.y[~cal])
        expected = log_losses(fitted.apply(logits[0][cal]), world.truth.y[cal]).mean()
        (score,) = [one for one in choice.scores if one.kind == kind]
        assert score.log_loss == pytest.approx(expected)


def test_an_ensemble_is_at_least_as_good_as_its_members(world):
    choice = choose([CandidatePredictions("one", world.seeds(4, 1.0))], world.truth, "none")
    by_form = {one.form: one.log_loss for one in choice.scores if one.kind == "none"}
    assert by_form["ensemble"] < by_form["single"]


def test_few_rises_leave_step_wise_maps_and_slopes_alone(world, make_world):
    choice = choose([CandidatePredictions("one", world.seeds(1, 0.5))], world.truth)
    (isotonic,) = [one for one in choice.scores if one.kind == "isotonic"]
    assert "fewer than 1,000" in isotonic.note
    rare = make_world(1, base=-4.8)
    assert 20 < rare.truth.y[:-350].sum() < 100
    choice = choose([CandidatePredictions("one", rare.seeds(1, 0.5, scale=3.0))], rare.truth)
    assert choice.kind in ("none", "intercept")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_may_be_chosen_from_its_least_number_of_rises_on(kind):
    least = ABOUT[kind].least_rises
    assert _fault(kind, "auto", least, walk=0.5, raw=0.6) is None
    if least:
        assert f"fewer than {least:,}" in _fault(kind, "auto", least - 1, walk=0.5, raw=0.6)


def test_enough_rises_allow_them(make_world):
    world = make_world(2, n_rows=2000)
    wavy = world.logits + 1.5 * np.sin(3 * world.logits)
    choice = choose([CandidatePredictions("wavy", wavy[None])], world.truth)
    assert choice.kind == "isotonic"


def test_what_cost_the_walk_forward_is_not_chosen_for_one_good_block(world):
    steps = world.truth.steps
    too_high = (steps == "fold_1") | (steps == "cal")
    logits = world.logits + 1.5 * too_high
    choice = choose([CandidatePredictions("one", logits[None])], world.truth)
    scores = {one.kind: one for one in choice.scores}
    assert scores["intercept"].log_loss < scores["none"].log_loss
    assert scores["intercept"].walk_log_loss > scores["none"].walk_log_loss
    assert scores["intercept"].note.startswith("in the walk forward it cost 0.")
    assert choice.kind == "none"


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_was_asked_for_is_taken(kind, world):
    choice = choose(
        [CandidatePredictions("one", world.seeds(2, 0.5, shift=2.0))], world.truth, kind
    )
    assert choice.kind == kind
    assert {one.kind for one in choice.scores} == set(KINDS)


def test_a_reference_is_compared_and_never_chosen(world):
    field = [
        CandidatePredictions("reference", world.seeds(2, 0.0), may_win=False),
        CandidatePredictions("searched", world.seeds(2, 1.0)),
    ]
    choice = choose(field, world.truth)
    assert choice.candidate == "searched"
    assert choice.scores[0].candidate == "reference"
    with pytest.raises(StudyFailedError):
        choose(field[:1], world.truth)


def test_the_final_calibrator_knows_cal_too(world):
    logits = world.seeds(1, 0.5, shift=1.0)[0]
    cal = world.truth.of(["cal"])
    flipped = replace(world.truth, y=np.where(cal, 1 - world.truth.y, world.truth.y))
    final = Entry("one", logits, world.truth, "platt").calibrator
    assert final == Calibrator.fit("platt", logits, world.truth.y)
    assert Entry("one", logits, flipped, "platt").calibrator != final
