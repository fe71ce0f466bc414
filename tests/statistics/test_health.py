"""Each way in which probabilities go wrong is named, with its evidence."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phase6c.statistics.health import diagnose
from phase6c.statistics.logits import sigmoid

from ..support.causes import CAUSES, VERDICTS, cells, drawn, healthy, ideal_power, logit

N = 2000
RATE = st.floats(0.02, 0.98)
SEED = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.7, 0.9, N)
    return logits, (rng.random(N) < sigmoid(logits)).astype(float)


def test_calibrated_probabilities_are_healthy(sound):
    assert diagnose(*sound, 0.2).verdict == "healthy"


@pytest.mark.parametrize(
    ("ill", "verdict", "evidence"),
    [
        (sigmoid, "double_sigmoid", "inside [0.5, 0.7311]"),
        (lambda z: 0 * z - 1.5, "constant", "0.1824"),
        (lambda z: 40 * z, "saturated", "beyond +-10"),
        (lambda z: -1.5 + 0.01 * z, "undertrained", "spread by 0.0"),
        (lambda z: -1.5 + 0.1 * z, "undertrained", "times as much"),
        (lambda z: z + 1.5, "prior_shift", "training was 0.200"),
        (lambda z: z + 1.5, "prior_shift", "Adding -1.5"),
        (lambda z: 3 * (z + 1.3) - 1.3, "miscalibrated", "would save"),
        (lambda z: (z + 1.3) / 3 - 1.3, "miscalibrated", "would save"),
    ],
)
def test_every_illness_has_its_name(sound, ill, verdict, evidence):
    logits, y = sound
    health = diagnose(ill(logits), y, 0.2)
    assert health.verdict == verdict
    assert evidence in " ".join(health.evidence)


def test_one_class_is_said_before_all_else(sound):
    assert diagnose(sound[0], np.zeros(N), 0.2).verdict == "one_class"


def test_probabilities_above_one_half_are_fine_where_rises_are_common():
    rng = np.random.default_rng(1)
    logits = rng.uniform(0.05, 0.95, N)
    y = (rng.random(N) < sigmoid(logits)).astype(float)
    assert diagnose(logits, y, 0.6).verdict == "healthy"


def test_extreme_probabilities_that_come_true_are_healthy():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 12, N)
    y = (rng.random(N) < sigmoid(logits)).astype(float)
    assert (np.abs(logits) > 10).mean() > 0.3
    assert diagnose(logits, y, 0.5).verdict == "healthy"


def test_logits_that_vary_out_of_sight_are_saturated_not_constant(sound):
    logits, y = sound
    assert np.ptp(sigmoid(40 * logits - 200)) < 1e-6
    assert diagnose(40 * logits - 200, y, 0.2).verdict == "saturated"


def test_an_unknown_base_rate_in_training_is_not_told(sound):
    logits, y = sound
    health = diagnose(logits + 1.5, y)
    assert health.verdict == "prior_shift"
    assert "in training" not in " ".join(health.evidence)


def test_a_fault_that_few_rows_do_not_show_is_not_claimed(sound):
    logits, y = sound
    shifted, rises = logits[:40] + 0.5, y[:40]
    assert 0 < rises.sum() < 40
    assert diagnose(shifted, rises).verdict == "healthy"
    assert diagnose(logits + 0.5, y).verdict == "prior_shift"


def test_a_significant_trifle_is_not_claimed():
    rng = np.random.default_rng(3)
    y = (rng.random(200_000) < 0.2).astype(float)
    logits = healthy(y, 0.2, 0.75, rng)
    assert diagnose(1.1 * (logits - logit(0.2)) + logit(0.2) + 0.1, y).verdict == "healthy"


@given(
    train=RATE,
    here=RATE,
    spread=st.floats(-6, 0).map(lambda power: 10**power),
    n=st.sampled_from([60, 500, N]),
    is_known=st.booleans(),
    seed=SEED,
)
@example(train=0.517, here=0.458, spread=0.01, n=N, is_known=True, seed=0)
@example(train=0.517, here=0.458, spread=0.01, n=N, is_known=False, seed=0)
@example(train=0.574, here=0.3, spread=1e-3, n=N, is_known=True, seed=0)
@example(train=0.659, here=0.659, spread=1e-3, n=N, is_known=False, seed=0)
def test_noise_around_the_base_rate_of_training_is_no_double_sigmoid(
    train, here, spread, n, is_known, seed
):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < here).astype(float)
    y[:2] = 0, 1
    logits = logit(train) + spread * rng.standard_normal(n)
    assert diagnose(logits, y, train if is_known else None).verdict != "double_sigmoid"


@given(train=RATE, here=RATE, auc=st.floats(0.5, 0.8), factor=st.floats(0.003, 0.05), seed=SEED)
@example(train=0.517, here=0.458, auc=0.65, factor=0.03, seed=0)
def test_a_ranking_that_hardly_moves_the_probabilities_is_no_double_sigmoid(
    train, here, auc, factor, seed
):
    """After its first steps a model ranks, but does not leave the base rate of training."""
    rng = np.random.default_rng(seed)
    y = (rng.random(N) < here).astype(float)
    logits = logit(train) + factor * (healthy(y, here, auc, rng) - logit(here))
    assert diagnose(logits, y, train).verdict != "double_sigmoid"


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.5, 0.6, 0.65, 0.7, 0.9, 0.98])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_second_sigmoid_of_a_model_with_skill_is_found_at_any_base_rate(rate, is_known):
    rng = np.random.default_rng(5)
    y = (rng.random(5000) < rate).astype(float)
    logits = sigmoid(healthy(y, rate, 0.75, rng))
    assert diagnose(logits, y, rate if is_known else None).verdict == "double_sigmoid"


@pytest.mark.parametrize("spread", [0, 1e-8, 1e-6, 9e-5])
@pytest.mark.parametrize("centre", [0.02, 0.458, 0.6, 0.98])
def test_a_spread_that_nobody_would_see_is_a_constant(sound, spread, centre):
    noise = np.random.default_rng(6).standard_normal(N)
    health = diagnose(logit(centre) + spread * noise / noise.std(), sound[1], 0.2)
    assert health.verdict == "constant"
    assert f"{centre:.4f}" in health.evidence[0]


@pytest.mark.parametrize("cause", CAUSES)
def test_causes_are_recognised_wherever_the_rows_can_tell(cause):
    """Four predictors a cell; `benchmarks/health_causes.py` counts hundreds."""
    rng = np.random.default_rng(list(CAUSES).index(cause))
    found = []
    for cell in cells(cause):
        if VERDICTS[cause] != "miscalibrated" or ideal_power(cause, *cell) >= 0.99:
            found += [diagnose(*drawn(cause, *cell, rng)).verdict for _ in range(4)]
    assert len(found) >= 100
    assert found.count(VERDICTS[cause]) >= 0.95 * len(found)


def test_the_healthy_ones_are_calibrated_with_the_auc_they_are_asked_for():
    rng = np.random.default_rng(4)
    y = (rng.random(200_000) < 0.1).astype(float)
    logits = healthy(y, 0.1, 0.65, rng)
    p = sigmoid(logits)
    for low in (0.02, 0.05, 0.1, 0.2):
        some = (p > low) & (p < 1.5 * low)
        assert y[some].mean() == pytest.approx(p[some].mean(), rel=0.1)
    rises, others = logits[y == 1], logits[y == 0]
    assert (rises[:10_000] > others[:10_000]).mean() == pytest.approx(0.65, abs=0.02)
