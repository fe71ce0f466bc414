"""Each step's partner is chosen by the steps before it, and simple models are blended in pairs."""

import numpy as np
import pytest

from phase6c.evaluation.blends import partner_of, simple_blends
from phase6c.evaluation.choice import NO_BLENDS, choose
from phase6c.evaluation.outcomes import CandidatePredictions


@pytest.fixture
def baselines(world):
    """Of two that learn, one is good until the third step, the other from then on."""
    early, late = (world.seeds(1, noise)[0] for noise in (0.2, 0.2))
    steps = list(dict.fromkeys(world.truth.steps))
    is_late = np.isin(world.truth.steps, steps[2:])
    bad = world.seeds(1, 3.0)[0]
    return {
        "train_base_rate": world.logits,
        "gradient_boosting": np.where(is_late, bad, early),
        "ridge_logistic": np.where(is_late, late, bad),
    }


def test_the_steps_before_choose_the_partner(world, baselines):
    found = partner_of(baselines, world.truth)
    own = {
        step: next(
            name
            for name, logits in baselines.items()
            if (logits == found.logits)[world.truth.of([step])].all()
        )
        for step in dict.fromkeys(world.truth.steps)
    }
    boosting, ridge = "gradient_boosting", "ridge_logistic"
    assert list(own.values()) == [boosting] * 4 + [ridge] * 2
    assert found.name == ridge


def test_no_step_and_no_later_row_changes_a_partner_before_it(world, baselines):
    truth = world.truth
    expected = partner_of(baselines, truth).logits
    for last in ("fold_1", "fold_3", "cal"):
        seen = np.cumsum(truth.steps == last) > 0
        later = {name: np.where(seen, -logits, logits) for name, logits in baselines.items()}
        found = partner_of(later, truth).logits
        np.testing.assert_array_equal(found[~seen], expected[~seen])
        np.testing.assert_array_equal(found[truth.steps == last], -expected[truth.steps == last])


def test_every_two_that_learn_are_blended(world):
    one, other, third = world.seeds(3, 1.0)
    rate = np.zeros(len(one))
    found = simple_blends({"trees": one, "train_base_rate": rate, "ridge": other, "line": third})
    assert set(found) == {"ridge_and_trees", "line_and_ridge", "line_and_trees"}
    np.testing.assert_allclose(found["ridge_and_trees"], (one + other) / 2)


def test_a_blend_is_chosen_where_the_cal_block_says_so(world):
    ours, partner = world.seeds(2, 0.8), world.seeds(1, 0.8)[0]
    alone, blended = (
        choose([CandidatePredictions("a", ours, partner=given)], world.truth)
        for given in (None, partner)
    )
    assert not alone.blended
    assert blended.blended
    assert blended.scores[0].log_loss < alone.scores[0].log_loss
    assert blended.kind_of(blended=True) == blended.kind
    assert blended.kind_of(blended=False) == alone.kind
    assert {(one.form, one.blended) for one in blended.scores} == {
        (form, how) for form in ("ensemble", "single") for how in (False, True)
    }
    bad = CandidatePredictions("a", ours, partner=world.seeds(1, 5.0)[0])
    assert not choose([bad], world.truth).blended


def test_an_evaluation_that_began_without_blends_chooses_as_it_did(world):
    ours, partner = world.seeds(2, 0.8), world.seeds(1, 0.8)[0]
    candidate = CandidatePredictions("a", ours, partner=partner)
    found = choose([candidate], world.truth, may_blend=False)
    before = choose([CandidatePredictions("a", ours)], world.truth)
    assert not found.blended
    assert (found.form, found.kind) == (before.form, before.kind)
    assert NO_BLENDS in {one.note for one in found.scores if one.blended}
    assert found.kind_of(blended=True)


def test_a_blend_is_the_mean_of_logits(world):
    ours, partner = world.seeds(1, 0.8), world.seeds(1, 0.8)[0]
    found = choose([CandidatePredictions("a", ours, partner=partner)], world.truth, "none")
    halves = choose([CandidatePredictions("a", (ours + partner) / 2)], world.truth, "none")
    (of_blend,) = [one for one in found.scores if one.blended and one.note is None]
    (of_halves,) = [one for one in halves.scores if one.note is None]
    assert of_blend.log_loss == pytest.approx(of_halves.log_loss, abs=1e-12)
