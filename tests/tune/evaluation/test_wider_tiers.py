"""Boosting on wider tiers: rivals on the same rows, which large panels do without."""

import numpy as np
import pytest

import phase6c
from phase6c.config import LARGE_PANEL_WINDOWS, DataConfig
from phase6c.data.preparation import prepare
from phase6c.data.splits import TEST, evaluation_steps
from phase6c.tune.evaluation.wider_tiers import (
    fit_wider,
    left_out_in_words,
    logits_of,
    wider_tiers,
)

pytestmark = pytest.mark.usefixtures("light_evaluations")


@pytest.fixture(scope="module")
def prepared(made_bars, tmp_path_factory):
    """Bars, the steps of an evaluation on a100, and the walk of a100 itself and of wider tiers."""
    path = tmp_path_factory.mktemp("bars") / "made.csv"
    made_bars(0).to_csv(path, index=False)
    bars, config = phase6c.load_bars(path), DataConfig(tier="a100")
    _, history, splits = prepare(bars, config)
    steps = evaluation_steps(history.rows.calendar, splits, config)
    return bars, config, history, {step.name: step for step in steps}


def test_the_tiers_above_the_searchs_own_are_rivals(prepared):
    bars, config, history, steps = prepared
    (name,) = wider = wider_tiers(bars, config, 1000, steps, None)
    assert name == "gradient_boosting_a200"
    assert len(wider[name].history.feature_names) > len(history.feature_names)
    widest = config.model_copy(update={"tier": "a200"})
    assert wider_tiers(bars, widest, 1000, steps, None) == {}


def test_they_predict_the_models_own_rows_from_days_before_the_test_block(prepared):
    bars, config, history, steps = prepared
    wider = wider_tiers(bars, config, 1000, steps, None)
    walks = {name: tier.walk for name, tier in wider.items()}
    border = steps[TEST].fold.out.first
    assert all(walk.history.rows.dates.max() < border for walk in walks.values())
    data = history.between(steps["fold_1"].fold, border)
    done = fit_wider(walks, "fold_1", 0, data)
    (logits,) = done.logits.values()
    assert logits.shape == (len(data.val),)
    assert np.ptp(logits) > 0
    closed = fit_wider(walks, TEST, 0, None)
    assert (closed.fits.keys(), closed.logits) == (walks.keys(), {})
    (fit,), (walk,) = done.fits.values(), walks.values()
    with pytest.raises(RuntimeError, match="on the model's own rows"):
        logits_of(fit, walk.outer("fold_2"), data)


def test_a_large_panel_does_without_and_says_so(prepared):
    bars, config, _, steps = prepared
    many = LARGE_PANEL_WINDOWS + 1
    assert wider_tiers(bars, config, many, steps, None) == {}
    assert "no baseline learns from a50, a100, a200" in left_out_in_words("a20", many)
    assert left_out_in_words("a20", LARGE_PANEL_WINDOWS) is None
    assert left_out_in_words("a200", many) is None
