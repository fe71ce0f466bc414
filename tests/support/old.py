"""What an earlier version has left; see `tests/old_versions/README.md`."""

from __future__ import annotations

import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).parents[1] / "old_versions" / "made_by_28da43c.tar.gz"


def unpack_old_outputs(out: Path, *folders: str) -> None:
    """Unpacks some folders of it, or all, into an output folder."""
    with tarfile.open(ARCHIVE) as archive:
        members = [one for one in archive if not folders or one.name.startswith(tuple(folders))]
        archive.extractall(out, members, filter="data")
