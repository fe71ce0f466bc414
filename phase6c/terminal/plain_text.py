"""Text for streams that do not take every character, as where LC_ALL=C makes them ASCII."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

# The way in which a stream encodes what it cannot take; `codecs` knows it by this name.
REPLACING = "phase6c.replacing"

# The signs in our own texts and in rich's. Of names and paths the code points are written.
_SIGNS = {"±": "+-", "…": "..."}


def accept_any_text(stream: TextIO) -> None:
    """Has a stream replace the characters that it does not take, instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=REPLACING)


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    error.end = error.start + 1
    sign = _SIGNS.get(error.object[error.start])
    return codecs.backslashreplace_errors(error) if sign is None else (sign, error.end)


codecs.register_error(REPLACING, _replaced)
