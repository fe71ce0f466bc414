"""A study's folder: never foreign, never shared by two searches, never overwritten by chance."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from phase6c.config import DataConfig
from phase6c.errors import ConfigError, FolderError
from phase6c.study import STUDY_FILE

LOCK_FILE = "run.lock"
LOG_FILE = "run.log"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def study_name(budget: str, sources: tuple[str, ...], data: DataConfig) -> str:
    """`hpo_{budget}_h{horizon}`, with data, label and rise where they are not the default."""
    parts = [f"hpo_{budget}_h{data.horizon_days}"]
    if sources != ("sp500",):
        parts.append("-".join(Path(source).stem for source in sources))
    if data.label != "high":
        parts.append(data.label)
    if data.rise != DataConfig(horizon_days=data.horizon_days, label=data.label).rise:
        parts.append(f"{data.rise:g}")
    return re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(parts))[:80]


def study_path(out: str | Path, tier: str, name: str) -> Path:
    """The folder of a study under the output root.

    Raises:
        ConfigError: The name could lead out of the root.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "A study's name must be letters, digits, '.', '_' and '-', at most 80",
            repr(name),
            "Choose another --name.",
        )
    return Path(out).absolute() / f"phase6c_{tier}" / name


def cache_path(out: str | Path) -> Path:
    """The folder under the output root, beside the studies, of what can be computed again."""
    return Path(out) / "cache"


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Checks, without changing anything, that a search may use the folder.

    Raises:
        FolderError: It is foreign, or holds a study that is neither resumed nor overwritten.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FolderError("A study's folder must be a folder", folder, "Choose another --name.")
    if (folder / STUDY_FILE).exists():
        if not (resume or overwrite):
            raise FolderError(
                "An existing study is neither changed nor replaced without being asked",
                folder,
                "Add --resume to go on, --overwrite to start over, or choose another --name.",
            )
    elif any(not _is_ours(entry.name) for entry in folder.iterdir()):
        raise FolderError(
            "A folder that holds no study.json is never written into",
            folder,
            "Choose another --out or --name, or empty it yourself.",
        )


@contextmanager
def open_folder(folder: Path, *, resume: bool, overwrite: bool) -> Iterator[bool]:
    """Holds the folder for one search; yields whether there is a study to resume.

    Raises:
        FolderError: It is foreign, in use, not writable, or holds a study that nobody named.
    """
    check_folder(folder, resume=resume, overwrite=overwrite)
    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise FolderError(
            "Only one search at a time may use a study's folder",
            folder,
            "Wait for the other search to end, or choose another --name.",
        ) from error
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        check_folder(folder, resume=resume, overwrite=overwrite)
        if overwrite and (folder / STUDY_FILE).exists():
            _clear(folder)
        yield (folder / STUDY_FILE).exists()
    finally:
        lock.release()


def not_writable(folder: Path, error: OSError) -> FolderError:
    """What to raise when the folder refused a file."""
    return FolderError(
        "The output folder must be writable",
        f"{folder}: {error.strerror or error}",
        "Correct the permissions or choose another --out.",
    )


def _is_ours(name: str) -> bool:
    """Whether a search leaves such a file before its first study.json is whole."""
    return name in (LOCK_FILE, LOG_FILE) or (
        name.startswith(f".{STUDY_FILE}.") and name.endswith(".tmp")
    )


def _clear(folder: Path) -> None:
    """Removes a study; its study.json last, so that what is left is never a foreign folder."""
    for entry in folder.iterdir():
        if entry.name in (LOCK_FILE, LOG_FILE, STUDY_FILE):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    (folder / STUDY_FILE).unlink()
