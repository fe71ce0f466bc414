"""Planted leaks are caught, whichever way the future gets in."""

from dataclasses import replace

import numpy as np
import pytest

from phase6c.config import DataConfig
from phase6c.data import preparation
from phase6c.data.bars import ticker_frames
from phase6c.data.catalogue import FEATURES, tier_features
from phase6c.data.indicators.feature import CLOSE, Feature
from phase6c.data.labels import label_up
from phase6c.data.leaks import check_causal, check_search_data
from phase6c.data.preparation import prepare_search_data
from phase6c.data.rows import Rows
from phase6c.data.scaling import Scaler
from phase6c.data.splits import split_dates
from phase6c.errors import LeakError

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


PLANTED = Feature("planted", "returns", 0, "tomorrow's label", ("high", "close"), future_label)
CENTRED = Feature(
    "centred",
    "returns",
    0,
    "mean of yesterday, today and tomorrow",
    CLOSE,
    lambda bars: np.convolve(bars.close, np.ones(3) / 3, "same") / bars.close,
)


@pytest.mark.parametrize("feature", [PLANTED, CENTRED])
def test_a_feature_that_reads_the_next_day_is_caught(random_frame, feature):
    frame, honest = random_frame(400), FEATURES["ret_5"]
    n_days = 1 + int(np.flatnonzero(label_up(frame[:-1], A20) == 1)[-1])
    with pytest.raises(LeakError, match=f"not read later bars; found: {feature.name}"):
        check_causal(frame, (honest, feature), n_days)
    check_causal(frame, (honest,), n_days)


def test_a_feature_equal_to_the_future_label_is_caught_by_its_score(bars, monkeypatch):
    features = (*tier_features("a20", bars.frame.columns), PLANTED)
    monkeypatch.setattr(preparation, "tier_features", lambda *_: features)
    with pytest.raises(LeakError, match=r"AUC above 0\.95; found: planted with 1\.000"):
        prepare_search_data(bars, A20)


def test_a_scaler_fitted_on_everything_is_caught(bars, data, monkeypatch):
    class Everything(Scaler):
        @classmethod
        def fit(cls, features, tickers, n_tickers, scaling):
            del tickers, n_tickers, scaling
            # As if the later blocks had moved the mean by a hundredth of a deviation.
            mean, deviation = features.mean(axis=0), features.std(axis=0)
            return Scaler((mean + 0.01 * deviation)[None], deviation[None])

    monkeypatch.setattr(preparation, "Scaler", Everything)
    with pytest.raises(LeakError, match="scaler must be fitted on the train windows alone"):
        prepare_search_data(bars, A20)


def test_a_ticker_scaled_by_another_is_caught(bars):
    data = prepare_search_data(bars, DataConfig(tier="a20", scaling="per_ticker"))
    features = data.features.copy()
    features[data.ticker_starts[1] :] += 0.01
    with pytest.raises(LeakError, match="scaler must be fitted"):
        check_search_data(replace(data, features=features))


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
