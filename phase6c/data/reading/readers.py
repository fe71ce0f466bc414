"""Sources as raw tables with a row for each day and ticker, whatever their shape."""

from __future__ import annotations

import gzip
import importlib.util
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phase6c.data.reading.raw import RawTable
from phase6c.data.reading.shapes import is_wide_of_closes, long_table, long_table_of_closes
from phase6c.data.reading.text_files import UnreadableError, damaged, read_text
from phase6c.storage.parquet import read_table
from phase6c.storage.redact import redact

DEMO_TICKERS = ("sp500", "nasdaq")
SUFFIXES = (".csv.gz", ".csv", ".parquet", ".txt", ".txt.gz", ".tsv")

# Files of one header are read as one where their first rows look alike, with ISO dates.
_ISO_DATE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2},")
_DIGITS, _WORDS = re.compile(rb"[0-9]+"), re.compile(rb"(?<![0-9.])[A-Za-z][A-Za-z0-9_.^=-]*")


def read_tables(source: str, *, together: bool = True) -> list[RawTable]:
    """The raw tables of a source: a table for a file, or for all files of one shape in a folder.

    Args:
        source: A demo ticker, a CSV or Parquet file, or a folder with a file per ticker.
        together: Whether files of one shape make one table.

    Returns:
        Tables whose problems say what could not be read; their columns are named as in the file.
    """
    try:
        names = _file_names(source)
    except (UnreadableError, OSError) as error:
        return [_unreadable(RawTable((redact(source),), (source,)), error)]
    files = [_open(name) for name in names]
    tables = [file for file in files if isinstance(file, RawTable)]
    groups: dict[bytes, list[_File]] = {}
    for number, file in enumerate(file for file in files if isinstance(file, _File)):
        shape = _shape(file) if together else None
        groups.setdefault(shape or str(number).encode(), []).append(file)
    for group in groups.values():
        table = _read_together(group) if len(group) > 1 else _read(group[0])
        tables.append(table)
    for table in tables:
        table.in_folder = names != [source]
    place = {redact(name): number for number, name in enumerate(names)}
    return sorted(tables, key=lambda table: place[table.files[0]])


@dataclass(frozen=True)
class _File:
    """A file's name as the user gave it, and its bytes, unpacked."""

    name: str
    content: bytes

    @property
    def ticker(self) -> str:
        return redact(_stem(Path(self.name)))

    @property
    def is_parquet(self) -> bool:
        return self.name.lower().endswith(".parquet")


def _file_names(source: str) -> list[str]:
    path = Path(source)
    if source in DEMO_TICKERS or _is_table(path) or not path.is_dir():
        return [source]
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    files = sorted(entry for entry in entries if _is_table(entry))
    # Beside other files a text is more likely a README than bars.
    plain = [entry for entry in files if ".txt" not in entry.name.lower()[-7:]]
    if not files:
        remedy = f"Put a file for each ticker into it ({', '.join(SUFFIXES)})."
        raise UnreadableError("is a folder without bars", remedy)
    return [str(file) for file in plain or files]


def _open(name: str) -> _File | RawTable:
    """The file, or a table that says why it cannot be opened."""
    try:
        return _File(name, _content(_demo_path(name) if name in DEMO_TICKERS else Path(name)))
    except (UnreadableError, OSError) as error:
        return _unreadable(RawTable((redact(name),), (redact(_stem(Path(name))),)), error)


def _shape(file: _File) -> bytes | None:
    """What files that can be read as one have in common; None for a file that stands alone."""
    header, _, rows = file.content.partition(b"\n")
    if file.is_parquet or b'"' in file.content or not _ISO_DATE.match(rows):
        return None
    if b"," not in header:
        return None
    first = _DIGITS.sub(b"9", _WORDS.sub(b"A", rows.partition(b"\n")[0]))
    return header.rstrip(b"\r") + b"\n" + first.rstrip(b"\r")


def _read(file: _File) -> RawTable:
    table = RawTable((redact(file.name),), (file.ticker,))
    try:
        read = _parquet if file.is_parquet else read_text
        table.cells = read(file.content, table)
    except UnreadableError as error:
        return _unreadable(table, error)
    return table


def _read_together(files: list[_File]) -> RawTable:
    """Files of one header as one table: hundreds of small tables take many times as long."""
    header = files[0].content.partition(b"\n")[0]
    bodies = [_body(file.content) for file in files]
    names = tuple(redact(file.name) for file in files)
    table = RawTable(names, tuple(file.ticker for file in files))
    try:
        cells = read_text(b"\n".join([header, *bodies]), table)
    except UnreadableError as error:
        return _unreadable(table, error)
    n_lines = np.array([body.count(b"\n") + 1 for body in bodies])
    ends = np.cumsum(n_lines)
    lines = cells.index.to_numpy()
    codes = np.searchsorted(ends, lines, side="right")
    table.file_codes = codes
    table.cells = cells.set_axis(lines - (ends - n_lines)[codes], axis=0)
    return table


def _body(content: bytes) -> bytes:
    return content.partition(b"\n")[2].rstrip(b"\r\n")


def _unreadable(table: RawTable, error: Exception) -> RawTable:
    if isinstance(error, UnreadableError):
        table.fault(*error.args)
    else:
        reason = getattr(error, "strerror", None) or error
        table.fault(f"cannot be opened ({reason})", "Check the path and its permissions.")
    return table


def _content(path: Path) -> bytes:
    """The bytes of a file, unpacked if it ends in .gz."""
    if not path.exists():
        known = " or ".join(DEMO_TICKERS)
        raise UnreadableError("there is no such file", f"Check the path, or use {known}.")
    if path.is_dir():
        remedy = "Name a file, or give the folder a name that is not a file's."
        raise UnreadableError("is a folder named like a file", remedy)
    if not path.is_file() or not _is_table(path):
        raise UnreadableError(
            "is neither a text of columns nor Parquet", f"Use {', '.join(SUFFIXES)}."
        )
    content = path.read_bytes()
    if content and path.name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise damaged(error, "Pack it again; it may have been copied in part.") from error
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        raise UnreadableError("is empty", "Write the bars into it first.")
    return content


def _demo_path(ticker: str) -> Path:
    """The file of the demo bars, looked up without importing arch (which takes seconds)."""
    package = importlib.util.find_spec("arch")
    if package is None or package.origin is None:
        raise UnreadableError("comes with the package arch, which is missing", "pip install arch.")
    return Path(package.origin).parent / "data" / ticker / f"{ticker}.csv.gz"


def _parquet(content: bytes, table: RawTable) -> pd.DataFrame:
    try:
        cells = read_table(content).to_pandas(date_as_object=False)
    except Exception as error:  # damaged files make pyarrow and pandas raise almost anything
        raise damaged(error, "Write the Parquet file again.") from error
    if not isinstance(cells.index, pd.RangeIndex):
        names = ["" if name is None else name for name in cells.index.names]
        cells = cells.reset_index(names=names, allow_duplicates=True)
    if cells.columns.nlevels == 2:
        upper, lower = (list(cells.columns.get_level_values(level)[1:]) for level in (0, 1))
        return long_table(cells, upper, lower, table)
    if is_wide_of_closes(cells):
        return long_table_of_closes(cells, table)
    return cells


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def _stem(path: Path) -> str:
    """The file's name without suffix, if that leaves any, and without bytes that are no text."""
    name = path.name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    stem = name[: len(name) - len(suffix)] or name
    return stem.encode(errors="replace").decode()
