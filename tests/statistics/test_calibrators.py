"""What every calibrator keeps to, on whatever rows it is fitted."""

import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

import phase6c
from phase6c.errors import DataError, StorageError
from phase6c.statistics.calibrators import ABOUT, KINDS, CalibrationKind, Calibrator
from phase6c.statistics.logits import EPSILON, log_losses, logit, sigmoid

KNOTS = {"kind": "isotonic", "logits": [0.0, 1.0], "probabilities": [0.2, 0.4]}


def drawn(n=1500, a=-1.5, b=0.6, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 1.5, n)
    return logits, (rng.random(n) < sigmoid(a + b * logits)).astype(float)


def loss(logits, y):
    return log_losses(logits, y).mean()


def odd_rows(name):
    """Rows at the edge of what can be fitted; both classes are among them."""
    rng = np.random.default_rng(1)
    y = np.r_[1.0, np.zeros(30), 1.0]
    logits = {
        "constant": np.full(32, -0.7),
        "zero": np.zeros(32),
        "separable": 3 * y - 1,
        "reversed": 1 - 3 * y,
        "certain": logit(rng.integers(0, 2, 32)),
        "huge": 1e4 * rng.standard_normal(32),
        "tiny": 1e-9 * rng.standard_normal(32),
    }
    return logits[name], y


ODD = ("constant", "zero", "separable", "reversed", "certain", "huge", "tiny")


@pytest.mark.parametrize("kind", KINDS)
class TestEveryCalibrator:
    @pytest.mark.parametrize("rows", ["usual", *ODD])
    def test_keeps_the_order_and_stays_finite(self, kind, rows):
        logits, y = drawn() if rows == "usual" else odd_rows(rows)
        calibrated = Calibrator.fit(kind, logits, y).apply(np.sort(logits))
        assert calibrated.shape == logits.shape
        assert np.isfinite(calibrated).all()
        assert (np.diff(calibrated) >= 0).all()

    @pytest.mark.parametrize("rows", ["usual", *ODD])
    def test_is_no_worse_than_none_on_the_rows_it_is_fitted_to(self, kind, rows):
        logits, y = drawn() if rows == "usual" else odd_rows(rows)
        calibrated = Calibrator.fit(kind, logits, y).apply(logits)
        assert loss(calibrated, y) <= loss(logits, y) + 1e-9

    @pytest.mark.parametrize("rows", ["usual", *ODD])
    def test_comes_back_from_json_exactly(self, kind, rows):
        logits, y = drawn() if rows == "usual" else odd_rows(rows)
        calibrator = Calibrator.fit(kind, logits, y)
        again = Calibrator.from_json(calibrator.to_json())
        assert again == calibrator
        np.testing.assert_array_equal(again.apply(logits), calibrator.apply(logits))

    def test_stays_finite_on_rows_beyond_those_it_was_fitted_to(self, kind):
        logits, y = drawn(200)
        beyond = logit(np.array([0.0, EPSILON, 1 - EPSILON, 1.0]))
        calibrated = Calibrator.fit(kind, logits, y).apply(beyond)
        assert np.isfinite(log_losses(calibrated, np.array([1.0, 1, 0, 0]))).all()

    def test_is_told_in_words_and_says_why_it_needs_rises(self, kind):
        about = ABOUT[kind]
        assert about.words[0].isupper()
        assert (about.least_rises > 0) == bool(about.noise)


def test_every_kind_that_can_be_asked_for_is_described():
    assert set(get_args(CalibrationKind)) == {"auto", *ABOUT}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
@pytest.mark.parametrize(
    ("logits", "y", "found"),
    [
        ([0.1, 0.2], [1, 1], "2 rows of one class"),
        ([], [], "no rows"),
        ([0.1, np.nan], [0, 1], "one finite logit for each label"),
        ([0.1, 0.2, 0.3], [0, 1], "one finite logit for each label"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_rows_that_determine_nothing_are_refused(kind, logits, y, found):
    with pytest.raises(DataError, match=found):
        Calibrator.fit(kind, np.array(logits), np.array(y))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), shift=st.floats(-6, 6), scale=st.floats(0.05, 8))
def test_an_intercept_moves_the_mean_to_the_base_rate(seed, shift, scale):
    logits, y = drawn(120, seed=seed)
    y[:2] = [0, 1]
    logits = shift + scale * logits
    calibrated = Calibrator.fit("intercept", logits, y).apply(logits)
    assert sigmoid(calibrated).mean() == pytest.approx(y.mean(), abs=1e-9)
    np.testing.assert_allclose(np.diff(calibrated), np.diff(logits), atol=1e-9)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), shift=st.floats(-6, 6))
def test_a_temperature_keeps_every_probability_on_its_side_of_one_half(seed, shift):
    logits, y = drawn(120, seed=seed)
    y[:2] = [0, 1]
    calibrated = Calibrator.fit("temperature", logits + shift, y).apply(logits + shift)
    np.testing.assert_array_equal(np.sign(calibrated), np.sign(logits + shift))


def test_a_temperature_cannot_repair_a_shifted_prior_and_an_affine_map_can():
    logits, y = drawn(4000, a=-2.0, b=1.0)
    logits = logits - logits.min() + 0.01  # all above one half, as two sigmoids leave them
    repaired = {kind: Calibrator.fit(kind, logits, y).apply(logits) for kind in KINDS}
    rate = y.mean()
    constant = loss(np.full(len(y), np.log(rate / (1 - rate))), y)
    assert loss(repaired["temperature"], y) == pytest.approx(np.log(2), abs=1e-3)
    assert loss(repaired["platt"], y) < constant < loss(repaired["temperature"], y)
    assert sigmoid(repaired["platt"]).mean() == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("b", [0.3, 1.0, 4.0])
def test_platt_is_scikit_learns_logistic_regression(b):
    logits, y = drawn(b=b)
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(logits[:, None], y)
    np.testing.assert_allclose(
        Calibrator.fit("platt", logits, y).apply(logits),
        oracle.decision_function(logits[:, None]),
        rtol=2e-3,
        atol=2e-3,
    )


@pytest.mark.parametrize("b", [0.3, 1.0, 4.0])
def test_a_temperature_is_scikit_learns_logistic_regression_without_intercept(b):
    logits, y = drawn(a=0.4, b=b)
    oracle = LogisticRegression(C=1e9, tol=1e-10, fit_intercept=False).fit(logits[:, None], y)
    slope = Calibrator.fit("temperature", logits, y).slope
    assert slope == pytest.approx(oracle.coef_[0, 0], rel=1e-3)


def test_isotonic_is_scikit_learns_within_the_rule_of_succession():
    logits, y = drawn(300)
    oracle = IsotonicRegression().fit(logits, y).predict(logits)
    found = sigmoid(Calibrator.fit("isotonic", logits, y).apply(logits))
    np.testing.assert_allclose(found, np.clip(oracle, 1 / 302, 301 / 302), atol=1e-12)


def test_the_public_name_is_this_class():
    assert phase6c.Calibrator is Calibrator


@pytest.mark.usefixtures("unchecked")
def test_none_needs_no_rows():
    np.testing.assert_array_equal(Calibrator.fit("none", [], []).apply([0.5]), [0.5])


@pytest.mark.parametrize(
    "content",
    [
        {"kind": "platt", "slope": -1.0},
        {"kind": "platt", "slope": None},
        {"kind": "platt", "slope": "1"},
        {"kind": "platt", "slope": 1.0, "note": "more"},
        {"kind": "intercept", "slope": 2.0},
        {"kind": "temperature", "intercept": 1.0},
        {"kind": "temperature", "slope": 0.0},
        {"kind": "none", "intercept": 1.0},
        {"kind": "beta"},
        {},
        {"schema": "phase6c.calibrator/2", "kind": "none"},
        KNOTS | {"logits": [0.0]},
        KNOTS | {"logits": [], "probabilities": []},
        KNOTS | {"logits": [1.0, 0.0]},
        KNOTS | {"logits": [0.0, 0.0]},
        KNOTS | {"probabilities": [0.4, 0.2]},
        KNOTS | {"probabilities": [0.0, 0.2]},
        KNOTS | {"probabilities": [0.4, 1.0]},
    ],
)
def test_a_damaged_one_is_refused(content):
    with pytest.raises(StorageError, match="evaluate the model again"):
        Calibrator.from_json(json.dumps(content))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"kind": "platt", "slope": NaN}', b"\xff", '{"kind": "no']
)
def test_what_is_no_json_of_ours_is_refused(text):
    with pytest.raises(StorageError):
        Calibrator.from_json(text)
