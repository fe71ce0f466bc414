"""Steps from each bar to the next, for bars sorted by ticker and date."""

from __future__ import annotations

import numpy as np
import pandas as pd


def steps(bars: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """For each row, whether the row before it has its ticker, and the days between the two."""
    codes = bars["ticker"].cat.codes.to_numpy()
    days = bars["date"].to_numpy().astype("datetime64[D]").astype("int64")
    return np.diff(codes, prepend=-1) == 0, np.diff(days, prepend=days[:1])


def of_bar_before(values: np.ndarray, same: np.ndarray) -> np.ndarray:
    """For each row, the value of the row before it; NaN where that is another ticker's."""
    return np.where(same, np.append(np.nan, values[:-1]), np.nan)


def place(bars: pd.DataFrame, row: int | np.integer) -> str:
    """The ticker and day of a bar, by its position."""
    return f"{bars['ticker'].iloc[row]} on {bars['date'].iloc[row]:%Y-%m-%d}"


def exchanged(dates: pd.Series) -> np.ndarray:
    """The dates with day and month in each other's place, where that is a date; datetime64[D].

    Programs that take 03/01 for the third of January leave 13/01 alone, as there is no month 13.
    """
    days = dates.to_numpy().astype("datetime64[D]")
    years = days.astype("datetime64[Y]")
    months = days.astype("datetime64[M]")
    month = (months - years).astype(int)
    day = (days - months).astype(int)
    other = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    return np.asarray(np.where(day < 12, other, days))
