"""A disk that is full ends a search with one message; with space again it goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .victim import real

pytestmark = pytest.mark.chaos


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk of a size, or gives it another one."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: str) -> Path:
        options = f"remount,size={size}" if place.is_mount() else f"size={size}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"only root can mount a small disk here: {done.stderr.strip()}")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def filled(place: Path) -> Iterator[None]:
    """While open, nothing more can be written there."""
    filler = place / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(os.urandom(4096))
    yield
    filler.unlink()


@pytest.mark.parametrize("n_results", [0, 1, pytest.param(5, marks=pytest.mark.quick), 12])
def test_a_full_study_folder_ends_the_search_and_more_space_goes_on(
    small_disk: Callable[[str], Path], n_results: int
) -> None:
    place = small_disk("60m")
    victim = real(place, "--trials", "6", "--epochs", "4", "--cpus", "1")
    victim.start()
    victim.wait_for(victim.folder.is_dir)
    victim.wait_for_results(n_results)
    with filled(place):
        code, errors = victim.end()
    assert code == 74, errors
    assert str(place) in errors
    assert "No space left" in errors or "must have room" in errors
    victim.check()
    victim.finish()


def test_a_search_that_would_not_fit_does_not_begin(small_disk: Callable[[str], Path]) -> None:
    victim = real(small_disk("2m"))
    victim.start()
    code, errors = victim.end()
    assert code == 74, errors
    assert "must have room for the whole search" in errors
    assert victim.n_results() == 0
    small_disk("60m")
    victim.finish()


def test_a_full_temporary_folder_of_ray_ends_the_search_and_another_goes_on(
    tmp_path: Path, small_disk: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = small_disk("2m")
    victim = real(tmp_path)
    with monkeypatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(place))
        patch.setenv("TMPDIR", str(place))
        victim.start()
        victim.wait_for_results(3)
        with filled(place):
            code, errors = victim.end()
    assert code in (0, 69, 74, 75), errors
    victim.check()
    victim.finish()
