"""The market of a day is told by that day's bars alone, whoever begins later or ends earlier."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phase6c.config import DataConfig
from phase6c.data.leaks import check_same_day
from phase6c.data.market import MARKET_SOURCES, cross_sectional
from phase6c.data.preparation import prepare, prepare_search_data
from phase6c.errors import DataError, LeakError

MARKET = DataConfig(tier="a20", market="on")
RANKED = DataConfig(tier="a20", scaling="cross_section")
NAMES = ["ret_1", "rsi_14"]

days = st.lists(st.integers(0, 5), min_size=1, max_size=40).map(
    lambda numbers: np.datetime64("2020-01-01") + np.array(numbers)
)


@st.composite
def panels(draw):
    dates = draw(days)
    values = st.floats(-100, 100, width=32) | st.just(np.nan)
    return draw(arrays(np.float32, (len(dates), 2), elements=values)), dates


def both(panel, dates):
    return (cross_sectional(panel, NAMES, dates, config) for config in (MARKET, RANKED))


@given(panels())
def test_no_day_knows_another(made):
    panel, dates = made
    early = dates <= dates[0]
    for (whole, _), (part, _) in zip(
        both(panel, dates), both(panel[early], dates[early]), strict=True
    ):
        np.testing.assert_array_equal(whole[early], part)


@given(panels(), st.randoms(use_true_random=False))
def test_the_order_of_the_tickers_does_not_count(made, random):
    panel, dates = made
    order = np.array(random.sample(range(len(dates)), len(dates)))
    for (one, _), (other, _) in zip(
        both(panel, dates), both(panel[order], dates[order]), strict=True
    ):
        np.testing.assert_allclose(one[order], other, rtol=1e-5, atol=1e-5)


@given(panels())
def test_a_row_without_the_feature_has_no_market_and_takes_no_part_in_it(made):
    panel, dates = made
    known = ~np.isnan(panel[:, 0])
    wider, columns = cross_sectional(panel, NAMES, dates, MARKET)
    assert columns == (*NAMES, "market_mean_ret_1", "market_spread_ret_1", "market_rank_ret_1")
    assert (np.isnan(wider[:, 2:]).all(axis=1) == ~known).all()
    alone = cross_sectional(panel[known], NAMES, dates[known], MARKET)[0]
    np.testing.assert_array_equal(wider[known], alone)


def test_a_day_has_a_mean_a_spread_and_ranks():
    panel = np.array([[1, 0], [3, 0], [3, 0], [9, 0], [7, 5]], dtype=np.float32)
    dates = np.array(["2020-01-01"] * 4 + ["2020-01-02"], dtype="datetime64[D]")
    wider, _ = cross_sectional(panel, NAMES, dates, MARKET)
    assert wider[:4, 2] == pytest.approx([4.0] * 4)
    assert wider[:4, 3] == pytest.approx([3.0] * 4)
    assert wider[:4, 4] == pytest.approx([-1, 0, 0, 1])
    assert wider[4, 2:] == pytest.approx([7, 0, 0])  # alone on its day
    ranked, columns = cross_sectional(panel, NAMES, dates, RANKED)
    assert columns == tuple(NAMES)
    assert ranked[:, 0] == pytest.approx([-1, 0, 0, 1, 0])


@pytest.fixture(scope="module")
def bars(random_frame, bars_of):
    """A ticker throughout, one that begins late, one that ends early."""
    return bars_of(
        random_frame(1200, 1, "whole"),
        random_frame(800, 2, "late", start="2002-07-15"),
        random_frame(900, 3, "ended"),
    )


@pytest.mark.parametrize("config", [MARKET, RANKED], ids=["market", "ranks"])
def test_later_bars_of_any_ticker_change_nothing_before(bars, bars_of, config):
    whole = prepare(bars, config)[1]
    days = np.unique(whole.rows.dates)
    for last in days[[700, 950]]:
        cut = bars.frame[bars.frame["date"].to_numpy().astype("datetime64[D]") <= last]
        # Later bars decide where the blocks lie, but not what an early row holds.
        early = prepare(bars_of(cut), config)[1]
        rows = whole.rows.dates <= last
        np.testing.assert_array_equal(whole.features[rows], early.features)


def test_it_is_searched_with_beside_the_features_of_each_ticker(bars):
    data, plain = (prepare_search_data(bars, one) for one in (MARKET, DataConfig(tier="a20")))
    added = [name for name in data.feature_names if name not in plain.feature_names]
    assert len(added) == 3 * len(MARKET_SOURCES)
    np.testing.assert_array_equal(data.features[:, : len(plain.feature_names)], plain.features)
    assert data.digest != plain.digest
    assert np.isfinite(data.features).all()


def test_a_single_ticker_has_no_market(random_frame, bars_of):
    for config, said in ((MARKET, "market=on"), (RANKED, "scaling=cross_section")):
        with pytest.raises(DataError, match=f"{said} compares the tickers of a day"):
            prepare_search_data(bars_of(random_frame(1200)), config)


def test_a_market_that_reads_the_day_after_is_a_leak():
    rng = np.random.default_rng(0)
    panel = rng.normal(size=(60, 2)).astype(np.float32)
    dates = np.datetime64("2020-01-01") + np.repeat(np.arange(20), 3)
    wider, _ = cross_sectional(panel, NAMES, dates, MARKET)
    check_same_day(wider, panel, NAMES, dates, MARKET)
    shifted = wider.copy()
    shifted[:-3, 2] = wider[3:, 2]
    with pytest.raises(LeakError, match="market_mean_ret_1"):
        check_same_day(shifted, panel, NAMES, dates, MARKET)
