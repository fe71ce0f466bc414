"""Real searches, and schedulers without Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import phase6c
from phase6c.data.bars import Bars, load_bars
from phase6c.study.ledger import FILE_NAME
from phase6c.study.study import Study
from phase6c.study.study_folder import cache_path
from search_spaces import tiny

from .rig import Rig

Search = Callable[..., Study]


@pytest.fixture(scope="module")
def sp500() -> Bars:
    """All demo bars, or the last years of them where a module takes `short_demo_bars`."""
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
