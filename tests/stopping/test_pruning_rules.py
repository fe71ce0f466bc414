"""Rungs compare trials of equal age, by their best or by a forecast once that tells enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.stopping.grace import N_SETTLING
from phase6c.stopping.pruning_rules import MAX_CURVES, AdaptiveRungs, BestSoFarRungs
from phase6c.stopping.rung_plan import ladder, starting_grace

N_EPOCHS = 27
FACTOR = 3.0
START = starting_grace(N_EPOCHS, FACTOR)
EPOCHS = np.arange(1, N_EPOCHS + 1)


def saturating(start, final, pace):
    return start + (final - start) * (1 - np.exp(-EPOCHS / pace))


def noisy(curves, seed, noise=0.001):
    rng = np.random.default_rng(seed)
    return [curve + noise * rng.standard_normal(len(curve)) for curve in curves]


def fast_learners(seed, n_trials=20):
    """At their final level within a few epochs."""
    finals = 0.60 + 0.01 * np.random.default_rng(seed).standard_normal(n_trials)
    return noisy([saturating(0.52, final, 1.5) for final in finals], seed)


def told_early(seed, n_trials=20):
    """The first epoch ranks them as the last one does."""
    finals = 0.60 + 0.02 * np.random.default_rng(seed).standard_normal(n_trials)
    return noisy([saturating(0.5, final, 0.3) for final in finals], seed, 0.0005)


def told_late(seed, n_trials=20):
    """Alike for as long as the grace that a search starts with; only then do they part."""
    slopes = np.random.default_rng(seed).uniform(-0.02, 0.06, n_trials)
    later = np.maximum(EPOCHS - START, 0) / (N_EPOCHS - START)
    return noisy([0.5 + 0.02 * EPOCHS / N_EPOCHS + slope * later for slope in slopes], seed)


def crossing(seed, n_trials=20):
    """The lower they are at first, the higher they end: epoch 3 ranks them the wrong way round."""
    finals = np.random.default_rng(seed).uniform(0.5, 0.7, n_trials)
    return noisy([saturating(1.1 - final, final, 8) for final in finals], seed, 0.0005)


def train(rungs, number, curve):
    """Trains a trial until it is stopped; its last epoch."""
    for epoch in range(1, N_EPOCHS + 1):
        rungs.enter(number, curve[:epoch])
        if epoch < N_EPOCHS and rungs.judge(number):
            return epoch
    return N_EPOCHS


def train_all(rungs, curves):
    return [train(rungs, number, curve) for number, curve in enumerate(curves)]


def adaptive():
    return AdaptiveRungs(N_EPOCHS, FACTOR)


def best_so_far():
    return BestSoFarRungs(N_EPOCHS, START, FACTOR)


def best_is_slow(seed):
    """Mostly fast learners; the last trial is the best and slow."""
    curves = fast_learners(seed)
    finals = 0.62 + 0.01 * np.random.default_rng(seed).standard_normal(7)
    curves[::3] = noisy([saturating(0.5, final, 12) for final in finals], seed + 100)
    return [*curves, *noisy([saturating(0.5, 0.66, 12)], seed + 200)]


def test_slow_learners_that_will_be_best_are_kept_where_the_best_so_far_would_stop_them():
    kept = 0
    for seed in range(20):
        curves = best_is_slow(seed)
        assert np.argmax([curve.max() for curve in curves]) == len(curves) - 1
        assert train_all(best_so_far(), curves)[-1] == START
        kept += train_all(adaptive(), curves)[-1] == N_EPOCHS
    assert kept >= 18


@pytest.mark.parametrize("seed", range(4))
def test_forecasts_keep_the_best_of_ordinary_curves_and_stop_most_others(seed):
    curves = fast_learners(seed)
    ends = train_all(adaptive(), curves)
    assert max(curves[number].max() for number, end in enumerate(ends) if end == N_EPOCHS) > 0.61
    assert sum(ends) < 0.6 * N_EPOCHS * len(curves)


@pytest.mark.parametrize("seed", range(4))
def test_with_a_shorter_grace_trials_are_stopped_earlier(seed):
    assert min(train_all(adaptive(), told_early(seed))) < START
    assert min(train_all(adaptive(), told_late(seed))) == START


@pytest.mark.parametrize("seed", range(4))
def test_where_early_epochs_mislead_later_trials_get_a_longer_grace(seed):
    rungs = adaptive()
    train_all(rungs, crossing(seed))
    assert rungs.grace().epochs > START


@settings(max_examples=30, deadline=None)
@given(levels=st.lists(st.floats(0, 1), min_size=1, max_size=N_SETTLING))
def test_nobody_is_stopped_earlier_before_some_have_trained_through_the_grace(levels):
    ends = train_all(adaptive(), [np.full(N_EPOCHS, level) for level in levels])
    assert min(ends) >= START


@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_stopped_whose_best_so_far_is_above_the_cutoff_of_the_others(seed):
    rungs, cuts = adaptive(), 0
    for number, curve in enumerate(fast_learners(seed)):
        rungs.enter(number, curve[:START])
        others = [curves[:START].max() for curves in fast_learners(seed)[:number]]
        if rungs.judge(number) is not None:
            cuts += 1
            assert curve[:START].max() < np.percentile(others, 100 - 100 / FACTOR)
    assert cuts > 0


@pytest.mark.parametrize("make", [adaptive, best_so_far])
def test_the_first_to_come_to_a_rung_passes(make):
    assert train(make(), 0, np.linspace(0.9, 0.1, N_EPOCHS)) == N_EPOCHS


def test_of_equal_best_scores_all_pass():
    rungs = best_so_far()
    assert set(train_all(rungs, [np.full(N_EPOCHS, 0.6)] * 8)) == {N_EPOCHS}


def test_a_trial_that_only_teaches_enters_no_rung_but_changes_forecasts():
    one, other = adaptive(), adaptive()
    for number, curve in enumerate(fast_learners(0, 8)):
        for rungs in (one, other):
            rungs.enter(number, curve[:START])
    entries = other.entries()
    for number, curve in enumerate(fast_learners(0, 8)):
        other.learn(number, curve)
    assert other.entries() == entries == one.entries()
    assert other.forecast(3) != one.forecast(3)


@pytest.mark.parametrize("make", [adaptive, best_so_far])
def test_the_order_in_which_trials_became_known_decides_nothing(make):
    curves = dict(enumerate(fast_learners(1, 12)))
    found = []
    for order in (range(12), reversed(range(12))):
        rungs = make()
        for number in order:
            rungs.enter(number, curves[number][:START])
        cuts = tuple(rungs.judge(number) for number in range(12))
        found.append((cuts, rungs.forecast(5), rungs.entries()))
    assert found[0] == found[1]
    assert any(found[0][0])


def test_the_model_learns_from_the_latest_trials_whatever_their_order():
    numbers = range(MAX_CURVES + 50)
    found = []
    for order in (numbers, reversed(numbers)):
        rungs = best_so_far()
        for number in order:
            level = 0.5 if number < 50 else 0.6
            rungs.learn(number, np.full(START, level + 1e-3 * (number % 7)))
        found.append(rungs.forecast(49))
    assert found[0] == found[1]


@settings(max_examples=20, deadline=None)
@given(
    n_epochs=st.integers(1, 12),
    factor=st.sampled_from([1.5, 2.0, 2.5, 3.0, 4.0]),
    curves=st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 0.6, 1.0]), min_size=12, max_size=12),
        min_size=1,
        max_size=10,
    ),
)
def test_any_curves_can_be_judged(n_epochs, factor, curves):
    rungs = AdaptiveRungs(n_epochs, factor)
    for number, curve in enumerate(curves):
        for epoch in range(1, n_epochs + 1):
            rungs.enter(number, np.array(curve[:epoch]))
            cut = rungs.judge(number)
            if cut is not None:
                assert cut.score < cut.cutoff
                assert epoch in ladder(n_epochs, factor)
                break
        assert np.isfinite(rungs.forecast(number))
        assert rungs.grace().epochs in (*ladder(n_epochs, factor), n_epochs)
