"""The corrected value is what the chosen candidate would score on rows that did not choose it."""

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from phase6c.calibration import sigmoid
from phase6c.metrics import measure
from phase6c.selection import Candidate, corrected_value, stationary_counts

DATES = np.datetime64("2011-06-23") + np.arange(700)


def noise(n_candidates, seed, n=700):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(float)
    return y, [Candidate(i, 1, rng.standard_normal(n)) for i in range(n_candidates)]


def test_the_best_of_pure_noise_is_corrected_to_one_half():
    best, corrected = [], []
    for seed in range(12):
        y, candidates = noise(50, seed)
        best.append(max(roc_auc_score(y, one.logits) for one in candidates))
        corrected.append(corrected_value(candidates, DATES, y, "auc", draws=200, seed=seed))
    assert np.mean(best) > 0.54
    assert np.mean(corrected) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("objective", ["auc", "log_loss", "refinement"])
def test_with_nothing_to_choose_from_nothing_is_corrected(objective):
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.5, 1, 700)
    y = (rng.random(700) < sigmoid(logits)).astype(float)
    equal = [Candidate(0, epoch, logits) for epoch in range(5)]
    raw = getattr(measure(logits, y, y == 0, 0.2), objective)
    assert corrected_value(equal, DATES, y, objective, draws=500) == pytest.approx(raw, abs=0.01)


@pytest.mark.parametrize("objective", ["auc", "log_loss", "refinement"])
def test_a_clearly_better_candidate_keeps_its_value(objective):
    y, candidates = noise(30, 3)
    good = Candidate(99, 4, 3 * y - 2 + np.random.default_rng(1).standard_normal(700))
    raw = getattr(measure(good.logits, y, y == 0, 0.2), objective)
    corrected = corrected_value([*candidates, good], DATES, y, objective, draws=300)
    assert corrected == pytest.approx(raw, abs=0.01)


def test_ties_count_one_half():
    y, _ = noise(1, 0)
    coarse = np.round(np.random.default_rng(2).standard_normal(700) + y)
    corrected = corrected_value([Candidate(0, 1, coarse)], DATES, y, "auc", draws=500)
    assert corrected == pytest.approx(roc_auc_score(y, coarse), abs=0.01)
    flat = corrected_value([Candidate(0, 1, np.zeros(700))], DATES, y, "auc", draws=20)
    assert flat == 0.5


def test_all_tickers_of_a_date_are_drawn_together():
    y, candidates = noise(10, 5)
    twice = [Candidate(c.trial, c.epoch, np.repeat(c.logits, 2)) for c in candidates]
    once = corrected_value(candidates, DATES, y, "auc", draws=100, seed=1)
    doubled = corrected_value(twice, np.repeat(DATES, 2), np.repeat(y, 2), "auc", draws=100, seed=1)
    assert doubled == pytest.approx(once)


def test_the_seed_decides():
    y, candidates = noise(20, 7)
    values = [corrected_value(candidates, DATES, y, "auc", draws=50, seed=s) for s in (1, 1, 2)]
    assert values[0] == values[1] != values[2]


def test_where_nothing_can_be_scored_there_is_no_value():
    y, candidates = noise(3, 0)
    assert corrected_value([], DATES, y, "auc") is None
    assert corrected_value(candidates, DATES, np.zeros(700), "auc", draws=10) is None
    assert corrected_value(candidates, DATES, np.zeros(700), "refinement", draws=10) is None


def test_days_are_drawn_in_blocks_as_often_as_there_are_days():
    counts = stationary_counts(500, 20, 200, np.random.default_rng(0))
    assert (counts.sum(axis=0) == 500).all()
    assert counts.mean(axis=1).std() < 0.15
    assert (counts == 0).mean() == pytest.approx(np.exp(-1), abs=0.03)
    neighbours_alike = (counts[1:] == counts[:-1]).mean()
    assert neighbours_alike > 0.8


def test_a_whole_search_is_corrected_within_seconds():
    y, candidates = noise(400, 0)
    started = time.process_time()
    corrected_value(candidates, DATES, y, "auc", draws=1000)
    assert time.process_time() - started < 20
