"""Labels and probabilities out of a file of anybody's, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float64, Int, Shaped

from phase6c.data.reading.cells import column_key, is_missing
from phase6c.data.reading.dates import parse_dates
from phase6c.data.reading.numbers import parse_numbers
from phase6c.data.reading.raw import RawTable, shown
from phase6c.data.reading.readers import SUFFIXES, read_tables
from phase6c.errors import DataError
from phase6c.statistics.logits import EPSILON, logit
from phase6c.wording import listed

# Fewer cannot be cut into halves of which anything could be said.
MIN_ROWS = 20

_COLUMNS = ("y", "p", "date", "ticker", "epoch", "down")
_RULE = "A file of predictions must hold a label y and a probability p in every row"
_REMEDY = f"Name a file ({', '.join(SUFFIXES)}) with the columns y and p."


@dataclass(frozen=True)
class LabelledPredictions:
    """Labels and predictions of a model, in order of time.

    Attributes:
        y: Rises, 0 or 1.
        logits: Logits, finite.
        days: Dates of the rows, datetime64[D], rising; None where the file has no dates and its
            own order counts.
        rows: Numbers of the rows in the file, from 1.
        down: Mirrored falls; None where the file does not tell them.
        notes: Sentences on how the file was read.
    """

    y: Float64[np.ndarray, " row"]
    logits: Float[np.ndarray, " row"]
    days: Shaped[np.ndarray, " row"] | None
    rows: Int[np.ndarray, " row"]
    down: Bool[np.ndarray, " row"] | None
    notes: tuple[str, ...]


def load_predictions(path: Path, epoch: int | None = None) -> LabelledPredictions:
    """Reads and checks a CSV or Parquet file of predictions.

    Args:
        path: File with the columns y [0, 1, true or false] and p [probability]; rows are ordered
            by `date` where there is such a column; `epoch` tells the predictions of several epochs
            apart; `down` marks mirrored falls; other columns are ignored.
        epoch: Epoch to be read; the last unless given.

    Raises:
        DataError: The file cannot be read as that; the message lists all its faults.
    """
    table = _table(path)
    _raise_problems(table)
    table.cells = _known_columns(table)
    _raise_problems(table)
    _keep_epoch(table, epoch)
    y = _truths("y", table)
    p = _probabilities(table)
    down = _truths("down", table) == 1 if "down" in table.cells else None
    days = _days(table) if "date" in table.cells else None
    if len(table.cells) < MIN_ROWS:
        table.fault(f"has {len(table.cells)} rows", f"At least {MIN_ROWS} are needed.")
    _raise_problems(table)
    _note_certain(p, table)
    if days is None:
        table.notes.append("There is no column date: the rows count as ordered by time.")
    order = np.arange(len(y)) if days is None else np.argsort(days, kind="stable")
    return LabelledPredictions(
        y=y[order],
        logits=logit(p[order]),
        days=None if days is None else days[order],
        rows=np.asarray(table.cells.index, dtype=np.int64)[order] + 1,
        down=None if down is None else down[order],
        notes=tuple(table.notes),
    )


def _table(path: Path) -> RawTable:
    """The cells of the file; a folder, or the name of demo bars, is no file."""
    # `sp500` is a name of bars to the readers; here it can only be a mistake.
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise DataError(_RULE, f"{path}: {what}", _REMEDY)
    (table,) = read_tables(str(path))
    return table


def _raise_problems(table: RawTable) -> None:
    if table.problems:
        report = "\n  ".join(["", *map(str, table.problems)])
        if len(table.problems) == 1:
            report = str(table.problems[0])
        raise DataError(_RULE, report.removesuffix("."))


def _known_columns(table: RawTable) -> pd.DataFrame:
    """The columns that are read, known by their names in any case."""
    cells = table.cells
    keys = [column_key(name) for name in cells.columns]
    for name in _COLUMNS:
        if keys.count(name) > 1:
            table.fault(f"has the column {name} twice", "Keep one of them.")
    missing = [name for name in ("y", "p") if name not in keys]
    if missing:
        header = listed([shown(name) for name in cells.columns])
        fault = f"has no column {' and no column '.join(missing)} (it has {header})"
        table.fault(fault, "Name the labels y and the probabilities p.")
    known = [name for name in _COLUMNS if name in keys]
    return cells.iloc[:, [keys.index(name) for name in known]].set_axis(known, axis=1)


def _keep_epoch(table: RawTable, epoch: int | None) -> None:
    """Keeps the rows of an epoch, and notes which."""
    if "epoch" not in table.cells:
        if epoch is not None:
            table.fault("has no column epoch", "Leave `epoch` out.")
        return
    numbers = parse_numbers(table.cells["epoch"])
    bad = np.flatnonzero(~np.isfinite(numbers))
    table.fault_in(bad, "epoch", "is not a number", "Number the epochs, or remove the column.")
    known = np.unique(numbers[np.isfinite(numbers)])
    if not len(known):
        return
    chosen = known[-1] if epoch is None else epoch
    if chosen not in known:
        held = f"{known[0]:g} to {known[-1]:g}"
        table.fault(f"has no epoch {chosen:g} (it has {held})", "Name one of those.")
    elif len(known) > 1:
        table.notes.append(f"Epoch {chosen:g} of {known[0]:g} to {known[-1]:g} is audited.")
        table.cells = table.cells[numbers == chosen]


def _truths(column: str, table: RawTable) -> np.ndarray:
    """float64[row] in {0, 1} where there is no problem."""
    cells = table.cells[column]
    words = cells.astype("str").str.strip().str.lower().map({"true": 1.0, "false": 0.0})
    values = np.where(words.notna(), words, parse_numbers(cells))
    missing = is_missing(cells)
    remedy = "Write 1 where it happened and 0 where it did not; leave rows without a label out."
    table.fault_in(np.flatnonzero(missing), column, "is missing", remedy)
    wrong = ~missing & ~np.isin(values, (0.0, 1.0))
    table.fault_in(np.flatnonzero(wrong), column, "is neither 0 nor 1", remedy)
    return np.asarray(values, dtype=np.float64)


def _probabilities(table: RawTable) -> np.ndarray:
    """float64[row] in [0, 1] where there is no problem."""
    values = parse_numbers(table.cells["p"])
    missing = is_missing(table.cells["p"])
    remedy = "Leave rows without a prediction out."
    table.fault_in(np.flatnonzero(missing), "p", "is missing", remedy)
    remedy = "Write plain numbers with a decimal point."
    table.fault_in(np.flatnonzero(~missing & np.isnan(values)), "p", "is not a number", remedy)
    outside = (values < 0) | (values > 1)
    remedy = "Write probabilities, not logits or percentages."
    table.fault_in(np.flatnonzero(outside), "p", "is outside 0 to 1", remedy)
    return values


def _days(table: RawTable) -> np.ndarray:
    dates = parse_dates(table.cells["date"])
    days = dates.day
    if dates.fault is not None:
        table.fault(*dates.fault)
        return days
    remedy = "Write all dates as YYYY-MM-DD, or remove the column."
    table.fault_in(np.flatnonzero(np.isnat(days)), "date", "is not a date", remedy)
    return days


def _note_certain(p: np.ndarray, table: RawTable) -> None:
    certain = int(((p < EPSILON) | (p > 1 - EPSILON)).sum())
    if certain:
        table.notes.append(
            f"{certain:,} probabilities are 0 or 1; they count as {EPSILON:.1e} beside it, so that"
            " each that is wrong costs 36 nats."
        )
