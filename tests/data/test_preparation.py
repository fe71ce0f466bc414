"""A trial's data is scaled on train, ends with val, and holds windows of one ticker each."""

import pickle

import numpy as np
import pandas as pd
import pytest

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.catalogue import compute_features, tier_features
from phase6c.data.labels import label_up
from phase6c.data.preparation import prepare_search_data
from phase6c.data.scaling import CLIP
from phase6c.data.windows import SearchData
from phase6c.errors import DataError

A20 = DataConfig(tier="a20")


def features_of(bars) -> np.ndarray:
    return compute_features(bars.frame, tier_features("a20", bars.frame.columns))


@pytest.fixture(scope="module")
def data(sp500) -> SearchData:
    return prepare_search_data(sp500, A20)


@pytest.fixture(scope="module")
def panel(random_frame, bars_of):
    """Three tickers: one whole, one that starts late, one too short for any window."""
    return bars_of(
        random_frame(1200, 1, "whole"),
        random_frame(800, 2, "late", start="2002-07-15"),
        random_frame(100, 3, "short"),
    )


def test_sp500_is_cut_as_the_contract_says(data):
    summary = data.summary
    assert [summary.train.rows, summary.val.rows, summary.cal.rows, summary.test.rows] == [
        2837,
        709,
        472,
        709,
    ]
    assert (len(data.train), len(data.val)) == (2837, 709)
    assert summary.val.base_rate == pytest.approx(0.2, abs=0.03)
    assert data.base_rate == summary.train.base_rate == pytest.approx(data.train.y.mean())


def test_nothing_of_cal_or_test_is_in_it(data, sp500):
    dates = sp500.frame["date"].to_numpy().astype("datetime64[D]")
    lookback = 251
    assert len(data.features) == (dates <= data.val.dates[-1]).sum() - lookback
    assert set(vars(data)).isdisjoint({"cal", "test"})
    assert "base_rate" not in data.summary.test.model_dump()


def test_later_bars_change_nothing_but_the_digest_of_the_bars(data, sp500, bars_of):
    changed = sp500.frame.copy()
    after = changed["date"] >= pd.Timestamp(data.summary.cal.first_date)
    changed.loc[after, ["open", "high", "low", "close"]] *= 3
    same = prepare_search_data(bars_of(changed), A20)
    np.testing.assert_array_equal(same.features, data.features)
    np.testing.assert_array_equal(same.val.y, data.val.y)


def test_the_scaler_knows_the_train_rows_only(data, sp500):
    raw = features_of(sp500)
    dates = sp500.frame["date"].to_numpy().astype("datetime64[D]")
    train = raw[np.isin(dates, data.train.dates)]
    np.testing.assert_allclose(data.scaler.mean, train.mean(axis=0)[None], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(data.scaler.scale, train.std(axis=0)[None], rtol=1e-4)
    scaled = data.features[data.train.end_rows]
    assert np.abs(scaled.mean(axis=0)).max() < 0.05  # the clipped tail is missing from it
    assert np.abs(data.features).max() <= CLIP
    assert data.features.dtype == np.float32


def test_every_window_row_is_that_days_features_and_label(data, sp500):
    raw = features_of(sp500)
    up = label_up(sp500.frame, DataConfig())
    dates = sp500.frame["date"].to_numpy().astype("datetime64[D]")
    rows = np.searchsorted(dates, data.val.dates)
    scaled = np.clip((raw[rows] - data.scaler.mean) / data.scaler.scale, -CLIP, CLIP)
    np.testing.assert_allclose(data.features[data.val.end_rows], scaled, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(data.dates[data.val.end_rows], data.val.dates)
    np.testing.assert_array_equal(data.val.y, up[rows])


def test_a_context_may_reach_back_as_far_as_there_are_features(data):
    data.check_context(32)
    data.check_context(50)
    with pytest.raises(DataError, match="at most 50 days"):
        data.check_context(51)


def test_tickers_are_cut_on_the_same_dates(panel):
    data = prepare_search_data(panel, A20.model_copy(update={"horizon_days": 3}))
    assert data.tickers == ("late", "whole")
    assert data.summary.tickers_without_rows == ("short",)
    assert np.isfinite(data.features).all()
    for block in (data.train, data.val):
        order = np.lexsort((block.tickers, block.dates))
        assert (order == np.arange(len(block))).all()
        starts = data.ticker_starts[block.tickers]
        ends = np.append(data.ticker_starts[1:], len(data.features))[block.tickers]
        assert (block.end_rows - 31 >= starts).all()
        assert (block.end_rows < ends).all()
    assert data.train.dates.max() < data.val.dates.min()
    assert set(data.val.tickers) == {0, 1}


def test_it_travels_to_a_worker_unchanged(data):
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301 (our own bytes)
    assert copy.digest == data.digest
    np.testing.assert_array_equal(copy.features, data.features)
    assert len(pickle.dumps(data)) < 1_000_000


def test_the_digest_names_bars_and_configuration(data, sp500, random_frame, bars_of):
    assert prepare_search_data(sp500, DataConfig(tier="a20", threshold=0.01)).digest == data.digest
    for other in ({"label": "close"}, {"scaling": "per_ticker"}, {"horizon_days": 2}):
        changed = DataConfig(tier="a20", **other)
        assert prepare_search_data(sp500, changed).digest != data.digest, other
    assert data.summary.model_validate_json(data.summary.model_dump_json()) == data.summary


def test_too_few_rows_are_refused_with_the_number_needed(random_frame, bars_of):
    with pytest.raises(DataError, match="at least 505 daily bars") as caught:
        prepare_search_data(bars_of(random_frame(400)), A20)
    assert caught.value.exit_code == 65


def test_one_class_only_is_refused(sp500):
    with pytest.raises(DataError, match=r"Both classes must occur in the train block.*no rise"):
        prepare_search_data(sp500, DataConfig(tier="a20", threshold=0.9))


def test_of_the_test_block_too_both_classes_are_required(data, sp500, bars_of):
    frame = sp500.frame.copy()
    calm = frame["date"] >= pd.Timestamp(data.summary.test.first_date)
    frame.loc[calm, ["open", "high", "low", "close"]] = 100.0
    with pytest.raises(DataError, match="the test block"):
        prepare_search_data(bars_of(frame), A20)


def test_bars_that_stand_still_are_named_as_the_cause_of_a_missing_class(sp500, tmp_path):
    frame = sp500.frame.copy()
    still = frame.index >= 2600
    frame.loc[still, ["open", "high", "low", "close"]] = frame.loc[2599, "close"]
    frame.loc[still, "volume"] = 0
    frame.to_csv(tmp_path / "padded.csv", index=False)
    with pytest.raises(DataError, match=r"no rise \(.*one price is repeated.* the last 2431 bars"):
        prepare_search_data(load_bars(tmp_path / "padded.csv"), A20)


@pytest.mark.parametrize("label", ["high", "close", "vol"])
@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_every_label_and_horizon_has_the_same_blocks(data, sp500, label, horizon):
    config = DataConfig(tier="a20", label=label, horizon_days=horizon)
    summary = prepare_search_data(sp500, config).summary
    for name in ("train", "val", "cal", "test"):
        block, same = getattr(summary, name), getattr(data.summary, name)
        assert block.first_date == same.first_date
        assert block.rows == same.rows - horizon + 1
    assert 0.1 < summary.val.base_rate < 0.4
    assert summary.rise == config.rise


def test_bars_of_closes_only_use_the_features_that_they_allow(sp500, bars_of):
    closes = bars_of(sp500.frame[["date", "ticker", "close"]])
    summary = prepare_search_data(closes, DataConfig(tier="a20", label="close")).summary
    assert summary.dropped_features == (
        "parkinson_10",
        "natr_14",
        "range_1",
        "rsv_20",
        "logvol_z_20",
        "mfi_14",
    )
    with pytest.raises(DataError, match="label high needs the columns high, low, close"):
        prepare_search_data(closes, A20)


def test_every_ticker_can_be_scaled_on_its_own(panel):
    pooled = prepare_search_data(panel, A20)
    data = prepare_search_data(panel, DataConfig(tier="a20", scaling="per_ticker"))
    assert pooled.scaler.mean.shape == (1, 20)
    assert data.scaler.mean.shape == (2, 20)
    for ticker in range(2):
        own = data.features[data.train.end_rows[data.train.tickers == ticker]]
        assert np.abs(own.mean(axis=0)).max() < 0.05
    np.testing.assert_array_equal(pooled.train.y, data.train.y)


def test_logs_are_taken_before_scaling_and_stored_by_name(data, sp500):
    logged = prepare_search_data(sp500, DataConfig(tier="a20", logs=True))
    assert data.logged == ()
    assert logged.logged == (*("rv_5", "rv_20", "rv_60", "parkinson_10", "natr_14", "range_1"),)
    assert logged.digest != data.digest
    rows = data.train.end_rows
    raw = features_of(sp500)[-len(sp500.frame) :]
    for name in ("rv_20", "ret_1"):
        column = data.feature_names.index(name)
        values = raw[251:, column][rows]
        expected = np.log(values) if name == "rv_20" else values
        assert logged.scaler.mean[0, column] == pytest.approx(expected.mean(), rel=1e-4, abs=1e-7)
    assert logged.features.std() == pytest.approx(1, abs=0.2)
