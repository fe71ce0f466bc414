"""Blocks follow each other in time, and no label of one reads a bar of the next."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.config import DataConfig
from phase6c.data.splits import days_needed, split_dates
from phase6c.errors import DataError

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
    assert covered == n_days - 3 * horizon


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
    assert days == [599, 149, 99, 150]


def test_too_few_days_are_refused_with_the_number_needed():
    config = DataConfig()
    needed = days_needed(config)
    assert needed == 300 + 1 + 220
    split_dates(calendar(needed - 300 - 1), config)
    with pytest.raises(DataError, match=f"at least {needed} daily bars.*100 days left"):
        split_dates(calendar(100), config)


@settings(deadline=None, max_examples=60)
@given(horizon=st.integers(1, 60), train=st.floats(0.3, 0.7), val=st.floats(0.05, 0.15))
def test_the_days_named_as_needed_are_enough(horizon, train, val):
    config = DataConfig(horizon_days=horizon, train_fraction=train, val_fraction=val)
    split_dates(calendar(days_needed(config) - 300 - horizon), config)
