"""The only writer of a study's files: whole or not at all, appended or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from phase6c.errors import StorageError

_DIGEST_BYTES = hashlib.sha256().digest_size


def write_whole(path: Path, content: bytes | str) -> None:
    """Replaces the file; a reader sees the old content or the new, never a part.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    _replace(path, [content.encode() if isinstance(content, str) else content])


def write_checked(path: Path, payload: bytes | memoryview) -> None:
    """Replaces the file by the payload behind its SHA-256.

    Raises:
        StorageError: The disk is full or the folder cannot be written.
    """
    _replace(path, [hashlib.sha256(payload).digest(), payload])


def read_checked(path: Path) -> memoryview | None:
    """The payload of a file that `write_checked` wrote; None if it is not whole.

    Raises:
        StorageError: The file cannot be read.
    """
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise _storage_error(path, error) from error
    digest, payload = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return payload if hashlib.sha256(payload).digest() == digest else None


def _replace(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _storage_error(path, error) from error
        raise


def write_json(path: Path, data: object) -> None:
    """Writes strict JSON (no NaN) whole."""
    write_whole(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


class AppendOnlyFile:
    """A file of JSON lines that only grows; a torn last line is cut off when it is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            _cut_torn_line(path)
            self._stream: BinaryIO = path.open("ab", buffering=0)
        except OSError as error:
            raise _storage_error(path, error) from error

    def append(self, row: dict[str, Any]) -> None:
        """Adds one line; it is on disk when this returns.

        Raises:
            StorageError: The line could not be written; the file holds what it held before.
        """
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        end = self._stream.seek(0, os.SEEK_END)
        try:
            _write_all(self._stream, line)
            os.fsync(self._stream.fileno())
        except OSError as error:
            self._stream.truncate(end)
            raise _storage_error(self._path, error) from error

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON-lines file; a torn last line is left out.

    Raises:
        StorageError: A line that is not the last cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _storage_error(path, error) from error
    rows = []
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise StorageError(
                "Every line of a ledger must be JSON",
                f"{path}, line {number}",
                "The file was damaged from outside; restore it from a copy.",
            ) from error
    return rows


def _write_all(stream: BinaryIO, line: bytes) -> None:
    if stream.write(line) != len(line):
        raise OSError(errno.ENOSPC, "the line was written in part")


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(
        "A study's files must be readable and writable",
        f"{path}: {error.strerror or error}",
        "Free space or correct the permissions, then go on with --resume.",
    )
