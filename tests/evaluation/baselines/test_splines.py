"""Splines follow what bends, and only the training tells them where."""

import dataclasses

import numpy as np
import pytest

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.evaluation.baselines import splines
from phase6c.evaluation.baselines.linear import TIER_STRENGTHS, fit_ridge
from phase6c.evaluation.baselines.splines import fit_splines
from phase6c.statistics.logits import log_losses, sigmoid


@pytest.fixture(scope="module")
def bent():
    """Rises that come where the first feature is far from its middle, on either side."""
    data = prepare_search_data(load_bars("sp500"), DataConfig(tier="a20"))
    rng = np.random.default_rng(0)

    def rises(block):
        far = np.abs(data.features[block.end_rows, 0])
        y = rng.random(len(block)) < sigmoid(3 * (far - far.mean()))
        return dataclasses.replace(block, y=y.astype(np.float32))

    return dataclasses.replace(data, train=rises(data.train), val=rises(data.val))


@pytest.fixture(scope="module")
def line_s_loss(bent):
    return loss_of(fit_ridge(bent, bent, TIER_STRENGTHS, [1]), bent)


def loss_of(model, data):
    return log_losses(model.logits(data.features, data.val.end_rows), data.val.y).mean()


def test_a_curve_finds_what_a_line_cannot(bent, line_s_loss):
    assert loss_of(fit_splines(bent, bent), bent) < line_s_loss - 0.05


def test_knots_are_quantiles_of_the_training_rows_alone(bent):
    later = bent.features.copy()
    later[bent.train.end_rows.max() + 1 :] *= 100
    other = dataclasses.replace(bent, features=later)
    assert fit_splines(bent, other).knots == fit_splines(bent, bent).knots


def test_a_feature_that_never_varies_has_no_curve(bent):
    features = bent.features.copy()
    features[:, 1] = 3.0
    flat = dataclasses.replace(bent, features=features)
    model = fit_splines(flat, flat)
    assert model.knots[1] == model.coefficients[1] == ()
    assert np.isfinite(loss_of(model, flat))


def test_of_many_rows_a_part_is_fitted(bent, line_s_loss, monkeypatch):
    monkeypatch.setattr(splines, "MAX_BASIS_VALUES", 100_000)
    assert loss_of(fit_splines(bent, bent), bent) < line_s_loss
