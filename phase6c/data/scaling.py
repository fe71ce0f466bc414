"""Scaling of features by their moments in the train windows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int, Int64

from phase6c.config import Scaling

# Scaled features beyond this many standard deviations are clipped.
CLIP = 8.0
# A smaller volatility or volume ratio is a rounding of nothing; its log would outweigh all others.
SMALLEST_LOGGED = np.float32(1e-4)
# A ticker with fewer train windows is scaled by the moments of all tickers together.
MIN_TICKER_WINDOWS = 60
# A smaller deviation, beside the mean or alone, is a rounding error of equal values.
_ROUNDING = 1e-6
_SMALLEST = 1e-9


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of each feature over the train windows' last days.

    Attributes:
        mean: Mean of each ticker's features; a single group stands for all tickers.
        scale: Standard deviation; 0 where a feature does not vary in train. It is scaled to 0
            everywhere, since its weights would not be trained.
    """

    mean: Float64[np.ndarray, "group feature"]
    scale: Float64[np.ndarray, "group feature"]

    @classmethod
    def fit(
        cls,
        panel: Float32[np.ndarray, "row feature"],
        rows: Int64[np.ndarray, " window"],
        tickers: Int[np.ndarray, " window"],
        n_tickers: int,
        scaling: Scaling,
    ) -> Scaler:
        """Fits the train windows.

        Args:
            panel: Features, not scaled.
            rows: Panel row of each train window's last day.
            tickers: Ticker of each window.
            n_tickers: Number of tickers in the panel.
            scaling: Whether the tickers are scaled together, as their ranks within a day are, or
                each on its own; a ticker without enough windows is scaled like all together.
        """
        pooled = moments(panel, rows)
        if scaling != "per_ticker":
            return cls(*(moment[None] for moment in pooled))
        counts = np.bincount(tickers, minlength=n_tickers)
        each = [
            moments(panel, rows[tickers == ticker]) if count >= MIN_TICKER_WINDOWS else pooled
            for ticker, count in enumerate(counts)
        ]
        mean, scale = (np.stack(moment) for moment in zip(*each, strict=True))
        return cls(mean, scale)

    def scale_in_place(
        self, panel: Float32[np.ndarray, "row feature"], starts: Int64[np.ndarray, " ticker"]
    ) -> None:
        """Turns features into standard deviations, clipped to +-8.

        Args:
            panel: Features, the rows of each ticker together.
            starts: Panel row where each ticker begins.
        """
        stops = np.append(starts[1:], len(panel))
        for ticker, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            row = ticker if len(self.mean) > 1 else 0
            scale = self.scale[row]
            part = panel[start:stop]
            part -= self.mean[row].astype(np.float32)
            part *= np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0).astype("f4")
            # A crash is dozens of deviations away from calm years; unclipped it would rule the
            # gradient.
            np.clip(part, -CLIP, CLIP, out=part)


def log_in_place(
    panel: Float32[np.ndarray, "row feature"], names: Sequence[str], logged: Collection[str]
) -> None:
    """Takes the natural log of some features, of at least a ten-thousandth."""
    for column, name in zip(panel.T, names, strict=True):
        if name in logged:
            np.log(np.maximum(column, SMALLEST_LOGGED), out=column)


def bin_edges(
    panel: Float32[np.ndarray, "row feature"], rows: Int64[np.ndarray, " window"], n_bins: int
) -> Float32[np.ndarray, "feature edge"]:
    """The edges of bins that hold equal shares of the train windows, for each feature.

    All tickers and all days count alike, whatever their weights in the loss.

    Args:
        panel: Scaled features.
        rows: Panel row of each train window's last day.
        n_bins: Number of bins, an edge less than the result has.
    """
    shares = np.linspace(0, 1, n_bins + 1)
    columns = (panel[rows, feature] for feature in range(panel.shape[1]))
    return np.array([np.quantile(column, shares) for column in columns], dtype=np.float32)


def standardised(
    coming: Float32[np.ndarray, "window target"],
) -> Float32[np.ndarray, "window target"]:
    """The targets of train windows with mean 0 and deviation 1, each by those that are known."""
    known = ~np.isnan(coming)
    n_known = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, coming, 0).sum(axis=0, dtype=np.float64) / n_known
    square = np.where(known, (coming - mean) ** 2, 0).sum(axis=0, dtype=np.float64) / n_known
    made: np.ndarray = (coming - mean) / np.sqrt(np.maximum(square, _SMALLEST))
    return made.astype(np.float32)


def moments(
    panel: Float32[np.ndarray, "row feature"], rows: Int64[np.ndarray, " window"]
) -> tuple[Float64[np.ndarray, " feature"], Float64[np.ndarray, " feature"]]:
    """Mean and deviation of each feature in some rows, a feature at a time to save memory."""
    columns = (panel[rows, feature].astype(np.float64) for feature in range(panel.shape[1]))
    mean, deviation = np.array([(column.mean(), column.std()) for column in columns]).T
    varies = deviation > np.maximum(_ROUNDING * np.abs(mean), _SMALLEST)
    return mean, np.where(varies, deviation, 0.0)
