"""A study's folder: never foreign, never shared by two runs, never overwritten by chance."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from phase6c.config import DataConfig
from phase6c.errors import ConfigError, FolderError, StorageError
from phase6c.storage.files import make_folder, remove_leftovers
from phase6c.study.ledger import FILE_NAME as LEDGER_FILE
from phase6c.study.study_config import STUDY_FILE
from phase6c.study.trial_folder import is_trial_name, trial_folders

LOCK_FILE = "run.lock"
LOG_FILE = "run.log"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def study_name(budget: str, sources: tuple[str, ...], data: DataConfig, kind: str = "hpo") -> str:
    """`{kind}_{budget}_h{horizon}`, with data, label and rise where they are not the default."""
    parts = [f"{kind}_{budget}_h{data.horizon_days}"]
    if sources != ("sp500",):
        parts.append("-".join(Path(source).stem for source in sources))
    if data.label != "high":
        parts.append(data.label)
    if data.rise != DataConfig(horizon_days=data.horizon_days, label=data.label).rise:
        parts.append(f"{data.rise:g}")
    # Cut to the longest name that `_inside` accepts.
    return re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(parts))[:80]


def study_path(out: str | Path, tier: str, name: str) -> Path:
    """The folder of a study under the output root.

    Raises:
        ConfigError: The name could lead out of the root, or the root is no path.
        FolderError: A link does.
    """
    return _inside(out, f"phase6c_{tier}", name)


def evaluation_path(out: str | Path, name: str) -> Path:
    """The folder of an evaluation, and of the model that comes of it, under the output root.

    Raises:
        See `study_path`.
    """
    return _inside(out, "models", name)


def _inside(out: str | Path, parent: str, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "A study's name must be letters, digits, '.', '_' and '-', at most 80",
            repr(name),
            "Choose another `name`.",
        )
    if "\0" in str(out):
        raise ConfigError("A path must not hold a NUL character", repr(str(out)), "Correct `out`.")
    root = Path(out).absolute()
    folder = root / parent / name
    # A link on the way could lead a search, and its --overwrite, to folders that are not its own.
    target = Path(os.path.realpath(folder))
    if not target.is_relative_to(os.path.realpath(root)):
        raise FolderError(
            "A study's folder must lie in the output root",
            f"{folder} leads to {target}",
            "Name the place itself with `out`, or choose another `name`.",
        )
    return folder


def distinct_names(names: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Names that tell studies apart: studies of other tiers may share a name in other folders.

    Args:
        names: Names of the studies.
        folders: Folders of the same studies.
    """
    distinct = list(names)
    if len(set(distinct)) < len(distinct):
        parents = (folder.resolve().parent.name for folder in folders)
        distinct = [f"{parent}_{name}" for parent, name in zip(parents, names, strict=True)]
    if len(set(distinct)) < len(distinct):
        distinct = [f"{position}_{name}" for position, name in enumerate(distinct, start=1)]
    return distinct


def output_root(folder: Path) -> Path:
    """The output root that the folder of a study or of a model lies in."""
    return folder.parent.parent


def cache_path(out: str | Path) -> Path:
    """The folder under the output root, beside the studies, of what can be computed again."""
    return Path(out) / "cache"


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Checks, without changing anything, that a search may use the folder.

    Raises:
        FolderError: It is foreign, lies below a file, or holds a study that is neither resumed
            nor overwritten.
        StorageError: It holds a study whose ledger is gone.
    """
    try:
        if folder.exists():
            _check_existing(folder, resume=resume, overwrite=overwrite)
        else:
            _check_above(folder)
    except OSError as error:
        raise not_writable(folder, error) from error


def _check_existing(folder: Path, *, resume: bool, overwrite: bool) -> None:
    if not folder.is_dir():
        raise FolderError("A study's folder must be a folder", folder, "Choose another `name`.")
    _check_links(folder)
    if (folder / STUDY_FILE).exists():
        if not (resume or overwrite):
            check_unused(folder)
            raise FolderError(
                "An existing study is neither changed nor replaced without being asked",
                folder,
                "Add `resume=True` to go on, `overwrite=True` to start over, or choose another "
                "`name`.",
            )
        if resume:
            _check_ledger(folder)
    # A run that was killed in its first second leaves a lock, a log and a half-written study.json.
    elif any(not _is_ours(entry.name) for entry in folder.iterdir()):
        raise FolderError(
            "A folder that holds no study.json is never written into",
            folder,
            "Choose another `out` or `name`, or empty it yourself.",
        )


def _check_above(folder: Path) -> None:
    """A folder that is not there yet can be made only below another."""
    nearest = next(parent for parent in folder.parents if parent.exists())
    if not nearest.is_dir():
        raise _not_writable(f"{nearest}: {os.strerror(errno.ENOTDIR)}")


def check_unused(folder: Path) -> None:
    """Checks that no run holds the folder.

    Raises:
        FolderError: One does.
    """
    if is_in_use(folder):
        raise _in_use(folder)


def is_in_use(folder: Path) -> bool:
    """Whether a run holds the folder.

    Raises:
        OSError: It cannot be told without the right to write.
    """
    lock = folder / LOCK_FILE
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


def _in_use(folder: Path) -> FolderError:
    return FolderError(
        "Only one run at a time may use a study's folder",
        folder,
        "Wait for the other run to end, or choose another `name`.",
    )


@contextmanager
def open_folder(folder: Path, *, resume: bool, overwrite: bool) -> Iterator[bool]:
    """Holds the folder for a single run; yields whether there is a study to resume.

    Raises:
        FolderError: It is foreign, in use, not writable, or holds a study that nobody named.
        StorageError: It holds a study whose ledger is gone.
    """
    check_folder(folder, resume=resume, overwrite=overwrite)
    # Not waited for: the other run may take hours, and its user should know at once.
    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        make_folder(folder)
        lock.acquire()
    except Timeout as error:
        raise _in_use(folder) from error
    except StorageError as error:
        raise _not_writable(error.value) from error
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        check_folder(folder, resume=resume, overwrite=overwrite)
        # Checked before and again under the lock: another run may have come in between.
        _tidy(folder, overwrite=overwrite)
        yield (folder / STUDY_FILE).exists()
    finally:
        lock.release()


def not_writable(folder: Path, error: OSError) -> FolderError:
    """The error for a folder that refused a file."""
    return _not_writable(f"{folder}: {error.strerror or error}")


def _not_writable(value: object) -> FolderError:
    return FolderError(
        "The output folder must be writable",
        value,
        "Correct the permissions or choose another `out`.",
    )


def _is_ours(name: str) -> bool:
    """Whether a search leaves such a file before its first study.json is whole."""
    return name in (LOCK_FILE, LOG_FILE) or (
        name.startswith(f".{STUDY_FILE}.") and name.endswith(".tmp")
    )


def _check_links(folder: Path) -> None:
    """No link may lead what is written under a name of ours to another place."""
    names = (STUDY_FILE, LEDGER_FILE, LOCK_FILE, LOG_FILE)
    own = (entry for entry in folder.iterdir() if entry.name in names or is_trial_name(entry.name))
    links = sorted(entry.name for entry in own if entry.is_symlink())
    if links:
        raise FolderError(
            "A study's files and folders must not be links",
            f"{', '.join(links)} in {folder}",
            "Put what they lead to in their place, or choose another `name`.",
        )


def _check_ledger(folder: Path) -> None:
    """Without its ledger a study would start over and overwrite what it has."""
    ledger = folder / LEDGER_FILE
    is_there = ledger.exists() and ledger.stat().st_size > 0
    if not is_there and any(trial_folders(folder)):
        raise StorageError(
            "A study that has trials must have its ledger",
            f"{ledger} is missing or empty",
            "Restore it from a copy, or start over with another `name`.",
        )


def _tidy(folder: Path, *, overwrite: bool) -> None:
    """Removes what is not gone on with: a study to be overwritten, files of killed writers."""
    try:
        # The lock's file may be writable where its folder is not.
        with tempfile.TemporaryFile(dir=folder):
            pass
        if overwrite and (folder / STUDY_FILE).exists():
            _clear(folder)
    except OSError as error:
        raise not_writable(folder, error) from error
    for place in (folder, *trial_folders(folder)):
        remove_leftovers(place)


def _clear(folder: Path) -> None:
    """Removes a study; where that is cut short, what is left is a study without those trials.

    Its study.json goes last, so that the folder never looks foreign, and its ledger only after the
    trials' folders, so that no checkpoint is left for a new trial of the same number.
    """
    for entry in folder.iterdir():
        if entry.name in (LOCK_FILE, LOG_FILE, STUDY_FILE, LEDGER_FILE):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for name in (LEDGER_FILE, STUDY_FILE):
        (folder / name).unlink(missing_ok=True)
