"""The findings of a check, and reading a study's files without trusting them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NoReturn

from phase6c.config import Values

# Long enough to show a fault, short enough for a line.
_MAX_TEXT = 200


@dataclass(frozen=True)
class Finding:
    """A rule that does not hold, or an oddity that is worth a note.

    Attributes:
        file: Name of the file within the study's folder.
        rule: Rule that must hold, as a sentence without its full stop.
        found: State of the file instead.
        harmless: Whether an interrupted search may leave it so, with nothing lost.
    """

    file: str
    rule: str
    found: str
    harmless: bool = False

    def __str__(self) -> str:
        return one_line(f"{self.file}: {self.rule}; found: {self.found}.")


class MismatchError(Exception):
    """A check cannot go on; its finding says why."""

    def __init__(self, file: str, rule: str, found: object) -> None:
        self.finding = Finding(file, rule, one_line(str(found)))
        super().__init__(str(self.finding))


def settled(check: Iterable[Finding]) -> Iterator[Finding]:
    """The findings of a check; the reason why it gave up is the last."""
    try:
        yield from check
    except MismatchError as error:
        yield error.finding


def one_line(text: str) -> str:
    """The text on a short line that does nothing to a terminal."""
    line = "".join(
        character if character.isprintable() else "�" for character in " ".join(text.split())
    )
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 3] + "..."


class StudyFiles:
    """A study's files by their names within its folder; nothing outside it is read.

    Args:
        folder: Folder of the study.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = os.path.realpath(folder)

    def has(self, name: str) -> bool:
        """Whether something has this name."""
        return os.path.lexists(self._folder / name)

    def names(self, folder: str = ".") -> list[str]:
        """The names in a folder, in order.

        Raises:
            MismatchError: It cannot be listed.
        """
        try:
            return sorted(entry.name for entry in self._inside(folder).iterdir())
        except OSError as error:
            raise MismatchError(folder, "It must be a readable folder", error.strerror) from error

    def path(self, name: str) -> Path:
        """The path of a regular file.

        Raises:
            MismatchError: It is not there, not a file, or a link out of the study's folder.
        """
        path = self._inside(name)
        if not path.is_file():
            raise MismatchError(name, "It must be a file", "something else")
        return path

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            MismatchError: It cannot be read.
        """
        try:
            return self.path(name).read_bytes()
        except OSError as error:
            raise MismatchError(name, "It must be readable", error.strerror) from error

    def read_json(self, name: str) -> Values:
        """The object that a JSON file holds.

        Raises:
            MismatchError: It cannot be read, or holds something else.
        """
        content = self.read(name)
        try:
            return json_object(content)
        except ValueError as error:
            raise MismatchError(name, "It must hold a JSON object", error) from error

    def _inside(self, name: str) -> Path:
        try:
            # A study may come from a stranger: its links are followed, but not out of its folder.
            real = os.path.realpath(self._folder / name, strict=True)
        except OSError as error:
            raise MismatchError(name, "It must be there", error.strerror) from error
        if not Path(real).is_relative_to(self._root):
            raise MismatchError(name, "It must lie in the study's folder", "a link out of it")
        return Path(real)


def json_object(content: bytes) -> Values:
    """The object of strict JSON, without NaN.

    Raises:
        ValueError: It is not JSON, or not an object.
    """
    try:
        value = json.loads(content, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - of the content, not of an argument
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}")


def difference(stored: Any, expected: Any, where: str = "") -> str | None:
    """The first place in which stored JSON is not what is expected; None if there is none.

    A key may be absent where null or false is expected: a later version may have added it.
    """
    if isinstance(stored, dict) and isinstance(expected, dict):
        names = [name for name in expected | stored if name in stored or expected[name]]
        pairs = [(name, stored.get(name), expected.get(name)) for name in names]
    elif isinstance(stored, list) and isinstance(expected, list):
        both = enumerate(zip_longest(stored, expected))
        pairs = [(str(position), value, other) for position, (value, other) in both]
    elif stored == expected:
        return None
    else:
        return f"{where.removeprefix('.')} {_short(stored)} instead of {_short(expected)}".lstrip()
    inner = (difference(value, other, f"{where}.{name}") for name, value, other in pairs)
    return next((place for place in inner if place), None)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
