"""Real searches, and schedulers without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import phase6c
from phase6c.data.bars import Bars, load_bars
from phase6c.study.ledger import FILE_NAME
from phase6c.study.study import Study
from phase6c.study.study_folder import cache_path
from search_spaces import tiny

from .rig import Rig

Search = Callable[..., Study]


@pytest.fixture(scope="session")
def sp500() -> Bars:
    return load_bars("sp500")


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of computed features that all studies share."""
    return tmp_path_factory.mktemp("computed")


@pytest.fixture
def search(sp500: Bars, tmp_path: Path, computed: Path) -> Search:
    """Runs a small search of the tiny space; every option can be set by name."""
    cache_path(tmp_path).symlink_to(computed)

    def run(space: Any = tiny.SPACE, **options: Any) -> Study:
        small = {"n_trials": 5, "epochs": 3, "out": str(tmp_path), "cpus": 1}
        return phase6c.run_study(space, sp500, **{**small, **options})

    return run


@pytest.fixture
def rig(tmp_path, study_config, birth, measured) -> Iterator[Callable[..., Rig]]:
    """A scheduler on a ledger; fields of its study can be set by name."""
    rigs: list[Rig] = []

    def build(path=tmp_path / FILE_NAME, **fields):
        settled = {"epochs": 9, "grace_epochs": 1, "patience_epochs": 9} | fields
        rigs.append(Rig(path, study_config(**settled), birth, measured))
        return rigs[-1]

    yield build
    for one in rigs:
        one.ledger.close()


@pytest.fixture(scope="session")
def made_bars() -> Callable[..., pd.DataFrame]:
    """Bars whose volatility is that of the days before, so that there is something to know."""

    def build(seed: int, n_days: int = 1500) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        shocks = rng.standard_normal(n_days)
        volatility = np.empty(n_days)
        variance = 1e-4
        for day, shock in enumerate(shocks):
            volatility[day] = variance**0.5
            variance = 4e-6 + 0.12 * variance * shock**2 + 0.84 * variance
        close = 50 * np.exp(np.cumsum(volatility * shocks))
        reach = 0.5 * volatility * np.abs(rng.standard_normal((2, n_days)))
        open_ = close * np.exp(0.2 * volatility * rng.standard_normal(n_days))
        return pd.DataFrame(
            {
                "date": pd.bdate_range("2010-01-04", periods=n_days).strftime("%Y-%m-%d"),
                "open": open_,
                "high": np.maximum(open_, close) * (1 + reach[0]),
                "low": np.minimum(open_, close) * (1 - reach[1]),
                "close": close,
                "volume": rng.lognormal(12, 1, n_days),
            }
        )

    return build
