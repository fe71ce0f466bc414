"""The book of test openings: who has looked at which test block, and how often."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from filelock import FileLock

from phase6c.config import Record
from phase6c.errors import StorageError
from phase6c.storage.files import AppendOnlyFile, has_torn_end, make_folder, read_lines

OPENINGS_FILE = "test_openings.jsonl"


class HeldOutBlock(Record):
    """Days of some bars that nothing may be chosen by.

    Attributes:
        bars_digest: Digest of all bars.
        tickers: Tickers of the bars; empty in books of earlier versions.
        first_date, last_date: First and last day.
    """

    bars_digest: str
    tickers: tuple[str, ...] = ()
    first_date: date
    last_date: date

    def overlaps(self, other: HeldOutBlock) -> bool:
        """Whether it shares days with another block.

        Equal dates or digests are not asked for: other horizons cut a few days off, and newer bars
        of a ticker have another digest.
        """
        same_bars = self.bars_digest == other.bars_digest
        return (
            (same_bars or not set(self.tickers).isdisjoint(other.tickers))
            and self.first_date <= other.last_date
            and other.first_date <= self.last_date
        )


class Opening(HeldOutBlock):
    """One opening of a test block.

    Attributes:
        at: Time of the opening, in UTC.
        evaluation_id: Identity of the evaluation, which a resumed evaluation keeps.
        model: Folder of the model that was judged.
        chosen: Configuration, form and calibrator that had been chosen before.
        label: Label in words.
        code_version: Version of the code that opened it.
    """

    at: datetime
    evaluation_id: str
    model: str
    chosen: str
    label: str
    code_version: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} UTC for {self.model} ({self.chosen}, {self.label})"


def open_test(path: Path, opening: Opening) -> tuple[Opening, tuple[Opening, ...]]:
    """Writes an opening down before anything is seen.

    Args:
        path: Path of the book; created if it is not there.
        opening: Opening that is about to happen; nothing is written if this evaluation has opened
            the block before.

    Returns:
        The opening as it stands in the book, and those of the same block by others before it.

    Raises:
        StorageError: The book cannot be read or written: then nothing may be opened.
    """
    make_folder(path.parent)
    # Two evaluations that open the same block at once must see each other.
    with FileLock(path.with_suffix(".lock")):
        known = openings_of(path, opening)
        # An evaluation that was interrupted after its opening and resumed has not looked twice.
        for place, earlier in enumerate(known):
            if earlier.evaluation_id == opening.evaluation_id:
                return earlier, tuple(known[:place])
        book = AppendOnlyFile(path)
        try:
            book.append(opening.model_dump(mode="json"))
        finally:
            book.close()
        return opening, tuple(known)


def read_openings(path: Path) -> Sequence[Opening]:
    """All openings in the order in which they happened.

    Raises:
        StorageError: The book is damaged.
    """
    if not path.exists():
        return ()
    try:
        # As JSON, since dates are told as text.
        openings = [Opening.model_validate_json(json.dumps(row)) for row in read_lines(path)]
    except ValueError as error:
        raise StorageError(
            "The book of test openings must be whole",
            f"{path}: {error}",
            "Restore it from a copy; without it nobody knows what has been looked at.",
        ) from error
    _check_end(path)
    return openings


def openings_of(path: Path, block: HeldOutBlock) -> Sequence[Opening]:
    """The openings of any days of a block, by whomever; see `read_openings`."""
    return [opening for opening in read_openings(path) if opening.overlaps(block)]


def has_opened(path: Path, evaluation_id: str) -> bool:
    """Whether an evaluation has opened its test block already."""
    return any(opening.evaluation_id == evaluation_id for opening in read_openings(path))


def _check_end(path: Path) -> None:
    """An opening that was not written whole must not be forgotten.

    Raises:
        StorageError: The last line has no end.
    """
    if has_torn_end(path):
        raise StorageError(
            "The book of test openings must be whole",
            f"{path}: the last line has no end",
            "Complete it from a copy, or from card.json of the last model under models.",
        )


def now() -> datetime:
    """The time of an opening, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
