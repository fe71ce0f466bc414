"""Takes passwords and tokens out of a text before it is kept or shown."""

from __future__ import annotations

import logging
import re

_MASK = "***"

# An unencoded password may hold '@' and ':', but no '/', which ends the host.
_USER = re.compile(r"://[^\s/?#]*@")

# The names may stand in quotes, as in JSON, and several in a row: "wrong token: password: x".
_NAMES = r"(?:(?:key|token|secret|password|authorization)\\*[\"']?[ \t]*[=:][=:>]*[ \t]*)+"
_SCHEME = r"(?:(?:bearer|basic)[ \t]+)?"
# A text that was cut off lacks the second quote.
_QUOTED = r"(?P<quote>\\*[\"'])(?:(?!(?P=quote))(?:\\.|.))*(?:(?P=quote)|\Z)"
# Up to the next argument of a query, and without what closes the text around it.
_BARE = r"(?:(?!&[\w.%-]+=)\S)*[^\s&\"'\])},;]"
_LISTED = rf"(?:\[[^\]\n]*\]|\{{[^}}\n]*\}})(?:{_BARE})?"
_GIVEN = re.compile(
    rf"(?P<names>{_NAMES}){_SCHEME}(?:{_QUOTED}|{_LISTED}|{_BARE}|\S+)", re.IGNORECASE | re.DOTALL
)


def redact(text: str) -> str:
    """The text with `***` in place of what would let its reader in elsewhere.

    That is user and password in a URL, and what is given to a name that ends in key, token,
    secret, password or authorization: after `=` or `:`, in JSON and in queries. A text that was
    redacted before stays as it is.
    """
    return _USER.sub(f"://{_MASK}@", _GIVEN.sub(rf"\g<names>\g<quote>{_MASK}\g<quote>", text))


class RedactingFormatter(logging.Formatter):
    """Formats log records, tracebacks included, without what they give away."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's redacted text."""
        return redact(super().format(record))
