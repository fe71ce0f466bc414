"""The rates of rises: what is known of a day without looking at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float64, Int

from phase6c.data.windows import SearchData
from phase6c.statistics.logits import logit

# The last two are each ticker's own, of panels alone.
TICKER_RATES = ("ticker_base_rate", "ticker_trailing_rate")
BASE_RATES = ("train_base_rate", "trailing_base_rate", *TICKER_RATES)
TRAILING_DAYS = 365

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
    block, n_tickers = data.train, len(data.tickers)
    n = np.bincount(block.tickers, minlength=n_tickers)
    rises = np.bincount(block.tickers, weights=block.y, minlength=n_tickers)
    rates = (rises + data.base_rate) / (n + 1)
    return logit(rates[data.val.tickers])


def ticker_trailing_rate(data: SearchData) -> Float64[np.ndarray, " row"]:
    """The logit of each ticker's share of rises among its labels of the last year known by then.

    As in `ticker_base_rate`, the base rate of the training counts as one day more.
    """
    logits = np.empty(len(data.val))
    for ticker in np.unique(data.val.tickers):
        own = data.val.tickers == ticker
        n, rises = _known_of_last_year(data, ticker)
        logits[own] = logit((rises + data.base_rate) / (n + 1))
    return logits
