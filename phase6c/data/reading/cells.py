"""Cells of raw tables as text: names of columns, missing values, tickers."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

# What programs write where there is no value.
_MISSING = ("", "na", "n/a", "#n/a", "nan", "nat", "null", "none", "-")


def column_key(name: object) -> str:
    """The column's name as the checks know it: "Adj Close" is adj_close, "1. open" is open."""
    key = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")
    key = re.sub(r"^[0-9]+_(?=[a-z])", "", key)
    return "adj_close" if key == "adjclose" else key


def is_missing(column: pd.Series) -> np.ndarray:
    """Where there is no value, or a text that stands for none."""
    missing = column.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(missing)
    return np.asarray(missing | stripped(column).str.lower().isin(_MISSING).to_numpy(dtype=bool))


def parse_tickers(column: pd.Series) -> pd.Categorical:
    """The tickers as text without spaces around them, in alphabetical categories."""
    codes, written = pd.factorize(as_text(column))
    names = pd.Series(written, dtype="str").str.strip()
    name_codes, categories = pd.factorize(names.where(names != ""), sort=True)
    return pd.Categorical.from_codes(np.append(name_codes, -1)[codes], categories)


def as_text(column: pd.Series) -> pd.Series:
    """The cells as str; some programs write text into Parquet as bytes."""
    if column.dtype == object:
        column = column.map(
            lambda value: value.decode(errors="replace") if isinstance(value, bytes) else value
        )
    return column.astype("str")


def stripped(column: pd.Series) -> pd.Series:
    """The cells as str without spaces around them."""
    return as_text(column).str.strip()
