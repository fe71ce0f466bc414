"""CSV and other text files as tables: their delimiter, their header, and the rows below it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import BytesIO, StringIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from phase6c.data.reading.columns import known_names
from phase6c.data.reading.dates import parse_dates
from phase6c.data.reading.numbers import parse_numbers
from phase6c.data.reading.raw import RawTable, shown
from phase6c.data.reading.shapes import (
    is_wide,
    is_wide_of_closes,
    long_table,
    long_table_of_closes,
)

DELIMITERS = (",", ";", "\t", "|")
# Titles and comments above a header are a few lines.
_MAX_LINES_ABOVE = 30
# The columns of Binance's klines, which come without a header.
_KLINES = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume"),
    *("trades", "taker_buy_volume", "taker_buy_quote_volume", "ignored"),
)


class UnreadableError(Exception):
    """Nothing can be read; its arguments are why, and the remedy."""


@dataclass(frozen=True)
class Layout:
    """Where a text's table stands.

    Attributes:
        delimiter: What parts its cells.
        line: Line of the header, from 0; blank lines count.
        names: Cells of the header.
        second: Cells of the line below it.
        has_header: Whether that line names columns at all.
    """

    delimiter: str
    line: int
    names: list[str]
    second: list[str]
    has_header: bool = True

    @property
    def is_wide(self) -> bool:
        """Whether the header has two lines, fields and tickers."""
        same_length = len(self.names) == len(self.second)
        return self.has_header and same_length and is_wide(self.names, self.second)


def read_text(content: bytes, table: RawTable) -> pd.DataFrame:
    """The cells of a text file, all as text, so that checks can tell text from a missing number.

    Args:
        content: Bytes of the file, UTF-8.
        table: Receives problems, notes, and the line in which the data begin.

    Raises:
        UnreadableError: The content is no table in UTF-8.
    """
    layout = find_layout(content)
    if layout.line:
        above = "line 1" if layout.line == 1 else f"lines 1 to {layout.line}"
        table.note(f"the header is in line {layout.line + 1}; {above} above it left out")
    grid = _grid(content, layout, table)
    table.first_line = layout.line + 2
    if not layout.has_header:
        table.first_line -= 1
        table.note(
            "has no header and is read as klines of Binance, which begin with the time of the open"
        )
        return grid.set_axis(list(_KLINES), axis=1)
    if layout.is_wide:
        # pandas writes the name of an index into a line of its own below the headers.
        names_its_index = len(grid) > 2 and (grid.iloc[2, 1:] == "").all()
        table.first_line += 2 if names_its_index else 1
        body = grid.iloc[3 if names_its_index else 2 :].reset_index(drop=True)
        return long_table(body, layout.names[1:], layout.second[1:], table)
    cells = grid.iloc[1:].set_axis(list(grid.iloc[0]), axis=1)
    cells = cells.set_axis(cells.index - 1, axis=0)
    if is_wide_of_closes(cells):
        return long_table_of_closes(cells, table)
    return cells


def find_layout(content: bytes) -> Layout:
    """Finds the delimiter and the header: the line that names the most columns of daily bars.

    Raises:
        UnreadableError: The content is no text in UTF-8.
    """
    if b"\0" in content:
        raise UnreadableError("is not UTF-8 text, but UTF-16 or binary", "Save it in UTF-8.")
    lines = _first_lines(content)
    asked = lines[0].lower().startswith("sep=") and lines[0][4:5]
    best: tuple[int, Layout] | None = None
    for delimiter in [asked] if asked else DELIMITERS:
        rows = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
        for number, row in enumerate(rows):
            known = known_names(row) if len(row) > 1 else 0
            if known > 1 and (best is None or known > best[0]):
                below = rows[number + 1] if number + 1 < len(rows) else row
                layout = _with_upper_header(Layout(delimiter, number, row, below), rows)
                best = (known, layout)
    return best[1] if best else _without_known_names(lines, asked or None)


def _first_lines(content: bytes) -> list[str]:
    try:
        # A character may be cut off at the end of the excerpt.
        head = b"\n".join(content.split(b"\n", _MAX_LINES_ABOVE + 1)[: _MAX_LINES_ABOVE + 1])
        text = head.decode("utf-8-sig")
    except ValueError as error:
        raise damaged(error, "Save it as CSV in UTF-8 with one header line.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _with_upper_header(layout: Layout, rows: list[list[str]]) -> Layout:
    """The same, from the line above on where that names the tickers of a wide table."""
    above = rows[layout.line - 1] if layout.line else []
    full = len(above) == len(layout.names) and all(above[1:])
    dated = known_names([layout.names[0], "close"]) > 1
    if full and not dated and is_wide(above, layout.names):
        return Layout(layout.delimiter, layout.line - 1, above, layout.names)
    return layout


def _without_known_names(lines: list[str], asked: str | None) -> Layout:
    """The layout of a text without a line that names columns of daily bars."""
    named = [n for n, line in enumerate(lines) if line.strip() and not _is_comment(line)]
    number = named[0] if named else 0
    delimiter = asked or max(DELIMITERS, key=lines[number].count)
    rows = [next(csv.reader([line], delimiter=delimiter), []) for line in lines[number:]]
    first = rows[0]
    second = rows[1] if len(rows) > 1 else first
    is_klines = len(first) == len(_KLINES) and _is_bar(first)
    return Layout(delimiter, number, first, second, has_header=not is_klines)


def _is_comment(line: str) -> bool:
    return line.startswith("#") or line.lower().startswith("sep=")


def _is_bar(row: list[str]) -> bool:
    """Whether a row begins with a day, and numbers follow."""
    cells = pd.Series(row, dtype="str")
    dated = not pd.isna(parse_dates(cells.head(1)).day[0])
    return dated and not pd.isna(parse_numbers(cells[1:])).any()


def _grid(content: bytes, layout: Layout, table: RawTable) -> pd.DataFrame:
    """The cells from the header on as text; short rows end in empty cells.

    The index holds the lines, from 0 for the header, so that blank lines count.
    """
    grid = _regular_grid(content, layout)
    if grid is None:
        grid = _any_grid(content, layout, table).fillna("")
    blank = grid.iloc[:, 0].str.strip() == ""
    if blank.any():
        # A missing first cell is no blank line.
        empty = (grid[blank].apply(lambda cells: cells.str.strip()) == "").all(axis=1)
        grid = grid.drop(index=empty.index[empty & (empty.index > 0)])
    return grid


def _any_grid(content: bytes, layout: Layout, table: RawTable) -> pd.DataFrame:
    # Text throughout: pandas would turn tickers such as NA or TRUE into missing values or booleans.
    how = {"header": None, "dtype": str, "na_filter": False, "index_col": False}
    place = {"sep": layout.delimiter, "skiprows": layout.line, "skip_blank_lines": False}
    try:
        try:
            return pd.read_csv(BytesIO(content), encoding="utf-8-sig", **place, **how)
        except pd.errors.ParserError as error:
            if "fields in line" not in str(error):
                raise
            return _cut_grid(content.decode("utf-8-sig"), layout, table)
    except (ValueError, csv.Error) as error:
        raise damaged(error, "Save it as CSV in UTF-8 with one header line.") from error


def _regular_grid(content: bytes, layout: Layout) -> pd.DataFrame | None:
    """The same many times faster, for a text without quotes whose rows are of one length."""
    if b'"' in content:
        return None
    names = [str(number) for number in range(len(layout.names))]
    try:
        cells = pa_csv.read_csv(
            pa.BufferReader(content.removeprefix(b"\xef\xbb\xbf")),
            pa_csv.ReadOptions(column_names=names, skip_rows=layout.line, use_threads=False),
            pa_csv.ParseOptions(delimiter=layout.delimiter, ignore_empty_lines=False),
            pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return cells.to_pandas().set_axis(range(len(names)), axis=1)


def _cut_grid(text: str, layout: Layout, table: RawTable) -> pd.DataFrame:
    """The cells of a file with rows that are too long, cut off, so that others can be checked."""
    below = "".join(text.splitlines(keepends=True)[layout.line :])
    reader = csv.reader(StringIO(below, newline=""), delimiter=layout.delimiter)
    rows = [(reader.line_num + layout.line, row) for row in reader]
    width = len(rows[0][1])
    too_long = [(line, len(row)) for line, row in rows if len(row) > width]
    if not too_long:
        raise ValueError("rows of different lengths")
    line, count = too_long[0]
    remedy = "Write numbers without commas, and rows as long as the header."
    header = "the first line" if layout.line == 0 else f"line {layout.line + 1}"
    table.fault(f"line {line} has {count} cells, and {header} {width}", remedy)
    padded = [(row + [""] * (width - len(row)))[:width] for _, row in rows]
    return pd.DataFrame(padded, dtype="str")


def damaged(error: Exception, remedy: str) -> UnreadableError:
    """The reason for which a library could not read a file, in a line."""
    reason = str(error).removeprefix("Error tokenizing data. C error: ")
    return UnreadableError(f"cannot be read ({shown(reason, limit=200)})", remedy)
