"""The pages of the documentation, in the order in which they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"

_BLOCK = re.compile(r"^```(\S*)\n(.*?)^```", re.M | re.S)
# A page that stands elsewhere in the repository, as pymdownx.snippets includes it.
_INCLUDED = re.compile(r'^--8<-- "(.+)"$', re.M)


def pages() -> list[Path]:
    """Every page of the site, in the order of mkdocs.yml."""
    return [
        DOCS / name for name in _names(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    ]


def _names(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for one in entry.values() if isinstance(entry, dict) else entry:
            yield from _names(one)


def own_pages() -> list[Path]:
    """README and the pages that are written for the site alone."""
    return [README, *(page for page in pages() if not _INCLUDED.search(page.read_text()))]


def text_of(page: Path) -> str:
    """A page with what it includes."""
    return _INCLUDED.sub(lambda found: (ROOT / found[1]).read_text(), page.read_text())


def blocks() -> list[tuple[str, str]]:
    """Language and text of every block of code, in reading order."""
    return [found for page in own_pages() for found in _BLOCK.findall(page.read_text())]
