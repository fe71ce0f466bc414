"""What of checked tables is used: all, all but what may be left out, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from phase6c.config import Record
from phase6c.data.handling import Handling
from phase6c.data.reading.checks import row_tickers
from phase6c.data.reading.raw import Problem, RawTable
from phase6c.errors import BadBarsError, DataError
from phase6c.wording import counted, listed

# The first problems of a folder of hundreds of bad files tell enough.
MAX_PROBLEMS_SHOWN = 40
_RULE = "Bars must be complete, ordered daily prices"


class Dropped(Record):
    """What was left out of the sources because it breaks a rule.

    Attributes:
        rows: Number of rows, by the rule that they break.
        tickers: What is wrong with each ticker that was left out.
    """

    rows: Mapping[str, int] = {}
    tickers: Mapping[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.rows or self.tickers)

    def notes(self) -> list[str]:
        """Sentences for the user."""
        notes = []
        if self.rows:
            rules = [f"{number} where {rule}" for rule, number in self.rows.items()]
            total = counted(sum(self.rows.values()), "bad row")
            notes.append(f"Left out: {total} ({'; '.join(rules)}).")
        if self.tickers:
            told = listed([f"{name} ({why})" for name, why in self.tickers.items()])
            notes.append(f"Left out: {counted(len(self.tickers), 'ticker')}: {told}.")
        return notes


@dataclass(frozen=True)
class Findings:
    """All that is wrong with the tables of all sources.

    Attributes:
        problems: Problems as they are reported.
        rows: Every bad row: file, line, ticker, date, rule and value.
        tickers: What is wrong with each bad ticker.
        n_bad_rows: Number of bad rows.
        n_rows, n_tickers: Rows and tickers in all.
    """

    problems: tuple[Problem, ...]
    rows: pd.DataFrame
    tickers: dict[str, str]
    n_bad_rows: int
    n_rows: int
    n_tickers: int

    @classmethod
    def of(cls, frames: list[pd.DataFrame], tables: list[RawTable]) -> Findings:
        """Gathers what was found in each table."""
        problems: list[Problem] = []
        tickers: dict[str, str] = {}
        n_rows = n_bad_rows = 0
        for frame, table in zip(frames, tables, strict=True):
            own = table.problems
            bad = dict(table.bad_tickers)
            # In a folder with a file for each ticker, a file that cannot be read is a bad ticker.
            if is_bad_file(table):
                told = next(problem.text for problem in own if problem.scope == "file")
                bad |= dict.fromkeys(_tickers_of(frame, table), told)
                own = [replace(one, scope="ticker") for one in own if one.scope != "row"]
            problems += own
            tickers |= bad
            # The rows of a ticker that goes do not count, whatever is wrong with them.
            gone = row_tickers(table).isin(list(bad)) if bad else np.zeros(len(table.cells), bool)
            n_rows += int((~gone).sum())
            n_bad_rows += int((table.is_bad() & ~gone).sum())
        names = {name for pair in zip(frames, tables, strict=True) for name in _tickers_of(*pair)}
        return cls(
            problems=tuple(problems),
            rows=pd.concat([table.list_bad_rows() for table in tables], ignore_index=True),
            tickers=tickers,
            n_bad_rows=n_bad_rows,
            n_rows=n_rows,
            n_tickers=len(names | tickers.keys()),
        )

    def refusal(self, rule: str, value: str, remedy: str) -> BadBarsError:
        """An error that carries the bad rows and tickers."""
        return BadBarsError(rule, value, remedy, self.rows, self.tickers)


def is_bad_file(table: RawTable) -> bool:
    """Whether a file cannot be read among others of its folder that can."""
    is_one_of_many = table.in_folder and len(table.files) == 1
    return is_one_of_many and any(problem.scope == "file" for problem in table.problems)


def _tickers_of(frame: pd.DataFrame, table: RawTable) -> list[str]:
    """The tickers that a table has bars of; else that of its file."""
    if "date" not in frame or frame.empty:
        return list(table.tickers) if table.problems else []
    return [str(name) for name in frame["ticker"].cat.categories]


def left_out(
    frames: list[pd.DataFrame], tables: list[RawTable], handling: Handling
) -> tuple[list[pd.DataFrame], Dropped, pd.DataFrame]:
    """The bars to use, and what was left out of them.

    Args:
        frames: Bars of each table without bad rows, as `check_table` returns them.
        tables: The tables, with their problems.
        handling: Whether bad rows and bad tickers may be left out.

    Returns:
        The frames without bad tickers, the counts, and every bad row.

    Raises:
        BadBarsError: Rows or tickers break rules, and may not be left out or are too many.
        DataError: A source cannot be read as bars.
    """
    found = Findings.of(frames, tables)
    dropped = {name for name in ("row", "ticker") if getattr(handling, f"bad_{name}s") == "drop"}
    kept = [problem for problem in found.problems if problem.scope not in dropped]
    if kept:
        raise _refusal(kept, found, handling)
    _check_limits(found, handling)
    bad = list(found.tickers)
    used = [
        frame[~frame["ticker"].isin(bad)].iloc[: 0 if is_bad_file(table) else None]
        for frame, table in zip(frames, tables, strict=True)
    ]
    if not any(map(len, used)):
        raise found.refusal(_RULE, "no ticker that keeps the rules", "Mend the source.")
    used = [frame.assign(ticker=frame["ticker"].cat.remove_unused_categories()) for frame in used]
    stays = found.rows[~found.rows["ticker"].isin(bad)]
    rules = Counter(stays.drop_duplicates(["file", "line"])["rule"])
    return used, Dropped(rows=dict(rules), tickers=found.tickers), found.rows


def _refusal(problems: list[Problem], found: Findings, handling: Handling) -> DataError:
    lines = [str(problem) for problem in problems[:MAX_PROBLEMS_SHOWN]]
    if len(problems) > len(lines):
        lines.append(f"and {len(problems) - len(lines)} more problems")
    report = "\n  ".join(["", *lines] if len(lines) > 1 else lines).removesuffix(".")
    if all(problem.scope == "file" for problem in problems):
        return DataError(_RULE, report)
    return found.refusal(_RULE, report, _way_out(problems, found, handling))


def _way_out(problems: list[Problem], found: Findings, handling: Handling) -> str:
    """How the good part can be used, where what is bad is so little that it may be left out."""
    scopes = {problem.scope for problem in problems}
    few = (
        found.n_bad_rows <= handling.most_rows(found.n_rows)
        and len(found.tickers) <= handling.most_tickers(found.n_tickers)
        and len(found.tickers) < found.n_tickers
    )
    if "file" in scopes or not few:
        return ""
    fields = [f'`bad_{scope}s="drop"`' for scope in ("row", "ticker") if scope in scopes]
    return f"What is bad can be left out with {' and '.join(fields)}."


def _check_limits(found: Findings, handling: Handling) -> None:
    """What is left out must be slips of a good source."""
    for count, most, total, noun, share in (
        (found.n_bad_rows, handling.most_rows(found.n_rows), found.n_rows, "row", 0),
        (len(found.tickers), handling.most_tickers(found.n_tickers), found.n_tickers, "ticker", 1),
    ):
        if count > most:
            rule = f"At most {handling.bad_limit[share]:.2%} of the {noun}s may be left out"
            remedy = "Mend the source, or raise `bad_limit`."
            raise found.refusal(rule, f"{count:,} of {counted(total, noun)}", remedy)
