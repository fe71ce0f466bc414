"""A ticker's rate is its own, and of the past."""

import dataclasses

import numpy as np
import pytest

from phase6c.config import DataConfig
from phase6c.data.preparation import prepare_search_data
from phase6c.evaluation.baselines.base_rates import (
    TICKER_RATES,
    base_rates,
    rates_differ,
    ticker_base_rate,
    ticker_trailing_rate,
)
from phase6c.evaluation.baselines.of_search import fit_baselines
from phase6c.statistics.logits import sigmoid


@pytest.fixture(scope="module")
def panel(panel_bars):
    return prepare_search_data(panel_bars, DataConfig(tier="a20"))


def alone(data, **changed):
    return dataclasses.replace(data, **changed)


def test_a_tickers_rate_is_that_of_its_own_training(panel):
    found = sigmoid(ticker_base_rate(panel))
    for ticker in range(4):
        own = panel.train.tickers == ticker
        expected = (panel.train.y[own].sum() + panel.base_rate) / (own.sum() + 1)
        np.testing.assert_allclose(found[panel.val.tickers == ticker], expected)


def test_a_ticker_without_training_has_the_rate_of_all(panel):
    tickers = np.where(panel.train.tickers == 3, 2, panel.train.tickers)
    data = alone(panel, train=dataclasses.replace(panel.train, tickers=tickers))
    found = sigmoid(ticker_base_rate(data))[data.val.tickers == 3]
    np.testing.assert_allclose(found, panel.base_rate)


def test_a_tickers_trailing_rate_counts_what_was_known_on_the_day(panel):
    found = sigmoid(ticker_trailing_rate(panel))
    blocks = (panel.train, panel.val)
    y, ends, tickers = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("y", "label_ends", "tickers")
    )
    for row in (0, 1, 200, len(panel.val) - 1):
        day = panel.val.dates[row]
        known = (ends < day) & (ends >= day - 365) & (tickers == panel.val.tickers[row])
        expected = (y[known].sum() + panel.base_rate) / (known.sum() + 1)
        assert found[row] == pytest.approx(expected), row


def test_rates_of_tickers_are_baselines_of_panels_alone(panel):
    assert set(TICKER_RATES) < set(base_rates(panel))
    names = {fitted.baseline.name: fitted.baseline.metrics for fitted in fit_baselines(panel, 0)}
    assert names["ticker_base_rate"].auc_per_ticker == 0.5
    assert names["ticker_base_rate"].auc_within_day > 0.6
    assert names["logistic_regression"].rank_ic is not None
    one = alone(panel, tickers=panel.tickers[:1])
    assert not set(TICKER_RATES) & set(base_rates(one))


def test_rates_that_differ_widely_are_found_and_equal_ones_are_not(panel):
    assert rates_differ(panel) > 0.6
    rng = np.random.default_rng(0)
    shuffled = dataclasses.replace(panel.train, y=rng.permutation(panel.train.y))
    assert rates_differ(alone(panel, train=shuffled)) is None
    assert rates_differ(alone(panel, tickers=panel.tickers[:1])) is None
