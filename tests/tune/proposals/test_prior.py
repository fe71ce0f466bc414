"""A prior is trusted as far as this search's own results agree with it, and no further."""

from functools import partial

import numpy as np
import pytest

from phase6c.nn.model import count_parameters
from phase6c.study.study_config import PriorPoint, WarmStart
from phase6c.tune.proposals.prior import Prior
from phase6c.tune.proposals.proposals import Proposals
from phase6c.tune.proposals.ridge import columns
from phase6c.tune.proposals.samplers import make_sampler
from search_spaces import tiny

count = partial(count_parameters, n_features=30)
RANGED = tiny.SPACE.as_ranges()
SEEDS = range(3)


def drawn(n, seed=0, space=tiny.SPACE):
    stream = space.stream(np.random.default_rng(seed), count)
    return [next(stream) for _ in range(n)]


def score(values):
    """Best with a large rate, a dropout in the middle, and the last token."""
    rate, dropout = (
        columns(RANGED.axes[name], values[name]) for name in ("learning_rate", "dropout")
    )
    return rate[0] - dropout[1] + 0.5 * (values["pooling"] == "last")


def points(sign=1, n=50, scale=1.0):
    return [PriorPoint(values=one, score=scale * sign * score(one)) for one in drawn(n)]


def told(prior, n, sign=1):
    for values in drawn(n, seed=1):
        prior.learn(values, sign * score(values))
    return prior


@pytest.mark.parametrize("space", [tiny.SPACE, RANGED])
def test_a_prior_ranks_what_it_has_not_seen(space):
    prior = Prior(space.axes, points())
    others = drawn(100, seed=2, space=space)
    expected = [prior.rank(one) for one in others]
    assert np.corrcoef(expected, [score(one) for one in others])[0, 1] > 0.8


def test_only_the_order_of_the_earlier_scores_matters():
    one, other = Prior(tiny.SPACE.axes, points()), Prior(tiny.SPACE.axes, points(scale=1e6))
    values = drawn(1, seed=3)[0]
    assert one.rank(values) == other.rank(values)


def test_axes_on_which_the_points_do_not_differ_say_nothing():
    same = [one.model_copy(update={"values": {**one.values, "n_layers": 2}}) for one in points()]
    prior = Prior(tiny.SPACE.axes, same)
    values = drawn(1)[0]
    assert prior.rank(values | {"n_layers": 1}) == prior.rank(values | {"n_layers": 4})


def test_without_results_nothing_is_trusted():
    prior = told(Prior(tiny.SPACE.axes, points()), 4)
    assert prior.trust == 0
    assert prior.n_candidates(0.999) == 1


def test_trust_grows_with_results_that_agree():
    few, many = (told(Prior(tiny.SPACE.axes, points()), n).trust for n in (6, 30))
    assert 0 < few < many < 1
    assert many > 0.7


def test_a_prior_that_misleads_is_turned_round():
    prior = told(Prior(tiny.SPACE.axes, points()), 30, sign=-1)
    assert prior.trust < -0.7
    worst, best = sorted(drawn(50, seed=4), key=score)[::49]
    assert prior.expected(worst) > prior.expected(best)


def test_results_that_have_nothing_to_do_with_the_prior_make_little_of_it():
    trusts = []
    for seed in range(20):
        prior, rng = Prior(tiny.SPACE.axes, points()), np.random.default_rng(seed)
        for values in drawn(30, seed=seed):
            prior.learn(values, rng.random())
        trusts.append(abs(prior.trust))
    assert np.mean(trusts) < 0.1


def test_a_prior_or_results_without_an_order_are_not_trusted():
    level = [one.model_copy(update={"score": 0.5}) for one in points()]
    assert told(Prior(tiny.SPACE.axes, level), 20).trust == 0
    assert told(Prior(tiny.SPACE.axes, points()), 20, sign=0).trust == 0


def searched(ended_of, searcher, warm_start, n=14, seed=5):
    """The scores of a search; `ended_of` makes a trial of number, values and value."""
    sampler = make_sampler(searcher, tiny.SPACE, (1,), "auc")
    proposals = Proposals(tiny.SPACE, count, sampler, "auc", seed, (), warm_start)
    found = []
    for number in range(n):
        values = proposals.next_start() or proposals.next(number)
        proposals.learn(ended_of(number, score(values), source="sampled", **values))
        found.append((values, score(values)))
    return found


def warm(known):
    """A warm start of these points alone: the draws are the same whatever they tell."""
    return WarmStart(source="made up", source_digest="0", starts=(), points=tuple(known))


def test_a_fitting_prior_helps_and_a_misleading_one_does_no_harm(params_trial):
    def mean_score(known):
        searches = (searched(params_trial, "optuna", warm(known), seed=seed) for seed in SEEDS)
        return np.mean([one for found in searches for _, one in found])

    cold, fitting, misleading = map(mean_score, (points(scale=0), points(1), points(-1)))
    assert min(fitting, misleading) > cold


def test_a_search_with_a_prior_is_repeated_by_its_seed(params_trial):
    once, again = (searched(params_trial, "optuna", warm(points(1))) for _ in range(2))
    assert once == again


@pytest.mark.slow
def test_a_prior_chooses_among_what_hyperopt_suggests(params_trial):
    known = points(scale=0), points(1)
    cold, fitting = (searched(params_trial, "hyperopt", warm(one), 12) for one in known)
    assert cold[:5] == fitting[:5]
    assert cold != fitting


def test_a_prior_changes_no_uniform_draws(params_trial):
    cold = searched(params_trial, "random", warm(points(scale=0)))
    assert searched(params_trial, "random", warm(points(1))) == cold


def test_a_warm_started_search_draws_for_itself(params_trial):
    assert searched(params_trial, "random", None) != searched(
        params_trial, "random", warm(points(scale=0))
    )


@pytest.fixture
def params_trial(trial_of):
    def build(number, value, source, **values):
        return trial_of(number, value, source=source).model_copy(update={"params": values})

    return build
