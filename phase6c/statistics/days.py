"""The days of rows: the units that figures are resampled by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Shaped


@dataclass(frozen=True, eq=False)
class Days:
    """The day of each row. All tickers of a day share its shocks and count as one observation.

    Attributes:
        of_row: Number of each row's day, from 0, in order of time.
        n: Number of days; of a part of the rows, that of all rows.
    """

    of_row: Int[np.ndarray, " row"]
    n: int

    @classmethod
    def of(cls, dates: Shaped[np.ndarray, " row"]) -> Days:
        """The days of rows with these dates, or with numbers that order them."""
        unique, of_row = np.unique(dates, return_inverse=True)
        return cls(of_row, len(unique))

    def take(self, rows: Bool[np.ndarray, " row"]) -> Days:
        """The same days, of some of the rows."""
        return Days(self.of_row[rows], self.n)

    def counts(self) -> Float64[np.ndarray, " day"]:
        """The number of rows of each day."""
        return np.bincount(self.of_row, minlength=self.n).astype(np.float64)

    def sums(self, values: Float[np.ndarray, " row"]) -> Float64[np.ndarray, " day"]:
        """The sum of each day's values."""
        sums: np.ndarray = np.bincount(self.of_row, weights=values, minlength=self.n)
        return sums

    def means(self, values: Float[np.ndarray, " row"]) -> Float64[np.ndarray, " day"]:
        """The mean of each day's values; NaN for a day without rows."""
        with np.errstate(invalid="ignore"):
            means: np.ndarray = self.sums(values) / self.counts()
        return means
