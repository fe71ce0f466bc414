"""The rates of rises: what is known of a day without looking at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float64, Int

from phase6c.data.windows import SearchData
from phase6c.statistics.cross_section import group_aucs
from phase6c.statistics.logits import logit

# The last two are each ticker's own, of panels alone.
TICKER_RATES = ("ticker_base_rate", "ticker_trailing_rate")
BASE_RATES = ("train_base_rate", "trailing_base_rate", *TICKER_RATES)
TRAILING_DAYS = 365

# With a larger AUC of their own rates alone, tickers differ widely. On two panels of 200 and 500
# real stocks it is .550 to .591 for the labels high and close, and .503 to .507 for vol, whose rise
# is measured in each ticker's own volatility; the limit lies midway between them.
WIDE_RATES_AUC = 0.53

Rates = dict[str, Callable[[], Float64[np.ndarray, " row"]]]


def base_rates(data: SearchData) -> Rates:
    """What makes the logits of each rate for the rows of `data.val`, by name."""
    return {
        "train_base_rate": lambda: logit(np.full(len(data.val), data.base_rate)),
        "trailing_base_rate": lambda: trailing_base_rate(data),
        **ticker_rates(data),
    }


def trailing_base_rate(data: SearchData) -> Float64[np.ndarray, " row"]:
    """The logit of the share of rises among the labels of the last year that were known by then.

    All tickers count together. Before anything is known it is the base rate of the training.
    """
    n, rises = _known_of_last_year(data)
    # A rise and another day more: the logit of a year without rises stays finite.
    rate = (rises + 1) / (n + 2)
    return logit(np.where(n > 0, rate, data.base_rate))


def _known_of_last_year(
    data: SearchData, ticker: int | None = None
) -> tuple[Int[np.ndarray, " row"], Float64[np.ndarray, " row"]]:
    """For each row of val, of a ticker or of all, the last year's known labels, and their rises."""
    blocks = (data.train, data.val)
    y, label_ends, tickers = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("y", "label_ends", "tickers")
    )
    dates = data.val.dates
    if ticker is not None:
        own = tickers == ticker
        y, label_ends, dates = y[own], label_ends[own], dates[data.val.tickers == ticker]
    # A label is known once the last bar that it reads has closed; the day after is the first on
    # which a prediction may use it.
    known_on = label_ends + 1
    order = np.argsort(known_on, kind="stable")
    known_on, rises = known_on[order], np.concatenate([[0.0], np.cumsum(y[order])])
    until = np.searchsorted(known_on, dates, side="right")
    since = np.searchsorted(known_on, dates - TRAILING_DAYS, side="right")
    return until - since, rises[until] - rises[since]


def ticker_rates(data: SearchData) -> Rates:
    """Each ticker's own rates; none for a single ticker, whose rates the base rates are."""
    if len(data.tickers) < 2:
        return {}
    fits = (ticker_base_rate, ticker_trailing_rate)
    return {name: partial(fit, data) for name, fit in zip(TICKER_RATES, fits, strict=True)}


def ticker_base_rate(data: SearchData) -> Float64[np.ndarray, " row"]:
    """The logit of the share of rises in the training of each row's own ticker.

    The base rate of all tickers counts as one day more: it is the rate of a ticker that the
    training does not have, and the logit of a ticker without rises stays finite.
    """
    rates = _own_rates(data.train.tickers, data.train.y, data)
    return logit(rates[data.val.tickers])


def _own_rates(tickers: np.ndarray, y: np.ndarray, data: SearchData) -> np.ndarray:
    """The share of rises of each ticker; the base rate counts as one row more."""
    n = np.bincount(tickers, minlength=len(data.tickers))
    rises = np.bincount(tickers, weights=y, minlength=len(data.tickers))
    return np.asarray((rises + data.base_rate) / (n + 1))


def rates_differ(data: SearchData) -> float | None:
    """How far the tickers' own rates alone rank the rows of the training.

    Returns:
        The AUC, in the later half of the training's days, of each ticker's share of rises in the
        earlier half; None where it is at most `WIDE_RATES_AUC`, or for a single ticker.
    """
    block = data.train
    earlier = block.dates < block.dates[len(block) // 2]
    if len(data.tickers) < 2 or earlier.all() or not earlier.any():
        return None
    rates = _own_rates(block.tickers[earlier], block.y[earlier], data)
    later = ~earlier
    ranked = rates[block.tickers[later]]
    auc = group_aucs(ranked, block.y[later], np.zeros(len(ranked), dtype=np.int64), 1)[0]
    return float(auc) if auc > WIDE_RATES_AUC else None


def ticker_trailing_rate(data: SearchData) -> Float64[np.ndarray, " row"]:
    """The logit of each ticker's share of rises among its labels of the last year known by then.

    As in `ticker_base_rate`, the base rate of the training counts as one day more.
    """
    logits = np.empty(len(data.val))
    for ticker in np.unique(data.val.tickers):
        own = data.val.tickers == ticker
        n, rises = _known_of_last_year(data, int(ticker))
        logits[own] = logit((rises + data.base_rate) / (n + 1))
    return logits
