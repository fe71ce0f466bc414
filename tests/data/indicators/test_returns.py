"""Returns, against a ratio of two closes."""

from math import log

import pytest

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.returns import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}
# The days ago from which, and until which, each return runs.
SPANS = {f"ret_{n}": (n, 0) for n in (1, 2, 3, 5, 10, 20, 30, 40, 60, 120, 250)}
SPANS |= {"ret_20_skip5": (20, 5), "ret_250_skip20": (250, 20)}


def test_every_return_has_its_span():
    assert set(SPANS) == set(OF_NAME)


@pytest.mark.parametrize("name", SPANS)
def test_a_return_is_the_log_of_its_last_close_over_its_first(sp500, name):
    values = compute_features(sp500.frame, [OF_NAME[name]])[:, 0]
    since, until = SPANS[name]
    close = list(sp500.frame["close"])
    for day in (since, 1000, len(close) - 1):
        assert values[day] == pytest.approx(log(close[day - until] / close[day - since]), rel=1e-9)
