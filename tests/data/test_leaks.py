"""Planted leaks are caught, whichever way the future gets in."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phase6c.config import DataConfig
from phase6c.data import history, preparation
from phase6c.data.bars import ticker_frames
from phase6c.data.catalogue import FEATURES, compute_features, tier_features
from phase6c.data.indicators.feature import CLOSE, CLOSE_VOLUME, Feature
from phase6c.data.leaks import check_causal, check_labels, check_scaler, check_search_data
from phase6c.data.panel import feature_panel
from phase6c.data.preparation import prepare_search_data
from phase6c.data.rows import Rows
from phase6c.data.scaling import MIN_TICKER_WINDOWS, Scaler
from phase6c.data.splits import split_dates
from phase6c.errors import DataError, LeakError

A20 = DataConfig(tier="a20")


@pytest.fixture(scope="module")
def bars(random_frame, bars_of):
    return bars_of(random_frame(1200, 1, "aaa"), random_frame(1100, 2, "bbb"))


@pytest.fixture(scope="module")
def data(bars):
    return prepare_search_data(bars, A20)


def future_label(bars):
    """1 where tomorrow's high is 1 % above today's close."""
    return (np.append(bars.high[1:], 0.0) >= 1.01 * bars.close).astype(float)


def planted(name, needs, compute):
    return Feature(name, "returns", 0, "a leak", needs, compute)


def tomorrow(values):
    return np.append(values[1:], np.nan)


PLANTED = (
    planted("label", ("high", "close"), future_label),
    planted("return", CLOSE, lambda bars: np.log(tomorrow(bars.close) / bars.close)),
    planted("volume", CLOSE_VOLUME, lambda bars: np.log1p(tomorrow(bars.volume))),
    planted("centred", CLOSE, lambda bars: np.convolve(bars.close, np.ones(3) / 3, "same")),
    planted("whole", CLOSE, lambda bars: bars.close - bars.close.mean()),
    planted(
        "last_of_month",
        (),
        lambda bars: np.diff(
            bars.date.astype("M8[M]"), append=bars.date[-1:].astype("M8[M]")
        ).astype(float),
    ),
)


@pytest.mark.parametrize("feature", PLANTED, ids=lambda feature: feature.name)
@pytest.mark.parametrize("seed", range(3))
def test_a_feature_that_reads_a_later_bar_is_caught(random_frame, feature, seed):
    frame, honest = random_frame(400, seed), FEATURES["ret_5"]
    values = compute_features(frame, (honest, feature)).astype(np.float32)
    with pytest.raises(LeakError, match=f"not read later bars; found: {feature.name}"):
        check_causal(frame, (honest, feature), values)
    check_causal(frame, (honest,), values[:, :1])


@pytest.mark.parametrize("feature", PLANTED[:3], ids=lambda feature: feature.name)
def test_no_search_begins_with_such_a_feature(bars, monkeypatch, feature):
    features = (*tier_features("a20", bars.frame.columns), feature)
    monkeypatch.setattr(preparation, "tier_features", lambda *_: features)
    with pytest.raises(LeakError, match="must not read later bars"):
        prepare_search_data(bars, A20)


def test_a_panel_of_other_bars_is_caught(bars, monkeypatch):
    """As if the cache had given another file's content."""
    monkeypatch.setattr(preparation, "feature_panel", lambda *given: 1.01 * feature_panel(*given))
    with pytest.raises(LeakError, match="must not read later bars"):
        prepare_search_data(bars, A20)


@pytest.mark.parametrize("scaling", ["pooled", "per_ticker"])
def test_a_scaler_fitted_on_everything_is_caught(bars, monkeypatch, scaling):
    class Everything(Scaler):
        @classmethod
        def fit(cls, panel, rows, tickers, n_tickers, scaling):
            every = np.arange(len(panel))
            of_ticker = np.repeat([0, 1], [len(panel) // 2, len(panel) - len(panel) // 2])
            return Scaler.fit(panel, every, of_ticker, n_tickers, scaling)

    monkeypatch.setattr(history, "Scaler", Everything)
    with pytest.raises(LeakError, match="scaler must be fitted on the train windows alone"):
        prepare_search_data(bars, DataConfig(tier="a20", scaling=scaling))


def test_a_ticker_with_few_train_windows_scaled_by_its_later_ones_is_caught(random_frame, bars_of):
    late = random_frame(600, 2, "late", start="2002-12-13")
    bars = bars_of(random_frame(1200, 1, "whole"), late)
    config = DataConfig(tier="a20", scaling="per_ticker")
    data = prepare_search_data(bars, config)
    own = data.train.tickers == 0
    assert 0 < own.sum() < MIN_TICKER_WINDOWS
    panel = np.random.default_rng(0).standard_normal(data.features.shape).astype(np.float32)
    rows, tickers = data.train.end_rows, data.train.tickers
    honest = Scaler.fit(panel, rows, tickers, 2, "per_ticker")
    check_scaler(honest, panel, data.train, 2, "per_ticker")
    leaking = replace(honest, mean=honest.mean.copy())
    leaking.mean[0] = panel[data.val.end_rows[data.val.tickers == 0]].mean(axis=0)
    with pytest.raises(LeakError, match="train windows alone"):
        check_scaler(leaking, panel, data.train, 2, "per_ticker")


def test_labels_of_later_days_are_caught(bars, monkeypatch):
    """Each row's label is that of three days later; its dates do not tell."""

    class Shifted(Rows):
        @classmethod
        def of(cls, frames, config):
            rows = Rows.of(frames, config)
            return replace(rows, up=np.append(rows.up[3:], rows.up[:3]))

    monkeypatch.setattr(preparation, "Rows", Shifted)
    with pytest.raises(LeakError, match="A label of train must follow from bars before"):
        prepare_search_data(bars, A20)


def test_features_that_are_not_finite_or_out_of_order_are_caught(data):
    features = data.features.copy()
    features[5, 5] = np.nan
    with pytest.raises(LeakError, match="must be finite"):
        check_search_data(replace(data, features=features))
    dates = data.dates.copy()
    dates[[3, 4]] = dates[[4, 3]]
    with pytest.raises(LeakError, match="must ascend"):
        check_search_data(replace(data, dates=dates))


def test_a_base_rate_of_another_block_is_caught(data):
    with pytest.raises(LeakError, match="base rate must be that of train"):
        check_search_data(replace(data, base_rate=float(data.val.y.mean())))


def test_a_window_whose_label_crosses_the_border_is_caught(bars, monkeypatch):
    """The splits forget their purge."""

    def without_purge(calendar, config):
        splits = split_dates(calendar, config)
        late = replace(splits.train, last=splits.val.first - 1, border=None)
        return replace(splits, train=late)

    monkeypatch.setattr(preparation, "split_dates", without_purge)
    with pytest.raises(LeakError, match="Nothing in train may reach"):
        prepare_search_data(bars, A20)


def test_a_row_of_cal_or_test_in_train_is_caught(data):
    late = np.datetime64(data.summary.test.first_date)
    for name in ("dates", "label_ends"):
        changed = getattr(data.train, name).copy()
        changed[7] = late
        with pytest.raises(LeakError):
            check_search_data(replace(data, train=replace(data.train, **{name: changed})))
    dates = data.dates.copy()
    dates[-1] = late
    with pytest.raises(LeakError, match="Nothing in panel may reach"):
        check_search_data(replace(data, dates=dates))


def test_a_window_that_ends_elsewhere_than_it_says_is_caught(data):
    """One row later, and a label that does not follow."""
    rows = data.train.end_rows.copy()
    rows[3] += 1
    with pytest.raises(LeakError, match="A window of train must end on its date"):
        check_search_data(replace(data, train=replace(data.train, end_rows=rows)))
    same_day = replace(data.val, label_ends=data.val.dates)
    with pytest.raises(LeakError, match="A window of val must end on its date, before its label"):
        check_search_data(replace(data, val=same_day))


def test_a_window_of_another_ticker_is_caught(data):
    other = replace(data.train, tickers=1 - data.train.tickers)
    with pytest.raises(LeakError, match="A window of train"):
        check_search_data(replace(data, train=other))


def test_honest_data_passes(bars, data):
    check_search_data(data)
    rows = Rows.of(ticker_frames(bars), A20)
    assert len(rows.calendar) == 900


def filled(frame: pd.DataFrame) -> pd.DataFrame:
    """The bars with every Saturday and Sunday filled forward."""
    days = pd.date_range(frame["date"].iloc[0], frame["date"].iloc[-1], name="date")
    return frame.set_index("date").reindex(days).ffill().reset_index()


def test_bars_that_were_filled_forward_are_caught_before_a_search(random_frame, bars_of):
    frame = random_frame(1500)
    prepare_search_data(bars_of(frame), DataConfig(tier="a20"))
    with pytest.raises(DataError, match=r"must not tell the next bar's high.*Fridays"):
        prepare_search_data(bars_of(filled(frame)), DataConfig(tier="a20"))


def test_moves_of_other_days_than_the_labels_are_caught(bars, data):
    frames = ticker_frames(bars)
    check_labels(data.train, frames, data.tickers, A20)
    later = replace(data.train, coming=np.roll(data.train.coming, -1, axis=0))
    with pytest.raises(LeakError, match="label of train"):
        check_labels(later, frames, data.tickers, A20)
