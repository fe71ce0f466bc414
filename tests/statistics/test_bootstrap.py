"""Dates are drawn in blocks, and intervals cover days and seeds as often as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import t

from phase6c.statistics.bootstrap import (
    day_weights,
    estimate,
    paired_interval,
    stationary_counts,
)
from phase6c.statistics.days import Days
from phase6c.statistics.scores import mean_score

DATES = np.datetime64("2011-06-23") + np.arange(300)
N_DAYS, N_SEEDS, N_STUDIES = 700, 3, 300
PAIRED_DAYS = Days.of(np.datetime64("2011-01-03") + np.arange(N_DAYS))


def test_days_are_drawn_in_blocks_as_often_as_there_are_days():
    counts = stationary_counts(500, 20, 200, np.random.default_rng(0))
    assert (counts.sum(axis=0) == 500).all()
    assert counts.mean(axis=1).std() < 0.15
    assert (counts == 0).mean() == pytest.approx(np.exp(-1), abs=0.03)
    neighbours_alike = (counts[1:] == counts[:-1]).mean()
    assert neighbours_alike > 0.8


def test_chunks_hold_all_draws(monkeypatch):
    options = {"horizon_days": 1, "draws": 40, "seed": 3}
    (whole,) = day_weights(Days.of(np.repeat(DATES, 3)), **options)
    assert whole.shape == (300, 40)
    monkeypatch.setattr("phase6c.statistics.bootstrap.MAX_WEIGHTS", 300 * 15)
    chunks = day_weights(Days.of(DATES), **options)
    assert [one.shape for one in chunks] == [(300, 15), (300, 15), (300, 10)]


def test_overlapping_labels_are_drawn_in_longer_blocks():
    def runs(horizon_days):
        (weights,) = day_weights(Days.of(DATES), horizon_days=horizon_days, draws=100, seed=0)
        return (weights[1:] == weights[:-1]).mean()

    assert runs(100) > runs(1)


def test_an_estimate_holds_the_middle_of_its_draws():
    found = estimate(5.0, np.r_[np.arange(101) / 10, np.nan])
    assert (found.value, found.low, found.high) == pytest.approx((5.0, 0.25, 9.75))
    assert found.excludes_zero
    assert not estimate(0.0, np.array([-1.0, 1.0])).excludes_zero
    assert estimate(5.0, np.array([np.nan])) is None
    assert estimate(np.nan, np.array([1.0])) is None


def slow_noise(rng, *shape, memory=0.7):
    """Days that resemble their neighbours, of unit variance."""
    fresh = rng.standard_normal((*shape, N_DAYS)) * (1 - memory**2) ** 0.5
    fresh[..., 0] /= (1 - memory**2) ** 0.5
    return lfilter([1.0], [1.0, -memory], fresh)


def truly_equal(rng, by_day, by_seed, by_both):
    """Differences [seed] whose expectation over seeds and days is zero, and [seed, draw]."""
    daily = by_day * slow_noise(rng) + by_both * slow_noise(rng, N_SEEDS)
    daily += by_seed * rng.standard_normal((N_SEEDS, 1))
    (weights,) = day_weights(PAIRED_DAYS, horizon_days=1, draws=120, seed=int(rng.integers(2**31)))
    return daily.mean(axis=1), np.stack([mean_score(row, PAIRED_DAYS)(weights) for row in daily])


@pytest.mark.parametrize(
    ("by_day", "by_seed", "by_both"),
    [
        pytest.param(1.0, 0.0, 0.3, id="days", marks=pytest.mark.slow),
        pytest.param(0.0, 0.2, 0.3, id="seeds", marks=pytest.mark.slow),
        pytest.param(1.0, 0.15, 0.5, id="both"),
        pytest.param(1.0, 0.03, 1.0, id="interaction", marks=pytest.mark.slow),
    ],
)
def test_a_paired_interval_covers_the_truth_about_as_often_as_it_says(by_day, by_seed, by_both):
    rng = np.random.default_rng(0)
    intervals = [
        paired_interval(*truly_equal(rng, by_day, by_seed, by_both)) for _ in range(N_STUDIES)
    ]
    covered = np.mean([not one.excludes_zero for one in intervals])
    assert 0.90 <= covered <= 0.98


def test_the_seeds_alone_cover_too_little_where_the_days_matter():
    rng = np.random.default_rng(1)
    found = [truly_equal(rng, 1.0, 0.0, 0.1)[0] for _ in range(N_STUDIES)]
    half = [t.ppf(0.975, 2) * one.std(ddof=1) / N_SEEDS**0.5 for one in found]
    assert np.mean([abs(one.mean()) <= each for one, each in zip(found, half, strict=True)]) < 0.6


def test_the_days_alone_cover_too_little_where_the_seeds_matter():
    rng = np.random.default_rng(1)
    drawn = [truly_equal(rng, 0.1, 0.2, 0.1)[1].mean(axis=0) for _ in range(N_STUDIES)]
    ends = [np.quantile(one, (0.025, 0.975)) for one in drawn]
    assert np.mean([low <= 0 <= high for low, high in ends]) < 0.6


figures = st.floats(-1, 1).map(lambda one: round(one, 6))


@given(st.lists(figures, min_size=2, max_size=5), st.integers(0, 99), figures, st.integers(1, 100))
def test_a_paired_interval_stretches_with_the_differences(differences, seed, shift, scale):
    rng = np.random.default_rng(seed)
    given_ = np.array(differences)
    drawn = given_[:, None] + rng.standard_normal(50) + rng.standard_normal((len(given_), 50))
    plain = paired_interval(given_, drawn)
    moved = paired_interval(shift + scale * given_, shift + scale * drawn)
    for name in ("low", "high"):
        assert getattr(moved, name) == pytest.approx(shift + scale * getattr(plain, name), rel=1e-6)
    swapped = paired_interval(-given_, -drawn)
    assert (swapped.low, swapped.high) == pytest.approx((-plain.high, -plain.low))


def test_without_days_that_matter_it_is_students_t_of_the_seeds():
    differences = np.array([0.01, 0.02, 0.06])
    interval = paired_interval(differences, np.tile(differences[:, None], 10))
    error = np.std(differences, ddof=1) / 3**0.5
    assert interval.date_error == 0
    assert interval.high - interval.low == pytest.approx(2 * t.ppf(0.975, 2) * error)


def test_of_equal_seeds_the_days_alone_are_left_with_the_normal_quantile():
    shared = np.random.default_rng(0).standard_normal(2000)
    interval = paired_interval(np.array([0.5, 0.5]), np.stack([shared, shared]))
    assert interval.seed_error == 0
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * shared.std(ddof=1), rel=1e-3)


def test_what_makes_no_difference_at_all_has_an_interval_of_zero():
    interval = paired_interval(np.zeros(3), np.zeros((3, 20)))
    assert (interval.low, interval.high) == (0, 0)
    assert not interval.excludes_zero


def test_draws_of_one_class_are_left_out():
    drawn = np.random.default_rng(0).standard_normal((3, 40))
    gaps = np.concatenate([drawn, np.full((3, 5), np.nan)], axis=1)
    differences = np.array([0.1, 0.2, 0.3])
    assert paired_interval(differences, gaps) == paired_interval(differences, drawn)
