"""The benchmark of searches runs: every method that needs no further library, on a made-up task."""

import sys
from pathlib import Path

import numpy as np
import pytest

REPLAY = Path(__file__).parents[3] / "benchmarks" / "replay"
METHODS = (
    "phase6c",
    "random + ASHA, grace 1",
    "Ray OptunaSearch + ASHA, grace 1",
    "Optuna TPE + successive halving",
    "BOHB rule + ASHA, grace 1",
)


@pytest.fixture(scope="module")
def families():
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPLAY))
        import families

        patch.setattr(families, "FULL_TRAININGS", 4)
        yield families
    for name in set(sys.modules) - before:
        if str(REPLAY) in str(getattr(sys.modules[name], "__file__", "")):
            sys.modules.pop(name)


@pytest.mark.slow
# The folder of a replay's ledger goes when nothing refers to it any more.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up", "ignore:Exception ignored in")
@pytest.mark.parametrize("method", METHODS)
def test_a_method_searches_a_task_in_simulated_time(families, monkeypatch, method):
    task = families.generated("plain", 0, epochs=9)
    monkeypatch.setattr(families, "tasks", lambda: {("plain", "plain_0"): lambda: task})
    search = families.replay(method, "plain", "plain_0", 2, 0)
    assert search.n_trials > 4
    assert np.all(np.diff(search.regrets) <= 0)
    assert 0 <= search.never_started <= search.end < search.area < 1
