"""Every figure is what its name says, and null rather than NaN where it is undefined."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, f1_score, log_loss, roc_auc_score

from phase6c.records import Metrics
from phase6c.statistics.metrics import measure, sigmoid

from ..support.pace import cost


def drawn(n=700, seed=0, slope=1.0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.7, 0.9, n)
    y = (rng.random(n) < sigmoid(slope * logits)).astype(int)
    return logits, y, rng.random(n) < 0.15


def test_figures_agree_with_scikit_learn():
    logits, y, down = drawn()
    p = sigmoid(logits)
    metrics = measure(logits, y, down, 0.2, 0.4)
    assert metrics.auc == pytest.approx(roc_auc_score(y, p))
    assert metrics.log_loss == pytest.approx(log_loss(y, p))
    assert metrics.brier == pytest.approx(brier_score_loss(y, p))
    assert metrics.f1 == pytest.approx(f1_score(y, p >= 0.5))
    assert metrics.auc_down == pytest.approx(roc_auc_score(down, p))
    one_touched = (y == 1) != down
    assert metrics.auc_direction == pytest.approx(roc_auc_score(y[one_touched], p[one_touched]))
    assert metrics.skill == pytest.approx(1 - log_loss(y, p) / log_loss(y, np.full(len(y), 0.2)))
    assert metrics.loss_train == 0.4
    assert metrics.pred_range == pytest.approx(np.ptp(p))


@pytest.mark.slow
def test_the_best_threshold_reaches_the_best_f1():
    logits, y, down = drawn()
    metrics = measure(logits, y, down, 0.2)
    p = sigmoid(logits)
    assert f1_score(y, p >= metrics.best_f1_threshold) == pytest.approx(metrics.best_f1)
    assert metrics.best_f1 == pytest.approx(max(f1_score(y, p >= cut) for cut in p))
    precisions = [y[p >= cut].mean() for cut in p if (p >= cut).sum() >= 10]
    assert metrics.max_precision == pytest.approx(max(precisions))


def test_calibrated_probabilities_are_recognised():
    metrics = measure(*drawn(20_000), 0.2)
    assert metrics.calibration_intercept == pytest.approx(0, abs=0.1)
    assert metrics.calibration_slope == pytest.approx(1, abs=0.1)
    assert metrics.ece < 0.02
    assert metrics.refinement == pytest.approx(metrics.log_loss, abs=2e-3)


def test_refinement_forgives_what_an_affine_map_repairs():
    logits, y, down = drawn(2000)
    honest, twisted = (measure(z, y, down, 0.2) for z in (logits, 3 + 0.2 * logits))
    assert twisted.log_loss > honest.log_loss + 0.5
    assert twisted.refinement == pytest.approx(honest.refinement, abs=1e-4)
    assert twisted.auc == honest.auc
    assert twisted.calibration_slope == pytest.approx(5 * honest.calibration_slope, rel=1e-3)


def test_the_base_rate_itself_has_no_skill_and_no_calibration_error():
    y = np.tile([1, 0, 0, 0], 50)
    metrics = measure(np.full(200, np.log(1 / 3)), y, y == 0, 0.25)
    assert metrics.skill == pytest.approx(0)
    assert metrics.ece == pytest.approx(0)
    assert metrics.auc == 0.5
    assert metrics.calibration_slope is None
    assert metrics.precision is None
    assert metrics.recall == metrics.f1 == 0


def test_with_one_class_only_undefined_figures_are_null():
    metrics = measure(np.linspace(-2, 2, 50), np.zeros(50), np.zeros(50, dtype=bool), 0.2)
    for name in (
        "auc",
        "average_precision",
        "refinement",
        "calibration_slope",
        "recall",
        "auc_down",
    ):
        assert getattr(metrics, name) is None, name
    assert metrics.precision == 0
    assert metrics.base_rate == 0


@settings(deadline=None, max_examples=80)
@given(
    logits=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
    loss_train=st.sampled_from([None, 0.3, float("nan")]),
)
def test_no_figure_is_ever_nan_or_infinite(logits, seed, loss_train):
    rng = np.random.default_rng(seed)
    y, down = rng.random((2, len(logits))) < 0.3
    metrics = measure(np.array(logits), y.astype(int), down, 0.2, loss_train)
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics


def test_what_is_not_finite_is_the_callers_mistake():
    y, down = np.array([0, 1]), np.array([False, False])
    with pytest.raises(ValueError, match="finite"):
        measure(np.array([0.0, np.nan]), y, down, 0.2)
    with pytest.raises(ValueError, match="train_base_rate"):
        measure(np.array([0.0, 1.0]), y, down, 1.0)


def test_an_epochs_metrics_cost_next_to_nothing():
    # A tenth of a second is about 15.
    assert cost(partial(measure, *drawn(), 0.2), rounds=5) < 15
