"""Daily bars: read from the demo package or from files, checked once, refused in one report."""

from __future__ import annotations

import hashlib
import importlib.util
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from phase6c.data.checks import (
    PRICES,
    Problem,
    check_bars,
    column_key,
    parse_dates,
    parse_numbers,
    parse_tickers,
)
from phase6c.errors import DataError

DEMO_TICKERS = ("sp500", "nasdaq")
COLUMNS = ("date", "ticker", *PRICES, "volume")
SUFFIXES = (".csv.gz", ".csv", ".parquet")


@dataclass(frozen=True)
class Bars:
    """Checked daily bars of one or more tickers.

    Attributes:
        frame: Columns date [datetime64], ticker [str], open, high, low, close, volume [float64];
            prices adjusted for splits and dividends; sorted by ticker, then date.
        sources: Where the bars came from, as they were named.
        digest: SHA-256 of the values, whatever file or format they stood in.
    """

    frame: pd.DataFrame
    sources: tuple[str, ...]
    digest: str


def load_bars(source: str | Path | Sequence[str | Path]) -> Bars:
    """Reads and checks daily bars.

    Args:
        source: "sp500" or "nasdaq" (the demo bars of the arch package), the path of a CSV or
            Parquet file, several of them in a sequence, or in one text separated by commas.
            A file has the columns date, open, high, low, close, volume, and may have ticker
            (else the file's name is the ticker) and adj_close (then prices are adjusted).

    Raises:
        DataError: All that is wrong with all the sources, in one report.
    """
    names = _source_names(source)
    frames: list[pd.DataFrame] = []
    problems: list[Problem] = []
    for name in names:
        raw, found = _read(name)
        found = found or check_bars(raw, name)
        problems.extend(found)
        if not found:
            frames.append(_typed(raw, _ticker_of(name)))
    problems = problems or _shared_tickers(frames, names)
    if problems:
        report = "\n  ".join(["", *map(str, problems)] if len(problems) > 1 else map(str, problems))
        raise DataError("Bars must be complete, ordered daily prices", report.removesuffix("."))
    frame = pd.concat(frames).sort_values(["ticker", "date"], kind="stable", ignore_index=True)
    return Bars(frame, names, _digest(frame))


def ticker_frames(bars: Bars) -> dict[str, pd.DataFrame]:
    """The bars of each ticker, its days in order, rows numbered from 0."""
    groups = bars.frame.groupby("ticker", sort=True)
    return {str(ticker): frame.reset_index(drop=True) for ticker, frame in groups}


def dates_of(frame: pd.DataFrame) -> np.ndarray:
    """The frame's dates as datetime64[D], one per row."""
    dates: np.ndarray = frame["date"].to_numpy().astype("datetime64[D]")
    return dates


def _source_names(source: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    if isinstance(source, str):
        source = [name.strip() for name in source.split(",") if name.strip()]
    elif isinstance(source, Path):
        source = [source]
    names = tuple(str(name) for name in source)
    if not names:
        raise DataError("Bars need a source", "none", "Name sp500, nasdaq, or a file.")
    return names


def _read(name: str) -> tuple[pd.DataFrame, list[Problem]]:
    """The raw content of one source, with lower-case column names, or why it cannot be read."""
    path = _demo_path(name) if name in DEMO_TICKERS else Path(name)
    problem = _unreadable(path, name)
    if problem:
        return pd.DataFrame(), [problem]
    try:
        raw = _read_parquet(path) if path.name.endswith(".parquet") else _read_csv(path)
    except (OSError, EOFError, ValueError, zlib.error, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())[:200]
        remedy = "Save it as CSV with one header line, or as Parquet."
        return pd.DataFrame(), [Problem(name, f"cannot be read ({reason})", remedy)]
    return raw.rename(columns=column_key), []


def _unreadable(path: Path, name: str) -> Problem | None:
    if not path.exists():
        known = " or ".join(DEMO_TICKERS)
        return Problem(name, "there is no such file", f"Check the path, or use {known}.")
    if path.is_dir():
        return Problem(name, "is a folder", "Name its files, separated by commas.")
    if not path.name.endswith(SUFFIXES):
        return Problem(name, "is neither CSV nor Parquet", f"Use {', '.join(SUFFIXES)}.")
    if path.stat().st_size == 0:
        return Problem(name, "is empty", "Write the bars into it first.")
    return None


def _demo_path(ticker: str) -> Path:
    """The demo bars' file, found without importing arch (which takes seconds)."""
    package = importlib.util.find_spec("arch")
    if package is None or package.origin is None:
        raise DataError("The demo bars come with the arch package", "none", "pip install arch.")
    return Path(package.origin).parent / "data" / ticker / f"{ticker}.csv.gz"


def _read_csv(path: Path) -> pd.DataFrame:
    """Every cell as text, so that the checks can tell text from a missing number."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(path, dtype=str, encoding="utf-8-sig", index_col=False)


def _read_parquet(path: Path) -> pd.DataFrame:
    raw = pd.read_parquet(path)
    return raw.reset_index() if any(raw.index.names) else raw


def _typed(raw: pd.DataFrame, ticker: str) -> pd.DataFrame:
    """The checked raw content as typed columns, prices multiplied by adj_close / close."""
    frame = pd.DataFrame({name: parse_numbers(raw[name]) for name in (*PRICES, "volume")})
    if "adj_close" in raw:
        factor = parse_numbers(raw["adj_close"]) / frame["close"]
        for name in PRICES:
            frame[name] *= factor
    frame["date"] = parse_dates(raw["date"])
    frame["ticker"] = parse_tickers(raw["ticker"]) if "ticker" in raw else ticker
    return frame[list(COLUMNS)]


def _ticker_of(name: str) -> str:
    stem = Path(name).name
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem


def _shared_tickers(frames: list[pd.DataFrame], names: tuple[str, ...]) -> list[Problem]:
    """One ticker must come from one source."""
    first_source: dict[str, str] = {}
    problems = []
    for frame, name in zip(frames, names, strict=True):
        for ticker in frame["ticker"].unique():
            if ticker in first_source:
                text = f"ticker {ticker} is already in {first_source[ticker]}"
                problems.append(Problem(name, text, "Keep each ticker in one source."))
            first_source.setdefault(ticker, name)
    return problems


def _digest(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256("\n".join(frame["ticker"]).encode())
    digest.update(dates_of(frame).astype("<i8").tobytes())
    for name in (*PRICES, "volume"):
        digest.update(frame[name].to_numpy().astype("<f8").tobytes())
    return digest.hexdigest()
