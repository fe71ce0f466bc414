"""Boosting of a large panel is chosen on whole days, and fitted on all rows."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from phase6c.config import DataConfig
from phase6c.data.preparation import prepare
from phase6c.data.splits import evaluation_steps
from phase6c.data.walk import Walk
from phase6c.evaluation.baselines import boosting, choosing_days
from phase6c.evaluation.baselines.boosting import HALF_LIVES, fit_boosting
from phase6c.evaluation.baselines.choosing_days import (
    choice_in_words,
    choosing_rows,
    to_choose_on,
)

BOUND = 600


@pytest.fixture(scope="module")
def walk(panel_bars) -> Walk:
    config = DataConfig(tier="a20")
    _, history, splits = prepare(panel_bars, config)
    return Walk.before_test(history, evaluation_steps(history.rows.calendar, splits, config))


@pytest.fixture
def bounded(monkeypatch):
    monkeypatch.setattr(choosing_days, "MAX_CHOOSING_ROWS", BOUND)


def panel(n_days, n_tickers):
    """Dates and labels, ordered as windows are."""
    days = np.busday_offset("2010-01-04", np.arange(n_days))
    return np.repeat(days, n_tickers), np.arange(n_days * n_tickers) % 2


def chosen(dates, y, seed, bound):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing_days, "MAX_CHOOSING_ROWS", bound)
        return choosing_rows(dates, y, seed)


SIZES = {"n_days": st.integers(2, 400), "n_tickers": st.integers(2, 5)}


@given(**SIZES, share=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_days_are_whole_and_spread_over_all_of_the_time(n_days, n_tickers, share, seed):
    dates, y = panel(n_days, n_tickers)
    bound = max(n_tickers, int(share * len(dates)))
    by_day = chosen(dates, y, seed, bound).reshape(n_days, n_tickers)
    assert (by_day.all(axis=1) == by_day.any(axis=1)).all()
    n_drawn = int(by_day[:, 0].sum())
    assert bound - n_tickers < n_drawn * n_tickers <= bound
    # A day of each of as many stretches of time.
    drawn = np.flatnonzero(by_day[:, 0])
    borders = np.arange(n_drawn + 1) * n_days // n_drawn
    assert (np.searchsorted(borders, drawn, side="right") == np.arange(n_drawn) + 1).all()


@given(**SIZES, seed=st.integers(0, 9))
def test_the_order_of_the_rows_changes_nothing(n_days, n_tickers, seed):
    dates, y = panel(n_days, n_tickers)
    order = np.random.default_rng(seed).permutation(len(dates))
    bound = len(dates) // 2
    np.testing.assert_array_equal(
        chosen(dates[order], y[order], seed, bound), chosen(dates, y, seed, bound)[order]
    )


def test_the_days_hang_on_the_seed_alone():
    dates, y = panel(400, 3)
    first, again, other = (chosen(dates, y, seed, 300) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    # Labels have no say in which days are drawn.
    np.testing.assert_array_equal(chosen(dates, 1 - y, 0, 300), first)


def test_where_the_drawn_days_have_no_rise_all_rows_choose():
    dates, _ = panel(400, 3)
    y = np.zeros(len(dates))
    missed = np.flatnonzero(~chosen(dates, panel(400, 3)[1], 0, 300))[0]
    y[missed] = 1
    assert chosen(dates, y, 0, 300).all()


def test_up_to_the_bound_the_very_same_data_choose(walk, monkeypatch):
    inner = walk.inner("cal")
    n_rows = len(inner.train)
    monkeypatch.setattr(choosing_days, "MAX_CHOOSING_ROWS", n_rows)
    assert to_choose_on(inner, 0) is inner
    monkeypatch.setattr(choosing_days, "MAX_CHOOSING_ROWS", n_rows - 1)
    assert len(to_choose_on(inner, 0).train) < n_rows


def test_only_the_earlier_part_of_the_training_is_thinned(walk, bounded):
    inner = walk.inner("cal")
    thinned = to_choose_on(inner, 0)
    assert thinned.val is inner.val
    assert thinned.features is inner.features
    assert np.isin(thinned.train.end_rows, inner.train.end_rows).all()


@pytest.fixture
def fitted_rows(monkeypatch) -> list[int]:
    """The number of rows of each boosting that is fitted."""
    fitted, fit = [], HistGradientBoostingClassifier.fit

    def counted(model, rows, *args):
        fitted.append(len(rows))
        return fit(model, rows, *args)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", counted)
    monkeypatch.setattr(boosting, "MAX_TREES", 10)
    return fitted


def test_fits_that_are_chosen_from_have_no_more_rows_than_the_bound_and_one_has_all(
    walk, bounded, fitted_rows
):
    inner, data = walk.inner("cal"), walk.outer("cal")
    assert len(inner.train) > 2 * BOUND
    fit_boosting(inner, data, 0, HALF_LIVES)
    *choosing, final = fitted_rows
    assert len(choosing) == len(HALF_LIVES)
    assert all(n <= BOUND for n in choosing)
    assert final == len(data.train)


def test_all_rows_get_more_trees_than_were_the_best_on_a_part_of_them(walk, bounded, monkeypatch):
    inner, data = walk.inner("cal"), walk.outer("cal")
    part = to_choose_on(inner, 0)

    def n_trees(chosen_on):
        return len(fit_boosting(chosen_on, data, 0, ("none",)).roots)

    # The part is small enough to be chosen on as it is.
    best = n_trees(part)
    more = round(best * (len(inner.train) / len(part.train)) ** 0.5)
    assert best < more < boosting.MAX_TREES
    assert n_trees(inner) == more
    monkeypatch.setattr(boosting, "MAX_TREES", more - 1)
    assert n_trees(inner) == more - 1


def test_nothing_of_what_a_step_is_judged_on_chooses(walk, bounded, monkeypatch):
    monkeypatch.setattr(boosting, "MAX_TREES", 10)
    inner, data = walk.inner("cal"), walk.outer("cal")
    other = dataclasses.replace(data, val=dataclasses.replace(data.val, y=1 - data.val.y))
    found, again = (fit_boosting(inner, one, 0, HALF_LIVES) for one in (data, other))
    assert found == again
    assert to_choose_on(inner, 0).train.label_ends.max() < inner.val.dates.min()


def test_an_evaluation_says_on_how_many_rows_its_baselines_were_chosen(walk, monkeypatch):
    assert choice_in_words(walk, 0) is None
    monkeypatch.setattr(choosing_days, "MAX_CHOOSING_ROWS", BOUND)
    inner = walk.inner("test")
    said = choice_in_words(walk, 0)
    assert f"Of more than {BOUND} training rows" in said
    assert f"{len(to_choose_on(inner, 0).train):,} of {len(inner.train):,} rows" in said
