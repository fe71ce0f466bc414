"""Scaling of features by what the train windows say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phase6c.config import Scaling

# Scaled features beyond this many standard deviations are clipped.
CLIP = 8.0
# A ticker with fewer train windows is scaled like all together.
MIN_TICKER_WINDOWS = 60


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of each feature over the train windows' last days.

    Attributes:
        mean: float64[1 or ticker, feature]; one row stands for all tickers.
        scale: float64[1 or ticker, feature], 1 where a feature does not vary.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(
        cls, features: np.ndarray, tickers: np.ndarray, n_tickers: int, scaling: Scaling
    ) -> Scaler:
        """Fits train rows.

        Args:
            features: float32[row, feature].
            tickers: int[row], below n_tickers.
            n_tickers: How many there are; a ticker without enough rows is scaled like all.
            scaling: Whether the tickers are scaled together or each on its own.
        """
        pooled = _moments(features)
        if scaling == "pooled":
            return cls(*(moment[None] for moment in pooled))
        moments = [
            _moments(features[own]) if own.sum() >= MIN_TICKER_WINDOWS else pooled
            for own in (tickers == ticker for ticker in range(n_tickers))
        ]
        mean, scale = (np.stack(each) for each in zip(*moments, strict=True))
        return cls(mean, scale)

    def scale_in_place(self, features: np.ndarray, starts: np.ndarray) -> None:
        """Turns features into standard deviations, clipped to +-8.

        Args:
            features: float32[row, feature], the rows of each ticker together.
            starts: int64[ticker], where each ticker begins.
        """
        stops = np.append(starts[1:], len(features))
        for ticker, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            row = ticker if len(self.mean) > 1 else 0
            part = features[start:stop]
            part -= self.mean[row].astype(np.float32)
            part /= self.scale[row].astype(np.float32)
            np.clip(part, -CLIP, CLIP, out=part)


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    deviation = features.std(axis=0, dtype=np.float64)
    return features.mean(axis=0, dtype=np.float64), np.where(deviation > 0, deviation, 1.0)
