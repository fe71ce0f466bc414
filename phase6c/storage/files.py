"""The only writer of a study's files: whole or not at all, appended or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from phase6c.errors import StorageError

logger = logging.getLogger(__name__)

_DIGEST_BYTES = hashlib.sha256().digest_size
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")


def write_whole(path: Path, content: bytes | str) -> None:
    """Replaces the file; a reader sees the old content or the new, never a part.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    # A path may hold bytes that are no text; in what is written they stand as they are.
    raw = content.encode(errors="surrogateescape") if isinstance(content, str) else content
    _replace(path, [raw])


def write_checked(path: Path, payload: bytes | memoryview) -> None:
    """Replaces the file by the payload behind its SHA-256.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    # The digest stands first, so that a file that was cut off cannot pass for a whole one.
    _replace(path, [hashlib.sha256(payload).digest(), payload])


def read_checked(path: Path) -> memoryview | None:
    """The payload of a file that `write_checked` wrote, to be changed; None if it is not whole.

    Raises:
        StorageError: The file cannot be read.
    """
    with _storage_errors(path):
        content = memoryview(bytearray(path.stat().st_size))
        with path.open("rb") as stream:
            stream.readinto(content)
    digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return payload if hashlib.sha256(payload).digest() == digest else None


def write_json(path: Path, data: object) -> None:
    """Writes strict JSON (no NaN) whole."""
    write_whole(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def make_folder(path: Path) -> None:
    """Makes the folder and those above it that are missing.

    Raises:
        StorageError: It cannot be made.
    """
    with _storage_errors(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        _before("mkdir", path)
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            _sync_folder(folder.parent)


def rename(path: Path, target: Path) -> None:
    """Gives a file another name; a file that had it is gone.

    Raises:
        StorageError: It cannot be renamed.
    """
    with _storage_errors(path):
        _rename(path, target)


def remove(path: Path) -> None:
    """Deletes a file if it is there.

    Raises:
        StorageError: It cannot be deleted.
    """
    with _storage_errors(path):
        _remove(path)


def remove_leftovers(folder: Path) -> None:
    """Deletes what writers that were killed have left; nobody may be writing there now.

    Raises:
        StorageError: It cannot be deleted.
    """
    with _storage_errors(folder), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove(Path(entry.path))


class AppendOnlyFile:
    """A file of JSON lines that only grows; a torn last line is cut off when it is opened.

    Args:
        path: The file; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _storage_errors(path):
            self._stream = _open(path, "ab")
            try:
                # Where a torn line begins: the next line must not be glued to it.
                self._torn_at = _find_torn_line(path)
                self._cut()
                _sync_folder(path.parent)
            except BaseException:
                self._stream.close()
                raise

    def append(self, *rows: dict[str, Any]) -> None:
        """Adds a line for each row; they are on disk when this returns.

        Raises:
            StorageError: The lines could not be written. Nothing of them stays in the file, or what
                could not be cut off yet is cut off before the next line.
        """
        lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
        with _storage_errors(self._path):
            try:
                self._cut()
                self._torn_at = self._stream.seek(0, os.SEEK_END)
                _write(self._stream, lines)
                _sync(self._stream)
            except OSError:
                with suppress(OSError):
                    self._cut()
                raise
        self._torn_at = None

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()

    def _cut(self) -> None:
        if self._torn_at is not None:
            _truncate(self._stream, self._torn_at)
            self._torn_at = None


def whole_lines(path: Path, begin: int = 0) -> list[bytes]:
    """The lines of a file that only grows; a torn last line is left out.

    Args:
        path: The file.
        begin: Number of bytes that are passed over, which must be whole lines.

    Raises:
        StorageError: The file cannot be read.
    """
    with _storage_errors(path), path.open("rb") as stream:
        stream.seek(begin)
        content = stream.read()
    return content[: _whole_bytes(content)].splitlines()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file; a torn last line is left out.

    Raises:
        StorageError: A line that is not the last cannot be read.
    """
    rows = []
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise StorageError(
                "Every line of a ledger must be JSON",
                f"{path}, line {number}",
                "The file was damaged from outside; restore it from a copy.",
            ) from error
    return rows


def has_torn_end(path: Path) -> bool:
    """Whether the last line of a JSON-lines file was not written whole.

    Raises:
        StorageError: The file cannot be read.
    """
    with _storage_errors(path):
        content = path.read_bytes()
    return _whole_bytes(content) < len(content)


def _replace(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _storage_errors(path):
        try:
            # A link under the temporary name would lead the content to somebody else's file; "x"
            # refuses to open what is there.
            _remove(temporary)
            with _open(temporary, "xb") as stream:
                for part in parts:
                    _write(stream, part)
                _sync(stream)
            _rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                _remove(temporary)
            raise
        # Without it the rename itself may be lost in a power cut, though the content is on disk.
        _sync_folder(path.parent)


def _find_torn_line(path: Path) -> int | None:
    content = path.read_bytes()
    whole = _whole_bytes(content)
    torn = len(content) - whole
    if not torn:
        return None
    logger.warning("%s: the last line was not written whole; its %d bytes are cut off", path, torn)
    return whole


def _whole_bytes(content: bytes) -> int:
    """Where the last whole line ends.

    A power cut may leave a line of the right length that is filled with zeros: file systems
    write a file's size before its content.
    """
    end = content.rfind(b"\n") + 1
    begin = content[:end].rstrip(b"\n").rfind(b"\n") + 1
    return begin if b"\0" in content[begin:end] else end


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Says what went wrong with which file, and what to do about it."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            "Files and their folders must be readable and writable",
            f"{path}: {error.strerror or error}",
            "Free space, correct the permissions or choose another place.",
        ) from error


def _before(operation: str, path: Path) -> None:
    """Called before each change of the disk; tests put faults in its place."""


def _open(path: Path, mode: str) -> BinaryIO:
    _before("open", path)
    stream: BinaryIO = path.open(mode, buffering=0)  # type: ignore[assignment]
    return stream


def _write(stream: BinaryIO, content: bytes | memoryview) -> None:
    """Writes all of it: a nearly full disk takes a part, and Linux 2 GiB at a time."""
    rest = memoryview(content)
    while rest:
        _before("write", Path(stream.name))
        n_written = stream.write(rest)
        if not n_written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[n_written:]


def _sync(stream: BinaryIO) -> None:
    _before("sync", Path(stream.name))
    os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Has a file's new name survive a power cut."""
    _before("sync", folder)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems have nothing to sync here, and say so.
        if error.errno not in (errno.EBADF, errno.EINVAL):
            raise
    finally:
        os.close(descriptor)


def _rename(path: Path, target: Path) -> None:
    _before("rename", path)
    path.replace(target)


def _truncate(stream: BinaryIO, size: int) -> None:
    _before("truncate", Path(stream.name))
    stream.truncate(size)


def _remove(path: Path) -> None:
    _before("remove", path)
    path.unlink(missing_ok=True)
