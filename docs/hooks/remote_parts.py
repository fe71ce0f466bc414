"""Ends the build of the documentation where a page would load a part from another host.

The site is to be read without a network, and tells nobody who reads it. Links are no parts: nothing
is loaded before a reader follows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ELEMENT = re.compile(r"<(script|link|img|iframe|source|audio|video|embed|object|use)\b[^>]*>")
_PLACE = re.compile(r"\b(?:src|srcset|href|data)=[\"']?\s*((?:https?:)?//[^\"'\s>]+)")
_STYLE = re.compile(r"(?:@import\s*(?:url\()?|url\()\s*[\"']?\s*((?:https?:)?//[^\"')\s]+)")
# Relations of a link element that a browser does not load.
_NOT_LOADED = re.compile(r"\brel=[\"']?(?:canonical|next|prev|alternate)\b")


def remote_parts(text: str) -> Iterator[str]:
    """The addresses on other hosts that a browser would load for a page or a style sheet.

    Args:
        text: Content of an HTML or CSS file.
    """
    for element in _ELEMENT.finditer(text):
        if not _NOT_LOADED.search(element[0]):
            yield from _PLACE.findall(element[0])
    yield from _STYLE.findall(text)


def on_post_build(config: Any) -> None:
    """MkDocs calls this when all files are written.

    Raises:
        RuntimeError: A page or style sheet would load something from another host.
    """
    site = Path(config["site_dir"])
    found = [
        f"{path.relative_to(site)}: {address}"
        for pattern in ("*.html", "*.css")
        for path in sorted(site.rglob(pattern))
        for address in remote_parts(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise RuntimeError("Pages must load nothing from other hosts; found " + "; ".join(found))
