"""A study whose trials have ended in every way, or have not, for trackers that are told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.study.study_config import write_study_config


@pytest.fixture
def played(tmp_path, ledger, play_search, study_config) -> Path:
    """The folder of a search with a reference, a trial of each end and one that runs."""
    write_study_config(tmp_path, study_config(study_id=uuid4().hex))
    play_search(5)
    return tmp_path


@pytest.fixture
def go_on(ledger, result) -> Callable[[], None]:
    """Ends the trial that runs, as a resumed search does."""
    return lambda: result(4, 2, 0.85, "complete")


@pytest.fixture
def add_trials(tmp_path, birth, measured) -> Callable[[int, int], None]:
    """Appends complete trials of one epoch to the ledger."""

    def add(first: int, n: int) -> None:
        ledger = Ledger(tmp_path / FILE_NAME)
        for number in range(first, first + n):
            ledger.append("trial", number, **birth(seed=number))
            epoch = measured(1, 0.6).model_dump(mode="json")
            ledger.append("result", number, measurement=epoch, decision="complete")
        ledger.close()

    return add
