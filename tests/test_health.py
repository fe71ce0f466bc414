"""Each way in which probabilities go wrong is named, with its evidence."""

import numpy as np
import pytest

from phase6c.health import diagnose
from phase6c.metrics import sigmoid

N = 2000


@pytest.fixture(scope="module")
def healthy():
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.7, 0.9, N)
    return logits, (rng.random(N) < sigmoid(logits)).astype(float)


def test_calibrated_probabilities_are_healthy(healthy):
    assert diagnose(*healthy, 0.2).verdict == "healthy"


@pytest.mark.parametrize(
    ("ill", "verdict", "evidence"),
    [
        (sigmoid, "double_sigmoid", "inside [0.5, 0.7311]"),
        (lambda z: 0 * z - 1.5, "constant", "0.1824"),
        (lambda z: 40 * z, "saturated", "beyond +-10"),
        (lambda z: -1.5 + 0.01 * z, "undertrained", "spread by 0.0"),
        (lambda z: z + 1.5, "prior_shift", "training was 0.200"),
        (lambda z: 3 * (z + 1.3) - 1.3, "miscalibrated", "would save"),
    ],
)
def test_every_illness_has_its_name(healthy, ill, verdict, evidence):
    logits, y = healthy
    health = diagnose(ill(logits), y, 0.2)
    assert health.verdict == verdict
    assert evidence in " ".join(health.evidence)


def test_one_class_is_said_before_all_else(healthy):
    assert diagnose(healthy[0], np.zeros(N), 0.2).verdict == "one_class"


def test_probabilities_above_one_half_are_fine_where_rises_are_common(healthy):
    rng = np.random.default_rng(1)
    logits = rng.uniform(0.05, 0.95, N)
    y = (rng.random(N) < sigmoid(logits)).astype(float)
    assert diagnose(logits, y, 0.6).verdict == "healthy"
