"""Who cannot win any more gets no more seeds, and nobody else is dropped."""

import numpy as np
import pytest

from phase6c.evaluation.outcomes import CandidatePredictions, Draws
from phase6c.evaluation.race import cannot_win

DRAWS = Draws(horizon_days=1, n=300)


def test_one_far_behind_drops_out_and_one_close_behind_stays(world):
    best = world.seeds(2, 0.3)
    field = [
        CandidatePredictions("best", best),
        CandidatePredictions("close", best + 0.02),
        CandidatePredictions("far", world.seeds(2, 2.0)),
    ]
    dropped = cannot_win(field, world.truth, DRAWS)
    assert list(dropped) == ["far"]
    assert 0 < dropped["far"].low < dropped["far"].high


@pytest.mark.slow
def test_equal_configurations_hardly_ever_drop_out(make_world):
    n_dropped = 0
    for seed in range(30):
        world = make_world(seed)
        field = [CandidatePredictions(name, world.seeds(3, 0.5)) for name in ("one", "other")]
        n_dropped += len(cannot_win(field, world.truth, DRAWS))
    assert n_dropped <= 4


def test_one_seed_says_nothing_of_the_spread_between_them(world):
    field = [
        CandidatePredictions("best", world.seeds(1, 0.3)),
        CandidatePredictions("far", world.seeds(1, 2.0)),
    ]
    assert cannot_win(field, world.truth, DRAWS) == {}


def test_seeds_that_differ_widely_keep_a_configuration_in(world):
    lucky, unlucky = world.seeds(1, 0.2), world.seeds(1, 1.5)
    field = [
        CandidatePredictions("steady", world.seeds(2, 0.4)),
        CandidatePredictions("wild", np.concatenate([lucky, unlucky])),
    ]
    assert cannot_win(field, world.truth, DRAWS) == {}


def test_a_reference_leads_nobody_out_however_good_it_is(world):
    field = [
        CandidatePredictions("reference", world.seeds(2, 0.0), may_win=False),
        CandidatePredictions("searched", world.seeds(2, 2.0)),
    ]
    assert "searched" not in cannot_win(field, world.truth, DRAWS)
