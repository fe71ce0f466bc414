"""Faults on the disk: the n-th operation fails, the disk dies there, or the machine does."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from phase6c.errors import StorageError
from phase6c.storage import files


class CrashError(BaseException):
    """The machine stops; nothing that stands in an `except` or `finally` reaches the disk."""


class Fault:
    """Lets the first operations pass, then raises.

    Args:
        nth: The operation that fails.
        kind: `full`, only this one fails; `dead`, all later ones fail too; `crash`, the same, but
            as if the process had been killed.
        torn: Whether a part of what was to be written arrives.
    """

    def __init__(self, nth: int, kind: str, torn: bool) -> None:
        self.nth, self.kind, self.torn = nth, kind, torn
        self.operations: list[tuple[str, Path]] = []

    @property
    def happened(self) -> bool:
        return len(self.operations) >= self.nth

    def __call__(self, operation: str, path: Path) -> None:
        self.operations.append((operation, path))
        n_done = len(self.operations)
        if n_done < self.nth or (n_done > self.nth and self.kind == "full"):
            return
        if n_done == self.nth and self.torn and operation == "write":
            with path.open("ab") as stream:
                stream.write(b'{"half')
        if self.kind == "crash":
            raise CrashError
        code = errno.ENOSPC if self.kind == "full" else errno.EIO
        raise OSError(code, os.strerror(code))


KINDS = [(kind, torn) for kind in ("full", "dead", "crash") for torn in (False, True)]
every_kind = pytest.mark.parametrize(("kind", "torn"), KINDS)


@contextmanager
def fault_at(nth: int, kind: str = "full", torn: bool = False) -> Iterator[Fault]:
    """Puts the fault in the place of the hook."""
    fault = Fault(nth, kind, torn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_before", fault)
        yield fault


def act_with_every_fault(kind: str, torn: bool, act: Callable[[], object]) -> Iterator[bool]:
    """Acts with a fault at the first operation, the second, ..., and at last with none.

    After each, the caller looks at what is left and puts it back; it is told whether `act` ended.
    """
    for nth in itertools.count(1):
        with fault_at(nth, kind, torn) as fault:
            try:
                act()
            except (StorageError, CrashError):
                ended = False
            else:
                ended = True
        yield ended
        if not fault.happened:
            assert nth > 1, "nothing touched the disk"
            return
