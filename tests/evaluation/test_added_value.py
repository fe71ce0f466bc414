"""Something is hardly ever said to be added where nothing is, and mostly where something is."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def added_value(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import added_value

    yield added_value
    sys.modules.pop("added_value")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "n_yes"), [("nothing", (0, 1)), ("ignorant", (0, 1)), ("non_linear", (4, 6))]
)
def test_what_is_said_to_be_added(kind, n_yes, added_value, monkeypatch):
    monkeypatch.setattr(added_value, "DRAWS", added_value.DRAWS._replace(n=200))
    found = [
        added_value.answer(*added_value.made_set(kind, np.random.default_rng(seed)))
        for seed in range(6)
    ]
    assert n_yes[0] <= found.count("yes") <= n_yes[1]
