"""The bars of a file as they stand in it, and the problems that they have."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from phase6c.wording import more

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "adj_close", "volume")


@dataclass(frozen=True)
class Problem:
    """A fault of a source, and its remedy."""

    source: str
    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.source}: {self.text}. {self.remedy}"


@dataclass
class RawTable:
    """The cells of a file, a row for each day and ticker, and the problems that they have.

    Attributes:
        name: The file as the user named it.
        ticker: The ticker of its rows if no column says so.
        cells: Text, or numbers and dates from Parquet; no columns if nothing could be read. The
            index holds the row numbers of the file's data, from 0.
        problems: Problems, at most one for each kind of fault.
        notes: Sentences about oddities that are no faults.
    """

    name: str
    ticker: str
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fault(self, text: str, remedy: str) -> None:
        """Adds a problem of the whole file."""
        self.problems.append(Problem(self.name, text, remedy))

    def fault_in(
        self, rows: np.ndarray, column: str, fault: str, remedy: str, of: str = "row"
    ) -> None:
        """Adds a problem of a column: its first bad row, and how many others there are.

        Args:
            rows: Positions of the bad rows in `cells`; none, then there is no problem.
            column: The column they are bad in.
            fault: Predicate about the cell, such as "is not a number".
            remedy: Sentence that says how the fault can be mended.
            of: Noun for the bad rows in the message: row, or ticker.
        """
        if not len(rows):
            return
        row = rows.min()
        others = f", and in {more(len(rows) - 1, of)}" if len(rows) > 1 else ""
        named = [(name, self._cell(name, row)) for name in ("ticker", "date") if name != column]
        place = [f"row {self.cells.index[row] + 1} of the data"]
        place += [f"{name} {value}" for name, value in named if value]
        value = self._cell(column, row)
        cell = f"{column} ({value})" if value else column
        self.fault(f"{cell} {fault} in {', '.join(place)}{others}", remedy)

    def note(self, text: str) -> None:
        """Adds a sentence for the user, without its full stop."""
        self.notes.append(f"{self.name}: {text}.")

    def _cell(self, column: str, row: int) -> str:
        value = self.cells[column].iloc[row] if column in self.cells else ""
        return "" if np.ndim(value) == 0 and pd.isna(value) else shown(value)


def shown(value: object, limit: int = 40) -> str:
    """A cell, a column's name or an error in a short line."""
    text = str(value).strip().removesuffix(" 00:00:00")
    # A file may hold control characters that would act on the reader's terminal.
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= limit else text[: limit - 3] + "..."
