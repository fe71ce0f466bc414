"""ROC areas and precision-recall curves are scikit-learn's to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from phase6c.statistics.roc import Descending


@st.composite
def judged(draw, least):
    """Scores, of which many may be equal, labels, and the generator that made them."""
    n_rows, n_levels = draw(st.integers(least, 400)), draw(st.sampled_from([2, 7, 10_000]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    scores = rng.integers(n_levels, size=n_rows) / n_levels - 0.5
    rate = draw(st.sampled_from([0.02, 0.3, 0.5]))
    return scores, (rng.random(n_rows) < rate).astype(np.int8), rng


@given(judged(least=2))
def test_an_area_is_that_of_scikit_learn(made):
    scores, y, rng = made
    rows = rng.random(len(y)) < 0.7
    ranking = Descending(scores)
    for own, expected in (
        (ranking.auc(y), (y, scores)),
        (ranking.auc(y, rows), (y[rows], scores[rows])),
    ):
        of_two = len(np.unique(expected[0])) == 2
        assert own == (roc_auc_score(*expected) if of_two else None)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_many_rows_make_no_difference(scale):
    rng = np.random.default_rng(3)
    y = rng.random(30_000) < 0.2
    scores = scale * (rng.standard_normal(30_000) + y)
    assert Descending(scores).auc(y) == roc_auc_score(y, scores)


def test_no_rows_have_no_area():
    assert Descending(np.zeros(3)).auc(np.ones(3), np.zeros(3, dtype=bool)) is None


@given(judged(least=1))
def test_a_precision_recall_curve_is_that_of_scikit_learn(made):
    scores, y, rng = made
    y[rng.integers(len(y))] = 1
    curve = Descending(scores).precision_recall(y)
    precision, recall, thresholds = precision_recall_curve(y, scores)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    np.testing.assert_array_equal(curve.precision, precision[:-1])
    np.testing.assert_array_equal(curve.recall, recall[:-1])
    np.testing.assert_array_equal(
        curve.n_predicted, [(scores >= threshold).sum() for threshold in thresholds]
    )
    assert curve.average == average_precision_score(y, scores)
