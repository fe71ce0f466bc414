"""Where a model gains over a rival: ticker by ticker, year by year, in calm and in wild times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int

from phase6c.document.section import Cell, Table, number
from phase6c.evaluation.baselines.base_rates import WIDE_RATES_AUC
from phase6c.evaluation.entries import plain_auc
from phase6c.evaluation.outcomes import Draws, Truth
from phase6c.evaluation.tables import compared_cells, compared_columns
from phase6c.statistics.bootstrap import Estimate, optimal_block_days
from phase6c.statistics.cross_section import CrossSection
from phase6c.statistics.logits import log_losses
from phase6c.statistics.scores import Score, auc_score, ratio_score, stacked

# Of more tickers, so many of the best and of the worst are shown.
MAX_TICKERS, N_EXTREMES = 20, 5
THIRDS = ("calmest third", "middle third", "wildest third")


@dataclass(frozen=True, eq=False)
class Compared:
    """A model and a rival on the same rows.

    Attributes:
        own, other: Logits of the model and of the rival.
        rival: Name of the rival.
        truth: Labels of the rows.
        draws: Resampling of the intervals.
    """

    own: Float64[np.ndarray, " row"]
    other: Float64[np.ndarray, " row"]
    rival: str
    truth: Truth
    draws: Draws


@dataclass(frozen=True, eq=False)
class _Parts:
    """The rows in parts, each with its name.

    Attributes:
        kind: What tells the parts apart.
        names: Names of the parts.
        of_row: Number of each row's part.
    """

    kind: str
    names: tuple[str, ...]
    of_row: Int[np.ndarray, " row"]


def parts_tables(name: str, compared: Compared) -> tuple[Table, ...]:
    """A table of gains by ticker, one by year, and one by thirds of volatility.

    All parts share their draws of days. There is no table by ticker for a single ticker, none by
    year for a single year, and none by volatility where it is not known.

    Args:
        name: Name of the rows, part of the tables' names.
        compared: A model and its rival.
    """
    return tuple(_table(name, compared, parts) for parts in _all_parts(compared.truth))


def _all_parts(truth: Truth) -> Iterator[_Parts]:
    for kind, labels in (("ticker", truth.tickers), ("year", truth.dates.astype("datetime64[Y]"))):
        names, of_row = np.unique(labels, return_inverse=True)
        if len(names) > 1:
            yield _Parts(kind, tuple(map(str, names)), of_row)
    if np.isfinite(truth.volatility).all():
        cuts = np.quantile(truth.volatility, [1 / 3, 2 / 3])
        yield _Parts("volatility", THIRDS, np.searchsorted(cuts, truth.volatility))


def _table(name: str, compared: Compared, parts: _Parts) -> Table:
    gains = _log_loss_gains(compared, parts)
    present = np.flatnonzero(np.bincount(parts.of_row, minlength=len(parts.names)))
    shown, title = present, f"By {parts.kind} (one interval in 20 misses by chance)"
    if len(present) > MAX_TICKERS and parts.kind == "ticker":
        shown = np.array(sorted(present, key=lambda part: -gains[part].value))
        above = sum(gains[part].low > 0 for part in present)
        below = sum(gains[part].high < 0 for part in present)
        title = (
            f"The {N_EXTREMES} best and the {N_EXTREMES} worst of {len(present)} tickers, of which "
            f"{above} gain and {below} lose beyond their interval; chance alone makes about "
            f"{len(present) / 40:.0f} of each"
        )
        shown = np.concatenate([shown[:N_EXTREMES], shown[-N_EXTREMES:]])
    aucs = _auc_gains(compared, [parts.of_row == part for part in shown])
    rows = []
    for part, auc in zip(shown, aucs, strict=True):
        own = parts.of_row == part
        cells = compared_cells(compared.own[own], compared.other[own], compared.truth.y[own])
        row: tuple[Cell, ...] = (parts.names[part], gains[part], auc, *cells)
        rows.append(row)
    columns = (parts.kind, "gain in log loss", "gain in AUC", *compared_columns(compared.rival))
    table_name = {"ticker": "tickers", "year": "years"}.get(parts.kind, parts.kind)
    return Table(name=f"{name}_{table_name}", title=title, columns=columns, rows=tuple(rows))


def _log_loss_gains(compared: Compared, parts: _Parts) -> list[Estimate]:
    """The gain of every part, all of them on the same draws; without rows, zero."""
    differences, days = _differences(compared), compared.truth.days
    shape = (len(parts.names), days.n)
    cells = parts.of_row * days.n + days.of_row
    sums, counts = (
        np.bincount(cells, weights=weights, minlength=shape[0] * shape[1]).reshape(shape)
        for weights in (differences, np.ones(len(cells)))
    )
    gains = _estimates(ratio_score(sums, counts), compared)
    return [gain or Estimate(value=0.0, low=0.0, high=0.0) for gain in gains]


def _auc_gains(compared: Compared, masks: list[np.ndarray]) -> list[Estimate | None]:
    """The gain in AUC of each part; None for a single class, or where the rival is a constant."""
    truth = compared.truth

    def difference(rows: np.ndarray) -> Score:
        y, days = truth.y[rows], truth.days.take(rows)
        own, other = (auc_score(one[rows], y, days) for one in (compared.own, compared.other))
        return lambda weights: own(weights) - other(weights)

    defined = [
        len(np.unique(truth.y[rows])) == 2 and np.ptp(compared.other[rows]) > 0 for rows in masks
    ]
    scores = [difference(rows) for rows, known in zip(masks, defined, strict=True) if known]
    if not scores:
        return [None] * len(masks)

    found = iter(_estimates(stacked(scores), compared))
    return [next(found) if known else None for known in defined]


def _estimates(score: Score, compared: Compared) -> list[Estimate | None]:
    days = compared.truth.days
    block_days = optimal_block_days(_differences(compared), days)
    return compared.draws.estimates(score, days, block_days)


def _differences(compared: Compared) -> np.ndarray:
    """The log loss of the rival less the model's on each row."""
    y = compared.truth.y
    losses: np.ndarray = log_losses(compared.other, y) - log_losses(compared.own, y)
    return losses


def rates_sentences(
    compared: Compared, ticker_rates: Float64[np.ndarray, " row"] | None, label: str
) -> Iterator[str]:
    """How much of the pooled AUC the tickers' rates alone explain; nothing for a single ticker.

    Args:
        compared: A model on the rows.
        ticker_rates: Logits of each ticker's rate in the training; None where they are not known.
        label: Label of the rows.
    """
    truth = compared.truth
    section = CrossSection.of(truth.dates, truth.tickers, truth.outcomes, 1)
    pooled = plain_auc(compared.own, truth.y)
    if section is None or pooled is None:
        return
    found = section.figures(compared.own, truth.y)
    inside = "".join(
        f", within {of} {number(value)} on average"
        for of, name in (("a day", "auc_within_day"), ("a ticker", "auc_per_ticker"))
        if (value := found[name]) is not None
    )
    yield f"The AUC of all rows together is {number(pooled)}{inside}."
    rises = np.bincount(section.tickers, weights=truth.y) / np.bincount(section.tickers)
    known = None if ticker_rates is None else plain_auc(ticker_rates, truth.y)
    hindsight = plain_auc(rises[section.tickers], truth.y) or 0.5
    rates = f"{number(hindsight)} with the rates of these very rows, in hindsight"
    if known is not None:
        rates = f"{number(known)} with the rates of the training and {rates}"
    share = _share(hindsight if known is None else known, pooled)
    which = "which" if known is None else "the first of which"
    yield (
        f"A ticker's own rate, the same on every day, alone gives an AUC of {rates}, "
        f"{which} {share}."
    )
    if label != "vol" and known is not None and known > WIDE_RATES_AUC:
        yield (
            "The tickers' rates differ widely. The label vol measures the rise in each ticker's "
            "own volatility, and asks of all of them the same."
        )


def _share(of_rates: float, pooled: float) -> str:
    """What the rates have above one half, beside what the model has."""
    if of_rates <= 0.5:
        return "is nothing above one half"
    if of_rates >= pooled:
        return "is no less than the model's"
    share = (of_rates - 0.5) / (pooled - 0.5)
    return f"is {share:.0%} of what the model has above one half"
