"""Baselines set the mark on the same rows; they are fitted on the past and know nothing else."""

import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare, prepare_search_data
from phase6c.data.splits import evaluation_steps
from phase6c.data.walk import Walk
from phase6c.evaluation.baselines.base_rates import BASE_RATES, TICKER_RATES, trailing_base_rate
from phase6c.evaluation.baselines.boosting import boosted_trees
from phase6c.evaluation.baselines.fitting import fit_simple, simple_logits
from phase6c.evaluation.baselines.of_search import fit_baselines, write_predictions
from phase6c.records import Baseline
from phase6c.statistics.logits import log_losses, sigmoid
from phase6c.statistics.metrics import measure
from phase6c.storage.parquet import read_table
from phase6c.study.study_config import BASELINES_FILE


@pytest.fixture(scope="module")
def data():
    return prepare_search_data(load_bars("sp500"), DataConfig(tier="a20"))


@pytest.fixture(scope="module")
def fitted(data):
    return fit_baselines(data, seed=0)


@pytest.fixture(scope="module")
def baselines(fitted):
    return {one.baseline.name: one.baseline for one in fitted}


def test_last_days_features_alone_reach_these_scores_on_the_sp500(baselines):
    assert list(baselines) == ["logistic_regression", "gradient_boosting"]
    for baseline in baselines.values():
        assert 0.70 < baseline.metrics.auc < 0.80
        assert baseline.metrics.skill > 0.05
        assert baseline.metrics.loss_train < 0.55
    assert baselines["logistic_regression"].metrics.auc == pytest.approx(0.740, abs=0.005)


def test_baselines_are_the_same_every_time(data, baselines):
    for baseline, _ in fit_baselines(data, seed=0):
        assert baseline.metrics == baselines[baseline.name].metrics
        assert Baseline.model_validate_json(baseline.model_dump_json()) == baseline


def test_on_shuffled_labels_baselines_find_nothing(data):
    rng = np.random.default_rng(0)
    train = dataclasses.replace(data.train, y=rng.permutation(data.train.y))
    val = dataclasses.replace(data.val, y=rng.permutation(data.val.y))
    for baseline, _ in fit_baselines(dataclasses.replace(data, train=train, val=val), seed=0):
        assert baseline.metrics.auc == pytest.approx(0.5, abs=0.08)  # three standard errors


def test_stored_predictions_give_the_stored_figures(tmp_path, data, fitted):
    write_predictions(tmp_path, fitted, data)
    stored = read_table((tmp_path / BASELINES_FILE).read_bytes()).to_pandas()
    for baseline, _ in fitted:
        rows = stored[stored["name"] == baseline.name]
        logits, y, down = (rows[one].to_numpy() for one in ("logit", "y", "down"))
        again = measure(logits, y, down, data.base_rate, baseline.metrics.loss_train)
        assert again == baseline.metrics


@pytest.fixture(scope="module")
def walk() -> Walk:
    config = DataConfig(tier="a20")
    _, history, splits = prepare(load_bars("sp500"), config)
    return Walk.before_test(history, evaluation_steps(history.rows.calendar, splits, config))


@pytest.fixture(scope="module")
def fits(walk):
    return fit_simple(walk.inner("cal"), walk.outer("cal"), [8], 0)


@pytest.fixture(scope="module")
def step(walk, fits):
    return simple_logits(fits, walk.outer("cal"))


def test_all_baselines_of_a_step_are_there_with_a_logit_for_each_row(walk, step):
    assert set(step) == {
        *set(BASE_RATES) - set(TICKER_RATES),
        *("volatility_logistic", "ridge_logistic", "spline_logistic", "linear_window"),
        *("gradient_boosting", "fading_boosting"),
    }
    for logits in step.values():
        assert logits.shape == (len(walk.outer("cal").val),)
        assert np.isfinite(logits).all()


def test_baselines_that_learn_beat_the_base_rate_on_sp500(walk, step):
    y = walk.outer("cal").val.y
    base = log_losses(step["train_base_rate"], y).mean()
    for name in step.keys() - set(BASE_RATES):
        assert log_losses(step[name], y).mean() < base, name
        assert roc_auc_score(y, step[name]) > 0.65, name


def test_weighted_trees_cut_values_where_scikit_learn_does():
    rng = np.random.default_rng(0)
    rows, y, weights = rng.normal(size=(1000, 1)), rng.random(1000) < 0.3, rng.random(1000)
    ours = boosted_trees(1, 0)
    theirs = HistGradientBoostingClassifier(**ours.get_params())
    fitted = [model.fit(rows, y, weights) for model in (ours, theirs)]
    cuts = [model._bin_mapper.bin_thresholds_[0] for model in fitted]
    order = np.argsort(rows[:, 0])
    shares = np.cumsum(weights[order]) / weights.sum()
    ranks = [np.interp(one, rows[order, 0], shares) for one in cuts]
    np.testing.assert_allclose(*ranks, atol=4e-3)


def test_what_a_step_is_judged_on_is_not_learnt_from(walk, fits, step):
    """They are fitted alike without it; its labels change nothing but the last year's base rate."""
    data = walk.outer("cal")
    without = walk.history.fitted_on(walk.steps["cal"].fold.train, data.val.dates[0])
    again = fit_simple(walk.inner("cal"), without, [8], 0)
    for name, fit in fits.items():
        assert again[name].model == fit.model, name
    other = dataclasses.replace(data, val=dataclasses.replace(data.val, y=1 - data.val.y))
    logits = simple_logits(fits, other)
    for name in step.keys() - {"trailing_base_rate"}:
        np.testing.assert_array_equal(logits[name], step[name], err_msg=name)


def test_the_window_is_chosen_on_the_latest_past(walk, monkeypatch):
    """Rises that hang on a feature of five days before take a window of more than a day."""
    for name, value in (
        ("boosting.MAX_TREES", 2),
        ("fitting.TIER_STRENGTHS", (1e-3,)),
        ("fitting.WINDOW_STRENGTHS", (1e-3,)),
    ):
        monkeypatch.setattr(f"phase6c.evaluation.baselines.{name}", value)

    def late(data):
        def rises(block):
            y = data.features[block.end_rows - 5, 0] > 0
            return dataclasses.replace(block, y=y.astype(np.float32))

        return dataclasses.replace(data, train=rises(data.train), val=rises(data.val))

    fits = fit_simple(late(walk.inner("cal")), late(walk.outer("cal")), [1, 8], 0)
    assert fits["linear_window"].model.context_days == 8


def test_the_trailing_base_rate_counts_what_was_known_on_the_day(walk):
    data = walk.outer("cal")
    found = sigmoid(trailing_base_rate(data))
    y = np.concatenate([data.train.y, data.val.y])
    ends = np.concatenate([data.train.label_ends, data.val.label_ends])
    for row in (0, 1, 100, len(data.val) - 1):
        day = data.val.dates[row]
        known = (ends < day) & (ends >= day - 365)
        assert found[row] == pytest.approx((y[known].sum() + 1) / (known.sum() + 2)), row


def test_a_window_model_fits_into_bounded_memory(walk, monkeypatch):
    monkeypatch.setattr("phase6c.evaluation.baselines.linear.MAX_WINDOW_VALUES", 20_000)
    data = walk.outer("cal")
    fits = fit_simple(walk.inner("cal"), data, [8], 0)
    assert np.isfinite(simple_logits(fits, data)["linear_window"]).all()


def test_of_a_large_panel_a_part_is_fitted_and_told(data, fitted, monkeypatch, caplog):
    whole = [baseline.metrics.auc for baseline, _ in fitted]
    monkeypatch.setattr(
        "phase6c.evaluation.baselines.of_search.MAX_FITTED_WINDOWS", len(data.train) * 3 // 4
    )
    with caplog.at_level("INFO"):
        part = [baseline.metrics.auc for baseline, _ in fit_baselines(data, seed=0)]
    assert part != whole
    assert part == pytest.approx(whole, abs=0.05)
    assert f"of the {len(data.train):,} training windows, drawn at random" in caplog.text
