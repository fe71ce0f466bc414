"""The walk of an evaluation holds nothing of the test block, and no step sees a later one."""

import pickle

import numpy as np
import pandas as pd
import pytest

from phase6c.config import DataConfig
from phase6c.data.preparation import prepare
from phase6c.data.splits import TEST, evaluation_steps
from phase6c.data.walk import Walk

A20 = DataConfig(tier="a20", horizon_days=3)


def walk_of(bars) -> Walk:
    _, history, splits = prepare(bars, A20)
    return Walk.before_test(history, evaluation_steps(history.rows.calendar, splits, A20))


@pytest.fixture(scope="module")
def walk(sp500) -> Walk:
    return walk_of(sp500)


@pytest.fixture(scope="module")
def test_begins(walk):
    return walk.steps[TEST].fold.out.first


def test_no_row_and_no_label_of_the_test_block_is_in_it(walk, test_begins):
    rows = walk.history.rows
    assert rows.dates.max() < test_begins
    assert np.isnan(rows.up[rows.label_ends >= test_begins]).all()
    assert len(walk.history.features) == len(rows.dates)


def test_other_bars_in_the_test_block_change_nothing(walk, sp500, bars_of, test_begins):
    changed = sp500.frame.copy()
    after = changed["date"] >= pd.Timestamp(test_begins)
    changed.loc[after, ["open", "high", "low", "close"]] *= 3
    other = walk_of(bars_of(changed))
    for step in walk.steps:
        for mine, theirs in (
            (walk.inner(step), other.inner(step)),
            (walk.outer(step), other.outer(step)),
        ):
            np.testing.assert_array_equal(theirs.features, mine.features)
            np.testing.assert_array_equal(theirs.train.y, mine.train.y)
            np.testing.assert_array_equal(theirs.val.y, mine.val.y)


def test_each_step_is_trained_on_what_lies_before_it(walk):
    for step in walk.folds:
        inner, outer = walk.inner(step), walk.outer(step)
        assert outer.train.label_ends.max() < outer.val.dates.min()
        assert inner.train.label_ends.max() < inner.val.dates.min()
        assert inner.val.label_ends.max() < outer.val.dates.min()
        assert inner.val.dates.max() == outer.train.dates.max()
        assert outer.base_rate == pytest.approx(outer.train.y.mean())


def test_each_step_has_a_scaler_of_its_own_training(walk):
    means = [walk.outer(step).scaler.mean[0, 0] for step in walk.steps]
    assert len(set(means)) == len(means)


def test_the_last_training_goes_up_to_the_test_block_and_is_judged_on_nothing(walk, test_begins):
    last = walk.outer(TEST)
    assert len(last.val) == 0
    assert last.train.label_ends.max() < test_begins
    assert (test_begins - last.train.dates.max()).astype(int) < 10
    last.check_context(32)


def test_it_travels_to_a_worker(walk):
    copy = pickle.loads(pickle.dumps(walk))  # noqa: S301 (our own bytes)
    np.testing.assert_array_equal(copy.outer("cal").features, walk.outer("cal").features)
