"""The corrected value is what the chosen candidate would score on rows that did not choose it."""

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from phase6c.statistics import selection
from phase6c.statistics.days import Days
from phase6c.statistics.logits import sigmoid
from phase6c.statistics.metrics import measure
from phase6c.statistics.selection import Candidate, ScoredRows

from ..support.pace import cost

DATES = np.datetime64("2011-06-23") + np.arange(700)


def noise(n_candidates, seed, n=700):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(float)
    return y, [Candidate(i, 1, rng.standard_normal(n)) for i in range(n_candidates)]


def correct(candidates, dates, y, objective, **options):
    return selection.correct(candidates, ScoredRows(Days.of(dates), y), objective, **options)


def corrected_value(*args, **options):
    corrected = correct(*args, **options)
    return None if corrected is None else corrected.value.value


@pytest.mark.slow
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


def test_the_interval_holds_the_value_and_shrinks_with_more_days():
    widths = []
    for n in (500, 4000):
        y, candidates = noise(5, 1, n)
        days = np.datetime64("2001-01-01") + np.arange(n)
        found = correct(candidates, days, y, "auc", draws=200).value
        assert found.low < found.value < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("objective", ["auc", "log_loss", "refinement"])
def test_a_rival_is_compared_on_the_rows_that_did_not_choose(objective):
    y, candidates = noise(30, 4)
    rng = np.random.default_rng(9)
    rivals = {"sees": 2 * y - 2 + rng.standard_normal(700), "guesses": np.full(700, -1.4)}
    rivals["guesses"] = rivals["guesses"] + 0.01 * rng.standard_normal(700)
    found = correct(candidates, DATES, y, objective, rivals=rivals, draws=300)
    assert found.gains["sees"].high < 0
    assert found.gains["guesses"].low < 0.02
    best_raw = max(roc_auc_score(y, one.logits) for one in candidates)
    assert objective != "auc" or found.gains["guesses"].value < best_raw - 0.5


def test_shares_say_how_often_each_trial_was_the_best():
    y, candidates = noise(10, 2)
    good = [Candidate(99, epoch, 3.0 * y - 2) for epoch in (1, 2)]
    shares = correct([*candidates, *good], DATES, y, "auc", draws=50).shares
    assert shares == {99: 1.0}
    shares = correct(candidates, DATES, y, "auc", draws=50).shares
    assert sum(shares.values()) == pytest.approx(1)
    assert len(shares) > 1


@pytest.mark.slow
def test_a_whole_search_is_corrected_within_seconds():
    y, candidates = noise(400, 0)
    # Ten seconds are about 1,500.
    correct = partial(corrected_value, candidates, DATES, y, "auc", draws=1000)
    assert cost(correct, rounds=1) < 3_000


class Panel:
    """Rows of days on which a shock lifts all tickers; only `signal` tells them apart."""

    def __init__(self, seed=0, n_days=150, n_tickers=20):
        rng = np.random.default_rng(seed)
        self.shape = (n_days, n_tickers)
        self.signal = rng.standard_normal(self.shape)
        self.shock = rng.standard_normal((n_days, 1))
        outcomes = self.shock + 0.5 * self.signal + rng.standard_normal(self.shape)
        days = Days.of(np.repeat(np.arange(n_days), n_tickers))
        self.rows = ScoredRows(days, (outcomes > 1).astype(int).ravel(), outcomes.ravel())
        self.rng = rng

    def candidates(self, n):
        """Guesses that know the shock of the day, which ranks nothing within it."""
        noise = self.rng.standard_normal((n, *self.shape))
        return [Candidate(i, 1, (5 * self.shock + one).ravel()) for i, one in enumerate(noise)]


@pytest.mark.parametrize(("objective", "nothing"), [("auc_within_day", 0.5), ("rank_ic", 0.0)])
def test_within_the_day_the_best_of_noise_is_corrected_to_nothing(objective, nothing):
    panel = Panel()
    found = selection.correct(panel.candidates(30), panel.rows, objective, draws=200)
    assert found.value.value == pytest.approx(nothing, abs=0.02)
    assert found.value.low < nothing < found.value.high


@pytest.mark.parametrize("objective", ["auc_within_day", "rank_ic"])
def test_within_the_day_a_planted_signal_wins_and_keeps_its_value(objective):
    panel = Panel()
    signal = panel.signal.ravel()
    candidates = [*panel.candidates(10), Candidate(99, 1, signal)]
    rivals = {"shock": panel.candidates(1)[0].logits}
    found = selection.correct(candidates, panel.rows, objective, rivals=rivals, draws=200)
    raw = panel.rows.score(signal, objective)(np.ones((150, 1)))[0]
    assert found.shares[99] == 1.0
    assert found.value.value == pytest.approx(raw, abs=0.01)
    assert found.gains["shock"].low > 0.05


def test_a_rank_correlation_takes_outcomes():
    panel = Panel(n_days=10)
    rows = ScoredRows(panel.rows.days, panel.rows.y)
    assert selection.correct(panel.candidates(2), rows, "rank_ic", draws=10) is None


PART = np.arange(700) // 5 % 3 == 1


def test_epochs_chosen_on_a_part_show_no_luck_on_the_untouched_days():
    """Epochs of noise are chosen on a third of the days and trials on all: both by luck."""
    best, corrected = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        y = (rng.random(700) < 0.3).astype(float)
        trials = []
        for number in range(10):
            epochs = rng.standard_normal((10, 700))
            chosen = np.argmax([roc_auc_score(y[PART], own[PART]) for own in epochs])
            trials.append(Candidate(number, int(chosen), epochs[chosen]))
        best.append(max(roc_auc_score(y, one.logits) for one in trials))
        options = {"draws": 100, "seed": seed, "untouched": ~PART}
        corrected.append(corrected_value(trials, DATES, y, "auc", **options))
    assert np.mean(best) > 0.54
    assert np.mean(corrected) == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("objective", ["auc", "log_loss", "refinement"])
def test_harder_days_are_made_up_for_by_what_they_cost_a_rival(objective):
    rng = np.random.default_rng(4)
    y = (rng.random(700) < 0.3).astype(float)
    # Signals are twice as strong on the part that epochs were chosen on.
    signal = (2 * y - 1) * np.where(PART, 2.0, 1.0)
    own, rival = (signal + rng.standard_normal(700) for _ in range(2))
    raw = getattr(measure(own, y, y == 0, 0.3), objective)
    one = [Candidate(0, 3, own)]
    options = {"draws": 200, "untouched": ~PART}
    alone = corrected_value(one, DATES, y, objective, **options)
    beside = correct(one, DATES, y, objective, rivals={"rival": rival, "itself": own}, **options)
    assert abs(beside.value.value - raw) < abs(alone - raw) / 2
    assert beside.gains["itself"].value == pytest.approx(0, abs=1e-12)
