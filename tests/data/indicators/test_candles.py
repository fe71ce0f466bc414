"""The shapes of single bars, against bars worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.candles import FEATURES


def last_of(*days):
    """The last day's values by name; a day is its open, high, low and close."""
    frame = pd.DataFrame(days, columns=["open", "high", "low", "close"], dtype=float)
    frame["date"] = pd.bdate_range("2024-01-01", periods=len(days))
    names = [feature.name for feature in FEATURES]
    return dict(zip(names, compute_features(frame, FEATURES)[-1], strict=True))


def test_a_rising_day_after_a_gap_up():
    assert last_of((8, 8, 8, 8), (11, 15, 10, 13)) == pytest.approx(
        {
            "gap_1": np.log(11 / 8),
            "co_ret": np.log(13 / 11),
            "kup2": 2 / 5,
            "klow2": 1 / 5,
            "ksft2": (26 - 25) / 5,
            "trange_norm": (15 - 8) / 13,
        }
    )


def test_a_falling_day_within_the_range_of_the_close_before():
    assert last_of((14, 14, 14, 14), (13, 15, 10, 11)) == pytest.approx(
        {
            "gap_1": np.log(13 / 14),
            "co_ret": np.log(11 / 13),
            "kup2": 2 / 5,
            "klow2": 1 / 5,
            "ksft2": (22 - 25) / 5,
            "trange_norm": 5 / 11,
        }
    )


@pytest.mark.parametrize("high", [10.0, np.nextafter(10.0, 11)])
def test_a_day_without_range_has_no_shadows_whatever_its_rounding_error(high):
    found = last_of((10, 10, 10, 10), (10, high, 10, 10))
    assert found == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-12)
