"""Daily bars: read from the demo package, files or folders, checked once, refused in a report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int64, Shaped

from phase6c.config import parse
from phase6c.data.handling import ROW_LIMIT, TICKER_LIMIT, Handling, OnFault
from phase6c.data.reading.checks import check_table
from phase6c.data.reading.columns import OPTIONAL_PRICES
from phase6c.data.reading.raw import PRICES, RawTable, shown
from phase6c.data.reading.readers import read_tables
from phase6c.data.reading.sequences import MAX_GAP_DAYS
from phase6c.data.reading.verdict import Dropped, left_out
from phase6c.errors import DataError
from phase6c.storage.redact import redact
from phase6c.wording import counted, listed, more


@dataclass(frozen=True)
class Bars:
    """Checked daily bars of a ticker or of several.

    Attributes:
        frame: Columns date [datetime64], ticker [str], close [float64], and, if every ticker has
            them, open, high, low (all three) and volume [float64]; prices adjusted for splits and
            dividends where adj_close was given; sorted by ticker, then date.
        sources: Sources of the bars, as they were named, without passwords and tokens.
        digest: SHA-256 of the columns and their values, whatever file or format they stood in.
        notes: Sentences for the user: what was left out, and what looks odd but may be right.
        handling: What was to be done with bad rows and tickers.
        dropped: What was left out of the sources because it breaks a rule.
        bad_rows: Every row that was left out: file, line, ticker, date, rule and value.
    """

    frame: pd.DataFrame
    sources: tuple[str, ...]
    digest: str
    notes: tuple[str, ...] = ()
    handling: Handling = field(default_factory=Handling)
    dropped: Dropped = field(default_factory=Dropped)
    bad_rows: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        dates = self.frame["date"]
        return (
            f"Bars({counted(len(self.frame), 'row')} of "
            f"{counted(self.frame['ticker'].nunique(), 'ticker')}, {dates.min():%Y-%m-%d} to "
            f"{dates.max():%Y-%m-%d}, {listed(list(self.sources), limit=3)})"
        )

    def without(self, tickers: Collection[str]) -> Bars:
        """The bars of all other tickers."""
        frame = self.frame[~self.frame["ticker"].isin(list(tickers))].reset_index(drop=True)
        told = tuple(note for note in self.notes if note not in self.dropped.notes())
        return replace(self, frame=frame, digest=_digest(frame), notes=told)

    def lacking(self, columns: Sequence[str]) -> str:
        """Says that these columns are not there, with the notes, which may say why."""
        return " ".join([f"no {', '.join(columns)}", *(f"({note})" for note in self.notes)])


def load_bars(
    source: str | Path | Sequence[str | Path],
    *,
    bad_rows: OnFault = "stop",
    bad_tickers: OnFault = "stop",
    bad_limit: tuple[float, float] = (ROW_LIMIT, TICKER_LIMIT),
    accept_events: bool = False,
) -> Bars:
    """Reads and checks daily bars.

    Args:
        source: "sp500" or "nasdaq" (the demo bars of the arch package), the path of a text file
            (.csv, .tsv, .txt, also .gz) or Parquet file, or of a folder with such a file per
            ticker; several sources in a sequence, or in a text separated by commas.
            A file has the columns date and close [price], and may have open, high, low [price,
            all three], volume [shares, contracts or any unit], ticker (else the file's name is
            the ticker) and adj_close [price] (then prices are multiplied by adj_close / close);
            a note names columns that are not read. Tables with a column for each ticker are read,
            too, and the headers, dates and numbers of the usual vendors.
        bad_rows: "drop" leaves rows out that break a rule, "stop" refuses them.
        bad_tickers: "drop" leaves tickers out that cannot be used, "stop" refuses them.
        bad_limit: Largest share of the rows, and of the tickers, that may be left out.
        accept_events: Whether prices that jump tenfold and gaps of months are taken as real.

    Returns:
        The bars of all sources; columns that only some of them have are left out, with a note.

    Raises:
        BadBarsError: Rows or tickers break rules; it lists all of them.
        DataError: The sources cannot be read as bars; the message lists the faults of all of them.
    """
    handling = parse(
        Handling,
        {
            "bad_rows": bad_rows,
            "bad_tickers": bad_tickers,
            "bad_limit": bad_limit,
            "accept_events": accept_events,
        },
    )
    names = source_names(source)
    pairs = [pair for name in names for pair in _checked(name, accept_events=accept_events)]
    checked, tables = [frame for frame, _ in pairs], [table for _, table in pairs]
    _check_shared_tickers(checked, tables)
    frames, dropped, bad = left_out(checked, tables, handling)
    held = [
        (frame, table)
        for frame, table in zip(frames, tables, strict=True)
        if len(frame) and "date" in frame
    ]
    frames = [frame for frame, _ in held]
    columns, missing = _common_columns(frames, [table for _, table in held])
    frame = _joined([frame[columns] for frame in frames])
    notes = [*dropped.notes(), *_merged_notes(tables), *missing]
    return Bars(
        frame=frame,
        sources=tuple(map(redact, names)),
        digest=_digest(frame),
        notes=tuple(notes),
        handling=handling,
        dropped=dropped,
        bad_rows=bad,
    )


def _checked(source: str, *, accept_events: bool) -> list[tuple[pd.DataFrame, RawTable]]:
    """The bars and the raw table of each file of a source, or of files that are read as one."""
    pairs = []
    for table in read_tables(source):
        frame = check_table(table, accept_events=accept_events)
        if len(table.files) > 1 and any(one.scope == "file" for one in table.problems):
            # Which of several files cannot be read shows when they are read one by one.
            alone = read_tables(source, together=False)
            own = [one for one in alone if one.files[0] in table.files]
            pairs += [(check_table(one, accept_events=accept_events), one) for one in own]
        else:
            pairs.append((frame, table))
    return pairs


def ticker_frames(bars: Bars) -> dict[str, pd.DataFrame]:
    """The bars of each ticker, its days in order, rows numbered from 0."""
    groups = bars.frame.groupby("ticker", sort=True)
    return {str(ticker): frame.reset_index(drop=True) for ticker, frame in groups}


def segments(frame: pd.DataFrame) -> list[slice]:
    """The rows of a ticker's bars between gaps of months, in order.

    Bars with such a gap are read only if the user takes it as real. What lies before it tells
    little of what lies after it: no feature, window or label reaches across.
    """
    steps = np.diff(dates_of(frame)).astype(int)
    borders = [0, *(np.flatnonzero(steps > MAX_GAP_DAYS) + 1), len(frame)]
    return [slice(*pair) for pair in pairwise(borders)]


def days_before(frame: pd.DataFrame) -> Int64[np.ndarray, " row"]:
    """How many bars each of a ticker's bars has before it in its segment."""
    return np.concatenate([np.arange(part.stop - part.start) for part in segments(frame)])


def dates_of(frame: pd.DataFrame) -> Shaped[np.ndarray, " row"]:
    """The dates of the frame's rows as datetime64[D]."""
    dates: np.ndarray = frame["date"].to_numpy().astype("datetime64[D]")
    return dates


def source_names(source: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    """The names of the sources; see `load_bars`.

    Raises:
        DataError: No source is named.
    """
    if isinstance(source, str):
        source = source.split(",")
    elif isinstance(source, Path):
        source = [source]
    remedy = "Name sp500, nasdaq, a file or a folder."
    if not isinstance(source, (list, tuple)):
        raise DataError("Bars are read from files", type(source).__name__, remedy)
    names = tuple(name for name in (str(part).strip() for part in source) if name)
    if not names:
        raise DataError("Bars need a source", "none", remedy)
    return names


def _check_shared_tickers(frames: list[pd.DataFrame], tables: list[RawTable]) -> None:
    """No two files may hold the same ticker."""
    first_source: dict[str, str] = {}
    for frame, table in zip(frames, tables, strict=True):
        tickers = frame["ticker"].cat.categories
        shared = [ticker for ticker in tickers if ticker in first_source]
        for source in dict.fromkeys(first_source[ticker] for ticker in shared):
            same = [shown(ticker) for ticker in shared if first_source[ticker] == source]
            remedy = "Keep each ticker in one source."
            table.fault(f"shares ticker {listed(same)} with {source}", remedy)
        first_source = dict.fromkeys(tickers, table.name) | first_source


def _common_columns(
    frames: list[pd.DataFrame], tables: list[RawTable]
) -> tuple[list[str], list[str]]:
    """The columns that all frames have, and a note on each group of those that only some have."""
    columns, notes = ["date", "ticker"], []
    for group in (OPTIONAL_PRICES, ("close",), ("volume",)):
        without = [
            table.name
            for frame, table in zip(frames, tables, strict=True)
            if not set(group) <= set(frame)
        ]
        if not without:
            columns += group
        elif len(without) < len(frames):
            notes.append(f"{', '.join(group)} left out, as there is none in {listed(without)}.")
    return columns, notes


def _merged_notes(tables: list[RawTable]) -> list[str]:
    """The notes of all tables; what is said of several files alike is said once."""
    files: dict[str, list[str]] = {}
    for table in tables:
        for note in table.notes:
            files.setdefault(note, []).append(table.name)
    merged = []
    for note, names in files.items():
        others = f" and {more(len(names) - 1, 'file')}" if len(names) > 1 else ""
        merged.append(f"{names[0]}{others}: {note}.")
    return merged


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One frame sorted by ticker, its tickers as text; each ticker's days are sorted already."""
    frame = pd.concat([frame.astype({"ticker": "str"}) for frame in frames], ignore_index=True)
    if len(frames) == 1:
        return frame
    return frame.iloc[frame["ticker"].argsort(kind="stable")].reset_index(drop=True)


def _digest(frame: pd.DataFrame) -> str:
    codes, tickers = pd.factorize(frame["ticker"])
    columns = [name for name in (*PRICES, "volume") if name in frame]
    # Little-endian bytes of fixed types, so that the digest is the same on every machine.
    head = {"columns": columns, "tickers": list(tickers), "rows": np.bincount(codes).tolist()}
    digest = hashlib.sha256(json.dumps(head).encode())
    digest.update(dates_of(frame).astype("<i8").tobytes())
    for name in columns:
        digest.update(frame[name].to_numpy().astype("<f8").tobytes())
    return digest.hexdigest()
