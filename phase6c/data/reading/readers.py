"""Files and folders as raw tables with a row for each day and ticker, whatever their shape."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import zlib
from io import BytesIO, StringIO
from pathlib import Path

import pandas as pd

from phase6c.data.reading.raw import RawTable, shown
from phase6c.data.reading.shapes import is_wide, long_table
from phase6c.storage.parquet import read_table
from phase6c.storage.redact import redact

DEMO_TICKERS = ("sp500", "nasdaq")
SUFFIXES = (".csv.gz", ".csv", ".parquet")

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class _UnreadableError(Exception):
    """Nothing can be read; its arguments are why, and the remedy."""


def read_tables(source: str) -> list[RawTable]:
    """The raw tables of a source: a table for a file, or for each file of a folder.

    Args:
        source: A demo ticker, a CSV or Parquet file, or a folder with a file per ticker.

    Returns:
        Tables whose problems say what could not be read; their columns are named as in the file.
    """
    try:
        names = _file_names(source)
    except (_UnreadableError, OSError) as error:
        return [_unreadable(RawTable(redact(source), source), error)]
    return [_read_file(name) for name in names]


def _file_names(source: str) -> list[str]:
    path = Path(source)
    if source in DEMO_TICKERS or _is_table(path) or not path.is_dir():
        return [source]
    files = sorted(
        entry for entry in path.iterdir() if _is_table(entry) and not entry.name.startswith(".")
    )
    if not files:
        remedy = f"Put a file for each ticker into it ({', '.join(SUFFIXES)})."
        raise _UnreadableError("is a folder without bars", remedy)
    return [str(file) for file in files]


def _read_file(name: str) -> RawTable:
    table = RawTable(redact(name), redact(_stem(Path(name))))
    try:
        content = _content(_demo_path(name) if name in DEMO_TICKERS else Path(name))
        read = _parquet if name.lower().endswith(".parquet") else _csv
        table.cells = read(content, table)
    except (_UnreadableError, OSError) as error:
        return _unreadable(table, error)
    return table


def _unreadable(table: RawTable, error: Exception) -> RawTable:
    if isinstance(error, _UnreadableError):
        table.fault(*error.args)
    else:
        reason = getattr(error, "strerror", None) or error
        table.fault(f"cannot be opened ({reason})", "Check the path and its permissions.")
    return table


def _content(path: Path) -> bytes:
    """The bytes of a file, unpacked if it ends in .gz."""
    if not path.exists():
        known = " or ".join(DEMO_TICKERS)
        raise _UnreadableError("there is no such file", f"Check the path, or use {known}.")
    if path.is_dir():
        remedy = "Name a file, or give the folder a name that is not a file's."
        raise _UnreadableError("is a folder named like a file", remedy)
    if not path.is_file() or not _is_table(path):
        raise _UnreadableError("is neither CSV nor Parquet", f"Use {', '.join(SUFFIXES)}.")
    content = path.read_bytes()
    if content and path.name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(error, "Pack it again; it may have been copied in part.") from error
    if not content.removeprefix(b"\xef\xbb\xbf").strip():
        raise _UnreadableError("is empty", "Write the bars into it first.")
    return content


def _damaged(error: Exception, remedy: str) -> _UnreadableError:
    reason = str(error).removeprefix("Error tokenizing data. C error: ")
    return _UnreadableError(f"cannot be read ({shown(reason, limit=200)})", remedy)


def _demo_path(ticker: str) -> Path:
    """The file of the demo bars, looked up without importing arch (which takes seconds)."""
    package = importlib.util.find_spec("arch")
    if package is None or package.origin is None:
        raise _UnreadableError("comes with the package arch, which is missing", "pip install arch.")
    return Path(package.origin).parent / "data" / ticker / f"{ticker}.csv.gz"


def _parquet(content: bytes, table: RawTable) -> pd.DataFrame:
    try:
        cells = read_table(content).to_pandas(date_as_object=False)
    except Exception as error:  # damaged files make pyarrow and pandas raise almost anything
        raise _damaged(error, "Write the Parquet file again.") from error
    if not isinstance(cells.index, pd.RangeIndex):
        names = ["" if name is None else name for name in cells.index.names]
        cells = cells.reset_index(names=names, allow_duplicates=True)
    if cells.columns.nlevels != 2:
        return cells
    upper, lower = (list(cells.columns.get_level_values(level)[1:]) for level in (0, 1))
    return long_table(cells, upper, lower, table)


def _csv(content: bytes, table: RawTable) -> pd.DataFrame:
    """Every cell as text, so that the checks can tell text from a missing number."""
    if b"\0" in content:
        raise _UnreadableError("is not UTF-8 text, but UTF-16 or binary", "Save it in UTF-8.")
    grid = _grid(content, _delimiter(content, table), table)
    upper, lower = (list(grid.iloc[row]) for row in (0, min(1, len(grid) - 1)))
    if len(grid) == 1 or not is_wide(upper, lower):
        return grid.iloc[1:].set_axis(upper, axis=1).reset_index(drop=True)
    # pandas writes the name of an index into a line of its own below the headers.
    names_its_index = len(grid) > 2 and (grid.iloc[2, 1:] == "").all()
    body = grid.iloc[3 if names_its_index else 2 :].reset_index(drop=True)
    return long_table(body, upper[1:], lower[1:], table)


def _delimiter(content: bytes, table: RawTable) -> str:
    header = content.lstrip().split(b"\n", 1)[0]
    likely = max(_DELIMITERS, key=lambda delimiter: header.count(delimiter.encode()))
    if likely != ",":
        text = f"separates its columns by {_DELIMITERS[likely]}"
        table.fault(text, "Separate them by commas, and write decimals with a point.")
    return likely


def _grid(content: bytes, delimiter: str, table: RawTable) -> pd.DataFrame:
    """The file's cells as text, headers included; short rows end in empty cells."""
    # Text throughout: pandas would turn tickers such as NA or TRUE into missing values or booleans.
    how = {"header": None, "dtype": str, "na_filter": False, "index_col": False}
    try:
        try:
            return pd.read_csv(BytesIO(content), sep=delimiter, **how)
        except pd.errors.ParserError as error:
            if "fields in line" not in str(error):
                raise
            return _cut_grid(content.decode("utf-8-sig"), delimiter, table)
    except (ValueError, csv.Error) as error:
        raise _damaged(error, "Save it as CSV in UTF-8 with one header line.") from error


def _cut_grid(text: str, delimiter: str, table: RawTable) -> pd.DataFrame:
    """The cells of a file with rows that are too long, cut off, so that others can be checked."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    rows = [(reader.line_num, row) for row in reader if row]
    width = len(rows[0][1])
    too_long = [(line, len(row)) for line, row in rows if len(row) > width]
    if not too_long:
        raise ValueError("rows of different lengths")
    line, count = too_long[0]
    remedy = "Write numbers without commas, and rows as long as the header."
    table.fault(f"line {line} has {count} cells, and the first line {width}", remedy)
    padded = [(row + [""] * (width - len(row)))[:width] for _, row in rows]
    return pd.DataFrame(padded, dtype="str")


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def _stem(path: Path) -> str:
    """The file's name without suffix, if that leaves any, and without bytes that are no text."""
    name = path.name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    stem = name[: len(name) - len(suffix)] or name
    return stem.encode(errors="replace").decode()
