"""Blocks follow each other in time, and no label of one reads a bar of the next."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from phase6c.config import DataConfig, parse
from phase6c.data.splits import (
    FIRST_TRAIN_SHARE,
    WARMUP_DAYS,
    days_needed,
    evaluation_steps,
    split_dates,
    walk_forward,
)
from phase6c.errors import ConfigError, DataError

HORIZONS = st.integers(1, 20)


def calendar(n_days):
    return np.datetime64("2001-01-01") + np.arange(n_days)


@settings(deadline=None, max_examples=60)
@given(n_days=st.integers(420, 6000), horizon=HORIZONS)
def test_blocks_are_ordered_disjoint_and_lose_only_the_purge(n_days, horizon):
    days = calendar(n_days)
    splits = split_dates(days, DataConfig(horizon_days=horizon))
    spans = list(splits.spans().values())
    covered = 0
    for span in spans:
        ends = days  # a label that ends on its own day: membership by date alone
        inside = span.contains(days, ends)
        assert days[inside][0] == span.first
        assert days[inside][-1] == span.last
        covered += inside.sum()
    for before, after in pairwise(spans):
        assert before.border == after.first
        assert (after.first - before.last).astype(int) == horizon + 1
    assert covered == n_days - 4 * horizon


@settings(deadline=None, max_examples=100)
@given(
    n_days=st.integers(800, 4000),
    horizon=HORIZONS,
    train=st.integers(30, 60),
    val=st.integers(10, 20),
    cal=st.integers(8, 15),
    seed=st.integers(0, 99),
)
def test_blocks_agree_with_an_independent_implementation(n_days, horizon, train, val, cal, seed):
    """Whole percents in exact fractions, one day after the other, on an irregular calendar."""
    rng = np.random.default_rng(seed)
    days = np.datetime64("1990-01-01") + np.cumsum(rng.integers(1, 5, n_days))
    block_of_day = []
    for position in range(n_days):
        share = Fraction(position + 1, n_days) * 100
        block_of_day.append(
            sum(share > end for end in (train, train + val, train + val + cal))  # 0 is train
        )
    expected = {}
    for number, name in enumerate(("train", "val", "cal", "test")):
        of_block = [day for day, block in zip(days, block_of_day, strict=True) if block == number]
        expected[name] = of_block[: len(of_block) - horizon]
    config = DataConfig(
        horizon_days=horizon,
        train_fraction=train / 100,
        val_fraction=val / 100,
        cal_fraction=cal / 100,
    )
    for name, span in split_dates(days, config).spans().items():
        inside = span.contains(days, days)
        assert days[inside].tolist() == [day.item() for day in expected[name]], name


def test_cuts_do_not_depend_on_horizon_or_label():
    days = calendar(2000)
    firsts = [
        [span.first for span in split_dates(days, config).spans().values()]
        for config in (DataConfig(), DataConfig(horizon_days=5), DataConfig(label="vol"))
    ]
    assert firsts[0] == firsts[1] == firsts[2]


@settings(deadline=None, max_examples=60)
@given(n_days=st.integers(420, 3000), horizon=HORIZONS, seed=st.integers(0, 999))
def test_no_label_reaches_into_the_next_block_even_of_a_ticker_that_skips_days(
    n_days, horizon, seed
):
    days = calendar(n_days)
    splits = split_dates(days, DataConfig(horizon_days=horizon))
    traded = days[np.random.default_rng(seed).random(n_days) < 0.7]
    dates, label_ends = traded[:-horizon], traded[horizon:]
    for span in (splits.train, splits.val, splits.cal):
        inside = span.contains(dates, label_ends)
        assert (label_ends[inside] < span.border).all()


def test_fractions_are_those_asked_for():
    spans = split_dates(calendar(1000), DataConfig()).spans()
    days = [int((span.last - span.first).astype(int)) + 1 for span in spans.values()]
    assert days == [599, 149, 99, 149]


@pytest.mark.parametrize("fractions", [{}, {"val_fraction": 0.05}, {"cal_fraction": 0.2}])
@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_too_few_days_are_refused_with_the_number_needed(horizon, fractions):
    config = DataConfig(horizon_days=horizon, **fractions)
    needed = days_needed(config)
    split_dates(calendar(needed - WARMUP_DAYS), config)
    with pytest.raises(DataError, match=f"at least {needed} daily bars.* days left"):
        split_dates(calendar(needed - WARMUP_DAYS - 1), config)


@settings(deadline=None, max_examples=60)
@given(n_days=st.integers(1000, 5000), purge=HORIZONS, n_folds=st.integers(5, 8))
def test_walk_forward_folds_agree_with_scikit_learn(n_days, purge, n_folds):
    days = calendar(n_days)
    end = days[int(0.85 * n_days)]
    before = days[days < end]
    folds = walk_forward(days, end, DataConfig(horizon_days=purge), n_folds)
    size = int(len(before) * (1 - FIRST_TRAIN_SHARE) / n_folds)
    expected = TimeSeriesSplit(n_folds, test_size=size, gap=purge).split(before)
    for fold, (train, out) in zip(folds, expected, strict=True):
        assert (fold.train.first, fold.train.last) == (before[train[0]], before[train[-1]])
        assert fold.train.border == fold.out.first == before[out[0]]
        assert fold.out.last == before[out[-1] - purge]


@settings(deadline=None, max_examples=60)
@given(n_days=st.integers(900, 3000), horizon=HORIZONS, seed=st.integers(0, 999))
def test_a_fold_trains_on_labels_that_end_before_it_and_reads_nothing_of_the_test_block(
    n_days, horizon, seed
):
    days = calendar(n_days)
    splits = split_dates(days, DataConfig(horizon_days=horizon))
    folds = walk_forward(days, splits.test.first, DataConfig(horizon_days=horizon))
    traded = days[np.random.default_rng(seed).random(n_days) < 0.8]
    dates, label_ends = traded[:-horizon], traded[horizon:]
    assert len(folds) == 5
    for fold in folds:
        assert (label_ends[fold.train.contains(dates, label_ends)] < fold.out.first).all()
        assert (label_ends[fold.out.contains(dates, label_ends)] < splits.test.first).all()
    for before, after in pairwise(folds):
        assert before.out.first < after.out.first
        ends = label_ends[before.out.contains(dates, label_ends)]
        assert (ends < after.out.first).all()
        assert before.train.first == after.train.first
        assert before.train.last < after.train.last


def test_folds_that_are_too_small_or_none_are_refused():
    days = calendar(300)
    with pytest.raises(DataError, match=r"at least 20 days.*5 folds of 27 days, 10 of them purged"):
        walk_forward(days, days[270], DataConfig(horizon_days=10))
    with pytest.raises(ConfigError, match="at least 5 folds; found: 4"):
        walk_forward(days, days[270], DataConfig(), 4)


@pytest.mark.parametrize(
    "fractions", [{"train_fraction": 0.7, "cal_fraction": 0.15}, {"val_fraction": 0.001}]
)
def test_a_block_that_no_bars_could_fill_is_refused(fractions):
    """Among them one that rounding leaves above zero."""
    with pytest.raises(ConfigError, match=r"every block, test included, must have at least 1%"):
        parse(DataConfig, fractions)


@pytest.mark.parametrize("horizon", [1, 5])
def test_an_evaluation_walks_to_cal_and_then_test_and_looks_back_only(horizon):
    config = DataConfig(horizon_days=horizon)
    days = calendar(1500)
    splits = split_dates(days, config)
    steps = evaluation_steps(days, splits, config)
    assert [step.name for step in steps] == [*(f"fold_{one}" for one in range(1, 6)), "cal", "test"]
    assert steps[-2].fold.out == splits.cal
    assert steps[-1].fold.out == splits.test
    assert steps[4].fold.out.border == splits.cal.first
    for step in steps:
        train, out, inner = step.fold.train, step.fold.out, step.inner
        assert inner.train.first == train.first == days[0]
        assert inner.out.last == train.last
        place = {name: np.searchsorted(days, one) for name, one in vars_of(step).items()}
        assert place["out"] - place["last"] == horizon + 1
        assert place["inner_out"] - place["inner_last"] == horizon + 1
        assert train.last < out.first
        share = (place["last"] - place["inner_out"] + 1) / (place["last"] + 1)
        assert share == pytest.approx(0.2, abs=0.01)


def vars_of(step):
    """The days on which a step's parts begin and end."""
    return {
        "last": step.fold.train.last,
        "out": step.fold.out.first,
        "inner_last": step.inner.train.last,
        "inner_out": step.inner.out.first,
    }
