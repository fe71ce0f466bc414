"""Gains are told by ticker, year and volatility, and the tickers' rates are told from skill."""

import numpy as np
import pytest

from phase6c.evaluation.gains_by_part import THIRDS, Compared, parts_tables, rates_sentences
from phase6c.evaluation.outcomes import Draws, Truth
from phase6c.statistics.logits import log_losses, logit, sigmoid


def compared(n_tickers, skilled, seed=0, n_days=500, spread=1.0):
    """A model that knows more than its rival on the tickers `skilled`, in the wildest third."""
    rng = np.random.default_rng(seed)
    shape = (n_days, n_tickers)
    rate, shock = spread * rng.standard_normal(n_tickers), rng.standard_normal((n_days, 1))
    signal, volatility = rng.standard_normal(shape), rng.random(shape)
    knows = skilled & (volatility > 2 / 3)
    chance = sigmoid(-0.5 + rate + 0.5 * shock + knows * 2 * signal)
    n = n_days * n_tickers
    y = (rng.random(shape) < chance).ravel()
    truth = Truth(
        dates=np.repeat(np.datetime64("2014-01-01") + np.arange(n_days), n_tickers),
        tickers=np.tile([f"T{number:03}" for number in range(n_tickers)], n_days),
        y=y.astype(np.int8),
        down=np.zeros(n, dtype=bool),
        steps=np.full(n, "test"),
        outcomes=signal.ravel(),
        volatility=volatility.ravel(),
    )
    rival = -0.5 + np.broadcast_to(rate, shape) + 0.01 * rng.standard_normal(shape)
    own = rival + knows * 2 * signal
    return Compared(own.ravel(), rival.ravel(), "trees", truth, Draws(horizon_days=1, n=300))


def rows(table):
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_gains_stand_where_they_are():
    made = compared(4, skilled=np.array([True, True, False, False]))
    tickers, years, volatility = parts_tables("test", made)
    assert [table.name for table in (tickers, years, volatility)] == [
        "test_tickers",
        "test_years",
        "test_volatility",
    ]
    found = rows(tickers)
    for name in ("T000", "T001"):
        assert found[name]["gain in log loss"].low > 0
        assert found[name]["gain in AUC"].low > 0
    assert found["T002"]["gain in log loss"].value == 0
    assert list(rows(years)) == ["2014", "2015"]
    thirds = rows(volatility)
    assert tuple(thirds) == THIRDS
    assert thirds["wildest third"]["gain in log loss"].low > 0
    assert thirds["calmest third"]["gain in log loss"].value == 0


def test_figures_of_a_part_are_those_of_its_rows():
    made = compared(3, skilled=np.full(3, True))
    (tickers, *_) = parts_tables("test", made)
    own = made.truth.tickers == "T001"
    y = made.truth.y[own]
    losses = [log_losses(logits[own], y).mean() for logits in (made.own, made.other)]
    cells = rows(tickers)["T001"]
    assert cells["log loss"] == pytest.approx(losses[0])
    assert cells["gain in log loss"].value == pytest.approx(losses[1] - losses[0])
    assert cells["rows"] == own.sum()


def test_of_many_tickers_the_extremes_are_shown_and_counted():
    skilled = np.arange(40) < 10
    (tickers, *_) = parts_tables("test", compared(40, skilled, n_days=600))
    shown = list(rows(tickers))
    assert len(shown) == 10
    assert all(name < "T010" for name in shown[:5])
    assert all(name >= "T010" for name in shown[5:])
    assert "of 40 tickers, of which 10 gain and" in tickers.title
    assert "chance alone makes about 1 of each" in tickers.title


def test_a_single_ticker_of_unknown_volatility_has_years_alone():
    made = compared(1, skilled=np.array([True]))
    made.truth.volatility[:] = np.nan
    assert [table.name for table in parts_tables("test", made)] == ["test_years"]
    assert list(rates_sentences(made, None, "high")) == []


def test_what_the_tickers_rates_explain_is_said_and_vol_proposed():
    made = compared(30, skilled=np.full(30, False), spread=1.5)
    rates = logit(sigmoid(made.other))
    first, second, third = rates_sentences(made, rates, "high")
    assert "within a ticker" in first
    assert "the first of which" in second
    assert "of what the model has above one half" in second or "no less" in second
    assert "The label vol" in third
    assert len(list(rates_sentences(made, rates, "vol"))) == 2


def test_tickers_of_one_rate_explain_little_and_propose_nothing():
    made = compared(30, skilled=np.full(30, True), spread=0.0)
    sentences = list(rates_sentences(made, np.zeros(len(made.own)), "high"))
    assert len(sentences) == 2
    assert "is nothing above one half" in sentences[1]
