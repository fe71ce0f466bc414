"""Where a Ray of our own keeps its files, and the token by which its processes know each other."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from phase6c.errors import ResourceError

logger = logging.getLogger(__name__)

# The longest name that Ray gives to a socket; a process has a number of seven digits at most.
_SOCKET = "ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
# Of a socket's name: the room in sockaddr_un, without the NUL at its end.
_LONGEST = 103 if sys.platform == "darwin" else 107


def folder_for_ray() -> Path:
    """The folder that Ray can keep its files in; a way round an unusable TMPDIR is logged.

    Raises:
        ResourceError: RAY_TMPDIR names no such folder, or there is none.
    """
    named = os.environ.get("RAY_TMPDIR")
    wanted = named or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - Ray's own default
    places = dict.fromkeys([wanted] if named else [wanted, "/tmp", "/var/tmp"])  # noqa: S108
    faults: list[OSError] = []
    for place in places:
        try:
            _check(Path(place).absolute())
        except OSError as error:
            faults.append(error)
            continue
        if faults:
            logger.warning("Ray keeps its files in %s, not in %s.", place, _text(faults[0]))
        return Path(place).absolute() / "ray"
    raise ResourceError(
        "Ray must have a writable folder with a short name for its files",
        "; ".join(map(_text, faults)),
        another_place(faults[0], "RAY_TMPDIR"),
    ) from faults[0]


def another_place(error: OSError, *variables: str) -> str:
    """The remedy for a folder that refuses files; room is of use only where it was the fault."""
    name = f"ame another place in {' and '.join(variables)}."
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"Free space there, or n{name}" if full else f"N{name}"


def provide_token() -> None:
    """Sees to it that Ray finds a token: the user's, or a token that is made here.

    Ray itself would write a new one where all can read it, and could not start where the home
    folder takes no files: there the token stands only in the environment of Ray's processes.

    Raises:
        ResourceError: RAY_AUTH_TOKEN_PATH names no file with a token.
    """
    mode = os.environ.get("RAY_AUTH_MODE", "token")
    if mode.lower() != "token" or os.environ.get("RAY_AUTH_TOKEN"):
        return
    if os.environ.get("RAY_AUTH_TOKEN_PATH"):
        _check_named_token()
    elif not _has_token_at_home():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def token_path() -> Path | None:
    """The file of the token by which Ray's processes know each other; None without a home."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if named:
        return Path(named)
    # An empty HOME would count as the root of all folders.
    if os.environ.get("HOME") == "":
        return None
    with suppress(RuntimeError):
        return Path.home() / ".ray" / "auth_token"
    return None


def _check(place: Path) -> None:
    """Checks that Ray can open its sockets and write its files below the folder.

    Raises:
        OSError: It cannot.
    """
    length = len(os.fsencode(place / _SOCKET))
    if length > _LONGEST:
        fault = f"longer by {length - _LONGEST} bytes than the names of Ray's sockets may be"
        raise OSError(errno.ENAMETOOLONG, fault, str(place))
    place.mkdir(parents=True, exist_ok=True)
    # The folder may be everyone's, but `ray` in it somebody else's.
    ray = place / "ray"
    with tempfile.TemporaryDirectory(dir=ray if ray.exists() else place):
        pass


def _text(error: OSError) -> str:
    return f"{error.filename}: {error.strerror or error}"


def _check_named_token() -> None:
    path = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    try:
        fault = None if path.read_bytes().strip() else "it is empty"
    except OSError as error:
        fault = error.strerror or str(error)
    if fault is not None:
        raise ResourceError(
            "RAY_AUTH_TOKEN_PATH must name a readable file with Ray's token",
            f"{path}: {fault}",
            "Correct it; unset it, and a Ray of our own makes a token itself.",
        )


def _has_token_at_home() -> bool:
    """Whether Ray finds a token in the home folder, where a missing one is made if possible."""
    path = token_path()
    try:
        if path is None:
            return False
        if not path.exists():
            _make_token(path)
        return bool(path.read_bytes().strip())
    except OSError:
        return False


def _make_token(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent) as whole:  # readable by its owner alone
        whole.write(secrets.token_hex(32).encode())
        whole.flush()
        # Another search that starts at this moment may have been first: its Ray knows its token.
        with suppress(FileExistsError):
            os.link(whole.name, path)
