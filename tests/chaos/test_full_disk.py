"""A disk that is full ends a search with one message; with space again it goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .victim import Victim, real

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

# Room for study.json, the ledger and some trials, but not for all of them.
STUDY_SIZES = ("400k", "2m", "5m")


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


def ended(victim: Victim) -> tuple[int, str]:
    victim.start()
    return victim.end()


@pytest.mark.parametrize("size", STUDY_SIZES)
def test_a_full_study_folder_ends_the_search_and_more_space_goes_on(
    small_disk: Callable[[str], Path], size: str
) -> None:
    victim = real(small_disk(size))
    code, errors = ended(victim)
    assert code in (73, 74), errors
    assert str(victim.folder.parent.parent) in errors
    assert "No space left" in errors or "free" in errors
    small_disk("500m")
    victim.check()
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
        (place / "filler").write_bytes(b"")
        with (place / "filler").open("wb") as stream:
            try:
                while True:
                    stream.write(os.urandom(4096))
            except OSError:
                pass
        code, errors = victim.end()
    assert code in (0, 69, 74, 75), errors
    victim.check()
    victim.finish()
