"""The features and labels of all bars, from which every pair of date blocks is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32

from phase6c.config import DataConfig
from phase6c.data.leaks import check_scaler, check_search_data
from phase6c.data.rows import Rows
from phase6c.data.scaling import Scaler
from phase6c.data.splits import Fold, Span
from phase6c.data.summary import DataSummary
from phase6c.data.windows import Block, SearchData

_ROWS_MOVED = 10_000


@dataclass(frozen=True)
class History:
    """All that is known up to some day: rows of all tickers, with features as they were computed.

    Attributes:
        features: Features of each row, not scaled; NaN before each feature's lookback.
        logged: Names of the features whose logs were taken.
        rows: Dates and labels of the same rows.
        feature_names: Names of the panel's columns.
        lookback_days: Day of a ticker from which on every feature is there.
        config: Data configuration that the features and labels were made by.
        digest: Digest of the bars and of the features and labels.
        summary: Dates, row counts and base rates of the search's blocks.
    """

    features: Float32[np.ndarray, "row feature"]
    rows: Rows
    feature_names: tuple[str, ...]
    logged: tuple[str, ...]
    lookback_days: int
    config: DataConfig
    digest: str
    summary: DataSummary

    def of(self, tickers: Sequence[str]) -> History:
        """The history of some tickers alone."""
        kept = np.isin(np.array(self.rows.names)[self.rows.tickers], tickers)
        return replace(self, features=self.features[kept], rows=self.rows.take(kept))

    def before(self, border: np.datetime64) -> History:
        """The history without any row, and without any label that reads a bar, from `border` on."""
        kept = (self.rows.dates < border) & (self.rows.days >= self.lookback_days)
        rows = self.rows.take(kept)
        return replace(self, features=self.features[kept], rows=rows.known_before(border))

    def between(
        self, fold: Fold, border: np.datetime64 | None, *, in_place: bool = False
    ) -> SearchData:
        """A training block and the block that follows it, scaled by the moments of the former.

        Args:
            fold: Dates of both blocks.
            border: First date that nothing may read; None where the bars end before.
            in_place: Whether the features are overwritten, so that there is no copy of them; the
                history is of no use afterwards.

        Raises:
            LeakError: Something in the result knows the future.
        """
        return self._cut(fold.train, fold.out.first, fold.out, border, in_place=in_place)

    def fitted_on(self, train: Span, border: np.datetime64) -> SearchData:
        """A training block with nothing to be judged on.

        Args:
            train: Dates of the block.
            border: First date that nothing may read.

        Raises:
            LeakError: Something in the result knows the future.
        """
        return self._cut(train, border, None, border)

    def _cut(
        self,
        train_span: Span,
        train_border: np.datetime64,
        out_span: Span | None,
        border: np.datetime64 | None,
        *,
        in_place: bool = False,
    ) -> SearchData:
        # Rows after the last block are cut away, not masked: what is not there cannot leak.
        last = train_span.last if out_span is None else out_span.last
        kept = (self.rows.dates <= last) & (self.rows.days >= self.lookback_days)
        rows = self.rows.take(kept)
        panel = _moved_up(self.features, kept) if in_place else self.features[kept]
        # Each border is where the next block begins, whatever the spans themselves say.
        train = _block("train", train_span, rows, train_border)
        out = _block("val", out_span, rows, border)
        n_tickers = len(rows.names)
        scaler = Scaler.fit(panel, train.end_rows, train.tickers, n_tickers, self.config.scaling)
        check_scaler(scaler, panel, train, n_tickers, self.config.scaling)
        starts = np.searchsorted(rows.tickers, np.arange(n_tickers))
        scaler.scale_in_place(panel, starts)
        data = SearchData(
            features=panel,
            dates=rows.dates,
            ticker_starts=starts,
            train=train,
            val=out,
            feature_names=self.feature_names,
            tickers=rows.names,
            base_rate=float(train.y.mean(dtype=np.float64)),
            config=self.config,
            digest=self.digest,
            scaler=scaler,
            logged=self.logged,
            summary=self.summary,
        )
        check_search_data(data)
        return data


def _moved_up(
    panel: Float32[np.ndarray, "row feature"], kept: Bool[np.ndarray, " row"]
) -> Float32[np.ndarray, "kept feature"]:
    """The kept rows, moved to the beginning of the same memory."""
    rows = np.flatnonzero(kept)
    for start in range(0, len(rows), _ROWS_MOVED):
        # A kept row never lies before its new place, so that none is overwritten before it moves.
        part = rows[start : start + _ROWS_MOVED]
        panel[start : start + len(part)] = panel[part]
    return panel[: len(rows)]


def _block(name: str, span: Span | None, rows: Rows, border: np.datetime64 | None) -> Block:
    """The windows that end in the span; none without a span."""
    end_rows = np.empty(0, dtype=np.int64) if span is None else rows.windows_in(span)
    return Block(
        name=name,
        end_rows=end_rows,
        y=rows.up[end_rows].astype(np.float32),
        down=rows.down[end_rows] == 1,
        dates=rows.dates[end_rows],
        label_ends=rows.label_ends[end_rows],
        tickers=rows.tickers[end_rows].astype(np.int16),
        border=border,
        outcomes=rows.outcomes[end_rows].astype(np.float32),
        volatility=rows.volatility[end_rows].astype(np.float32),
        coming=rows.coming[end_rows].astype(np.float32),
    )
