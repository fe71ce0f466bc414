"""The room that a search needs is told before it starts, and missed in time."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from phase6c.errors import StorageError
from phase6c.storage.disk import bytes_needed, check_space

SEARCH = {
    "n_params": 2_000_000,
    "n_trials": 50,
    "max_concurrent": 2,
    "epochs": 27,
    "total_epochs": 400.0,
    "n_val": 709,
    "keep": 10,
}
Usage = namedtuple("Usage", "free")


@pytest.mark.parametrize("name", SEARCH)
def test_more_of_anything_needs_more_room(name: str) -> None:
    more = {**SEARCH, name: 2 * SEARCH[name]}
    assert bytes_needed(**more) > bytes_needed(**SEARCH)


def test_checkpoints_of_large_models_are_nearly_all_of_it() -> None:
    """Two checkpoints of 16 bytes a parameter, best weights twice while they are replaced."""
    n_params = 200_000_000
    one = {**SEARCH, "n_params": n_params, "n_trials": 1, "max_concurrent": 1}
    by_hand = (2 * 16 + 3 * 4) * n_params
    assert by_hand < bytes_needed(**one) < 1.05 * by_hand


def test_what_the_study_holds_already_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=1000))
    study = tmp_path / "study"
    with pytest.raises(StorageError):
        check_space(study, 1500)
    check_space(study, 1000)
    (study / "trial_000").mkdir(parents=True)
    (study / "trial_000" / "last.ckpt").write_bytes(b"0" * 500)
    check_space(study, 1500)
    with pytest.raises(StorageError, match="smaller `keep`"):
        check_space(study, 1501)


def test_files_that_vanish_meanwhile_count_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "walk", lambda _: [(str(tmp_path), [], ["gone.tmp"])])
    check_space(tmp_path, 0)
