"""A panel is computed once: the next run reads it, and a damaged or other one is made anew."""

import numpy as np
import pytest

from phase6c.data import panel
from phase6c.data.catalogue import compute_features, tier_features
from phase6c.data.panel import MAX_CACHED_PANELS, feature_panel

FEATURES = tier_features("a20", ("date", "open", "high", "low", "close", "volume"))


@pytest.fixture
def bars(random_frame, bars_of):
    return bars_of(random_frame(300, 1, "bbb"), random_frame(280, 2, "aaa"))


@pytest.fixture
def computed(monkeypatch):
    """The tickers whose features were computed, in order."""
    found = []

    def counting(frame, features):
        found.append(frame["ticker"].iloc[0])
        return compute_features(frame, features)

    monkeypatch.setattr(panel, "compute_features", counting)
    return found


def test_its_rows_are_those_of_the_bars(bars):
    values = feature_panel(bars, FEATURES, None)
    assert values.dtype == np.float32
    own = bars.frame["ticker"] == "bbb"
    expected = compute_features(bars.frame[own], FEATURES).astype(np.float32)
    np.testing.assert_array_equal(values[own], expected)


def test_a_second_run_computes_nothing(bars, computed, tmp_path):
    first = feature_panel(bars, FEATURES, tmp_path / "cache")
    assert computed == ["aaa", "bbb"]
    second = feature_panel(bars, FEATURES, tmp_path / "cache")
    assert computed == ["aaa", "bbb"]
    np.testing.assert_array_equal(first, second)


def test_other_bars_features_or_code_are_computed(bars, computed, tmp_path, monkeypatch):
    feature_panel(bars, FEATURES, tmp_path)
    feature_panel(bars, FEATURES[:5], tmp_path)
    assert len(computed) == 4
    monkeypatch.setattr(panel, "feature_code_digest", lambda: "of other code")
    feature_panel(bars, FEATURES, tmp_path)
    assert len(computed) == 6
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-8], lambda c: c[:99] + b"!" + c[100:], lambda _: b""]
)
def test_a_damaged_file_is_made_anew(bars, computed, tmp_path, damage):
    expected = feature_panel(bars, FEATURES, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    np.testing.assert_array_equal(feature_panel(bars, FEATURES, tmp_path), expected)
    assert len(computed) == 4
    assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_used_costs_time_only(bars, computed, tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    feature_panel(bars, FEATURES, tmp_path / "cache")
    assert "computed again next time" in caplog.text
    assert computed == ["aaa", "bbb"]


def test_only_the_panels_used_last_are_kept(bars, computed, tmp_path):
    for n_features in range(1, MAX_CACHED_PANELS + 3):
        feature_panel(bars, FEATURES[:n_features], tmp_path)
        feature_panel(bars, FEATURES[:1], tmp_path)  # in use all the time
    assert len(list(tmp_path.iterdir())) == MAX_CACHED_PANELS
    del computed[:]
    feature_panel(bars, FEATURES[:1], tmp_path)
    assert not computed


def test_prose_makes_no_other_code_but_a_change_does():
    code = 'def mean(x):\n    """The mean."""\n    return sum(x) / len(x)  # of all\n'
    prose = (
        'def mean(x):\n    """The mean of all values."""\n    # why\n    return sum(x) / len(x)\n'
    )
    assert panel._without_prose(code) == panel._without_prose(prose)
    assert panel._without_prose(code) != panel._without_prose(code.replace("/", "*"))
