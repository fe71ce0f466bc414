"""The bars of files as they stand in them, and the problems that they have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from phase6c.wording import listed, more

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "adj_close", "volume")

# A file cannot be read as it is; rows, or tickers, can be left out of what is read.
Scope = Literal["file", "row", "ticker"]


@dataclass(frozen=True)
class Problem:
    """A fault of a source, and its remedy.

    Attributes:
        scope: What would have to be left out to go on without the fault.
    """

    source: str
    text: str
    remedy: str
    scope: Scope = "file"

    def __str__(self) -> str:
        return f"{self.source}: {self.text}. {self.remedy}"


@dataclass(frozen=True)
class BadRows:
    """Rows of a table that break a rule.

    Attributes:
        rows: Positions in the table's cells.
        column: Column that the rows are bad in.
        rule: Predicate about the cell, such as "is not a number".
    """

    rows: np.ndarray
    column: str
    rule: str


@dataclass
class RawTable:
    """The cells of a file, or of files of one shape, and the problems that they have.

    Attributes:
        files: The files as the user named them.
        tickers: The ticker of each file if no column says so.
        cells: Text, or numbers and dates from Parquet; no columns if nothing could be read. The
            index holds the row numbers of the file's data, from 0.
        file_codes: The file of each row, where there are several.
        first_line: Line of the file in which the data begin.
        in_folder: Whether the file was found in a folder, in which others may be whole.
        problems: Problems, at most one for each kind of fault.
        bad_rows: Rows that break a rule, by the rule.
        bad_tickers: What is wrong with tickers that cannot be used, by their names.
        notes: Sentences about oddities that are no faults, without file and full stop.
    """

    files: tuple[str, ...]
    tickers: tuple[str, ...]
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    file_codes: np.ndarray | None = None
    first_line: int = 1
    in_folder: bool = False
    problems: list[Problem] = field(default_factory=list)
    bad_rows: list[BadRows] = field(default_factory=list)
    bad_tickers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The first file and how many others there are."""
        others = len(self.files) - 1
        return self.files[0] + (f" and {more(others, 'file')}" if others else "")

    def fault(self, text: str, remedy: str) -> None:
        """Adds a problem of the whole file."""
        self.problems.append(Problem(self.name, text, remedy))

    def fault_in(self, rows: np.ndarray, column: str, fault: str, remedy: str) -> None:
        """Adds a problem of a column: its first bad row, and how many others there are.

        Args:
            rows: Positions of the bad rows in `cells`; none, then there is no problem.
            column: Column that they are bad in.
            fault: Predicate about the cell, such as "is not a number".
            remedy: Sentence that says how the fault can be mended.
        """
        if not len(rows):
            return
        self.bad_rows.append(BadRows(rows, column, fault.rstrip(",")))
        others = f", and in {more(len(rows) - 1, 'row')}" if len(rows) > 1 else ""
        self._place(rows.min(), column, fault, remedy, others, "row")

    def fault_of(
        self, rows: np.ndarray, tickers: list[str], column: str, fault: str, remedy: str
    ) -> None:
        """Adds a problem of tickers, each shown by a row.

        Args:
            rows: Positions of the rows that show it, in the order of `tickers`.
            tickers: The ticker of each of the rows; a ticker may occur again.
            column, fault, remedy: See `fault_in`.
        """
        if not len(rows):
            return
        for ticker in dict.fromkeys(tickers):
            self.bad_tickers.setdefault(ticker, f"{column} {fault.rstrip(',')}")
        first = int(np.argmin(rows))
        rest = [
            f"{shown(ticker)} {self._cell('date', row)}".strip()
            for number, (row, ticker) in enumerate(zip(rows, tickers, strict=True))
            if number != first
        ]
        others = f", and in {listed(rest)}" if rest else ""
        self._place(rows[first], column, fault, remedy, others, "ticker")

    def note(self, text: str) -> None:
        """Adds a sentence for the user, without its full stop."""
        self.notes.append(text)

    def keep(self, kept: np.ndarray) -> None:
        """Forgets the other rows, before any of them is named as bad."""
        self.cells = self.cells[kept]
        if self.file_codes is not None:
            self.file_codes = self.file_codes[kept]

    def is_bad(self) -> np.ndarray:
        """Whether each row of the cells breaks a rule, bool[row]."""
        bad = np.zeros(len(self.cells), dtype=bool)
        for found in self.bad_rows:
            bad[found.rows] = True
        return bad

    def list_bad_rows(self) -> pd.DataFrame:
        """Columns file, line, ticker, date, rule and value: a row for each rule that a row breaks.

        The line is that of the file, or the number of the row where the file has no lines.
        """
        parts = [
            pd.DataFrame(
                {
                    "file": [self.files[self._code(row)] for row in found.rows],
                    "line": self.cells.index.to_numpy()[found.rows] + self.first_line,
                    "ticker": [
                        name or self.tickers[self._code(row)]
                        for name, row in zip(
                            self._texts("ticker", found.rows), found.rows, strict=True
                        )
                    ],
                    "date": self._texts("date", found.rows),
                    "rule": f"{found.column} {found.rule}",
                    "value": self._texts(found.column, found.rows),
                }
            )
            for found in self.bad_rows
        ]
        columns = ["file", "line", "ticker", "date", "rule", "value"]
        listing = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
        return listing.sort_values(["file", "line"], kind="stable", ignore_index=True)

    def _place(
        self, row: int, column: str, fault: str, remedy: str, others: str, scope: Scope
    ) -> None:
        named = [(name, self._cell(name, row)) for name in ("ticker", "date") if name != column]
        place = [f"row {self.cells.index[row] + 1} of the data"]
        place += [f"{name} {value}" for name, value in named if value]
        value = self._cell(column, row)
        cell = f"{column} ({value})" if value else column
        text = f"{cell} {fault} in {', '.join(place)}{others}"
        self.problems.append(Problem(self.files[self._code(row)], text, remedy, scope))

    def _code(self, row: int) -> int:
        """The number of the row's file."""
        return 0 if self.file_codes is None else int(self.file_codes[row])

    def _cell(self, column: str, row: int) -> str:
        return self._texts(column, np.array([row]))[0]

    def _texts(self, column: str, rows: np.ndarray) -> list[str]:
        """Cells of a column as they are shown; empty where there is none."""
        if column not in self.cells:
            return [""] * len(rows)
        values = self.cells[column].iloc[rows]
        pairs = zip(values, values.isna(), strict=True)
        return ["" if missing else shown(value) for value, missing in pairs]


def shown(value: object, limit: int = 40) -> str:
    """A cell, a column's name or an error in a short line."""
    text = str(value).strip().removesuffix(" 00:00:00")
    # A file may hold control characters that would act on the reader's terminal.
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= limit else text[: limit - 3] + "..."
