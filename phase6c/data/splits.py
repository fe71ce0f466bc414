"""Date blocks and walk-forward folds, cut for all tickers together, purged at each border."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import count, pairwise

import numpy as np
from jaxtyping import Bool, Shaped

from phase6c.config import DataConfig
from phase6c.errors import ConfigError, DataError

# Every tier's longest lookback and a context before the first window fit into this, so that
# all tiers cut the same dates and can be compared.
WARMUP_DAYS = 300
# Below this many days a block's figures mean nothing.
MIN_BLOCK_DAYS = 20
# Fewer folds say little about the spread over time.
MIN_FOLDS = 5
# The share of the dates that the first walk-forward fold trains on; the folds share the rest.
FIRST_TRAIN_SHARE = 0.5
# The latest part of a training, on which its number of epochs is chosen.
INNER_SHARE = 0.2
# Blocks and steps that are told apart by name.
CAL, TEST = "cal", "test"


@dataclass(frozen=True)
class Span:
    """The dates of a block.

    Attributes:
        first: First date.
        last: Last date, the purge left out.
        border: First date that no label of this block may read; None if the bars end before.
    """

    first: np.datetime64
    last: np.datetime64
    border: np.datetime64 | None

    def contains(
        self, dates: Shaped[np.ndarray, " row"], label_ends: Shaped[np.ndarray, " row"]
    ) -> Bool[np.ndarray, " row"]:
        """Whether each row's date lies in the block and its label ends before the border.

        Args:
            dates: Dates of the rows, datetime64[D].
            label_ends: Last date that each row's label reads, datetime64[D]. A ticker that skips
                days reads further than the purge reaches.
        """
        inside: np.ndarray = (dates >= self.first) & (dates <= self.last)
        return inside if self.border is None else inside & (label_ends < self.border)


@dataclass(frozen=True)
class Splits:
    """The four date blocks, in order, and the days purged at the end of each."""

    train: Span
    val: Span
    cal: Span
    test: Span
    purge_days: int

    def spans(self) -> dict[str, Span]:
        """Every block by its name, in order of dates."""
        return {"train": self.train, "val": self.val, CAL: self.cal, TEST: self.test}


@dataclass(frozen=True)
class Fold:
    """One step of a walk forward: fitted on `train`, judged on `out`, which follows it."""

    train: Span
    out: Span


@dataclass(frozen=True)
class EvaluationStep:
    """One step of an evaluation: a fold, and another inside its training.

    Attributes:
        name: fold_1, fold_2 ..., cal or test.
        fold: Fitted on all dates before `out`.
        inner: The same training cut in two, to choose on its latest part what is not learnt.
    """

    name: str
    fold: Fold
    inner: Fold


def split_dates(calendar: Shaped[np.ndarray, " day"], config: DataConfig) -> Splits:
    """Cuts the calendar into blocks; the last h days of each are purged.

    A label of day t reads the bars of days t+1 to t+h. Without the purge the last labels of a
    block would be known only from the first days of the next block, on which the model is judged.

    The cuts depend on the calendar and the fractions alone, so that labels, horizons and tiers
    can be compared on the same blocks.

    Args:
        calendar: Dates on which some ticker has a bar after its warm-up, datetime64[D],
            ascending, without repeats.
        config: The fractions and the horizon, which is also the purge.

    Raises:
        DataError: A block would have fewer than 20 days.
    """
    cuts, purge = _cuts(len(calendar), config), config.horizon_days
    if not _fits(len(calendar), config):
        raise DataError(
            f"A ticker must have at least {days_needed(config)} daily bars",
            f"{len(calendar)} days left after {WARMUP_DAYS} days of warm-up",
            "Add earlier or later bars, or make the smallest block's fraction larger.",
        )
    borders = [calendar[cut] for cut in cuts[1:-1]]
    train, val, cal, test = (
        Span(calendar[start], calendar[stop - purge - 1], border)
        for (start, stop), border in zip(pairwise(cuts), [*borders, None], strict=True)
    )
    return Splits(train, val, cal, test, purge)


def days_needed(config: DataConfig) -> int:
    """The fewest daily bars of a ticker with which every block has 20 days."""
    return WARMUP_DAYS + next(n_days for n_days in count(1) if _fits(n_days, config))


def walk_forward(
    calendar: Shaped[np.ndarray, " day"],
    end: np.datetime64,
    config: DataConfig,
    n_folds: int = MIN_FOLDS,
) -> tuple[Fold, ...]:
    """Expanding folds over the dates before `end`: each trains on all dates before its own.

    The first fold trains on half of the dates; the folds share the rest in equal parts, the
    remainder going to the first training. The last h days before each fold are purged from its
    training and from the fold before it, and no label reads `end` or anything after it.

    Args:
        calendar: Dates as `split_dates` takes them.
        end: First date that may not be read, such as the first of the test block.
        config: Horizon, which is also the purge.
        n_folds: Number of folds.

    Raises:
        ConfigError: Fewer than five folds.
        DataError: A fold would have fewer than 20 days.
    """
    if n_folds < MIN_FOLDS:
        rule = f"A walk forward needs at least {MIN_FOLDS} folds"
        raise ConfigError(rule, n_folds, f"Use {MIN_FOLDS} or more.")
    purge_days = config.horizon_days
    days = calendar[calendar < end]
    fold_days = math.floor(len(days) * (1 - FIRST_TRAIN_SHARE) / n_folds)
    if fold_days - purge_days < MIN_BLOCK_DAYS:
        raise DataError(
            f"A fold must have at least {MIN_BLOCK_DAYS} days besides the purge",
            f"{n_folds} folds of {fold_days} days, {purge_days} of them purged",
            "Use fewer folds, or add bars.",
        )
    cuts = [len(days) - fold_days * left for left in range(n_folds, -1, -1)]
    return tuple(
        Fold(
            train=_training(days, days[start], config),
            # The predictions of a fold may calibrate the next, so that its labels end before it.
            out=Span(
                days[start], days[stop - purge_days - 1], days[stop] if stop < len(days) else end
            ),
        )
        for start, stop in pairwise(cuts)
    )


def evaluation_steps(
    calendar: Shaped[np.ndarray, " day"],
    splits: Splits,
    config: DataConfig,
    n_folds: int = MIN_FOLDS,
) -> tuple[EvaluationStep, ...]:
    """A walk forward over the dates before the cal block, then that block, then the test block.

    Args:
        calendar: Dates as `split_dates` takes them.
        splits: Blocks that `split_dates` has cut.
        config: Horizon, which is also the purge.
        n_folds: Number of folds in the walk.

    Raises:
        ConfigError: Fewer than five folds.
        DataError: A fold would have fewer than 20 days.
    """
    folds = walk_forward(calendar, splits.cal.first, config, n_folds)
    named = {f"fold_{number}": fold for number, fold in enumerate(folds, start=1)}
    for name in (CAL, TEST):
        out = splits.spans()[name]
        named[name] = Fold(_training(calendar, out.first, config), out)
    return tuple(
        EvaluationStep(name, fold, _inner(calendar, fold, config)) for name, fold in named.items()
    )


def _training(calendar: np.ndarray, border: np.datetime64, config: DataConfig) -> Span:
    """All dates before a border, the last h of them purged."""
    days = calendar[calendar < border]
    return Span(days[0], days[-config.horizon_days - 1], border)


def _inner(calendar: np.ndarray, fold: Fold, config: DataConfig) -> Fold:
    """The fold's training cut in two; the later part is as long as its share of the days."""
    days = calendar[calendar <= fold.train.last]
    first = days[math.floor(len(days) * (1 - INNER_SHARE))]
    return Fold(_training(calendar, first, config), replace(fold.train, first=first))


def _cuts(n_days: int, config: DataConfig) -> list[int]:
    """Where each block begins, and the end."""
    parts = np.cumsum([config.train_fraction, config.val_fraction, config.cal_fraction])
    # The sum of fractions may lie a rounding error below the border it stands for.
    return [0, *(math.floor(part * n_days + 1e-9) for part in parts), n_days]


def _fits(n_days: int, config: DataConfig) -> bool:
    lengths = np.diff(_cuts(n_days, config)) - config.horizon_days
    return bool(lengths.min() >= MIN_BLOCK_DAYS)
