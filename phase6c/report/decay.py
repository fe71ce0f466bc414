"""Whether weight decay could act at all: steps x learning rate x decay."""

from __future__ import annotations

import math
from typing import NamedTuple

from phase6c.analysis.trials import Search
from phase6c.document.section import Table, number

# A decay that shrinks no weight by more than this over a whole trial does not act.
INERT_SHRINK = 0.01
_NAMES = ("learning_rate", "weight_decay")

Decay = tuple[tuple[str, ...], tuple[Table, ...]]


class _Decayed(NamedTuple):
    """A trial with decay."""

    learning_rate: float
    weight_decay: float
    epochs: int


def decay(search: Search) -> Decay:
    """By how much decay shrank the weights, in sentences and a table.

    Decoupled decay takes learning rate x decay off a weight in each step (Loshchilov & Hutter,
    2019), and warm-up makes it less: what is shown is an upper bound.
    """
    decayed = [
        _Decayed(
            float(result.params["learning_rate"]), float(result.params["weight_decay"]), epochs
        )
        for result in search.results
        if result.chosen and (epochs := len(result.curve)) and set(_NAMES) <= set(result.params)
    ]
    # A decay of zero is meant to do nothing; only a positive decay can fail to act.
    decayed = [trial for trial in decayed if trial.weight_decay > 0]
    if not decayed:
        return (), ()
    steps = _steps_an_epoch(search)
    if steps is None:
        return (_steps_needed(decayed),), ()
    shrinks = {
        value: _largest_shrink(decayed, value, steps)
        for value in sorted({trial.weight_decay for trial in decayed})
    }
    return (_says(shrinks),), (_table(decayed, shrinks),)


def _steps_an_epoch(search: Search) -> int | None:
    """None where the number of training windows is not known."""
    if search.study is None:
        return None
    rows = search.study.config.data_summary.get("train", {}).get("rows")
    train = search.study.config.train
    return math.ceil(train.epoch_windows(rows) / train.batch_size) if rows else None


def _largest_shrink(decayed: list[_Decayed], value: float, steps: int) -> float:
    """The largest share of a weight that the decay took off in a trial."""
    return max(
        # A thousand steps of 1 - rate x decay, without the rounding of 1 minus a tiny number.
        -math.expm1(-trial.learning_rate * value * steps * trial.epochs)
        for trial in decayed
        if trial.weight_decay == value
    )


def _says(shrinks: dict[float, float]) -> str:
    inert = [value for value, shrink in shrinks.items() if shrink < INERT_SHRINK]
    if len(inert) == len(shrinks):
        return (
            f"Weight decay had no effect: over a whole trial it shrank weights by at most "
            f"{max(shrinks.values()):.2%}. Differences between its values are noise, or come from "
            "what was tried along with them."
        )
    if inert:
        return (
            f"Weight decay of {', '.join(f'{value:g}' for value in inert)} had no effect: over a "
            f"whole trial it shrank weights by less than {INERT_SHRINK:.0%}."
        )
    return "Every weight decay that was tried was strong enough to shrink weights."


def _steps_needed(decayed: list[_Decayed]) -> str:
    strongest = max(trial.learning_rate * trial.weight_decay for trial in decayed)
    needed = -math.log1p(-INERT_SHRINK) / strongest
    return (
        f"Where learning rate x weight decay is largest ({number(strongest)} a step), "
        f"{needed:,.0f} steps are needed to take {INERT_SHRINK:.0%} off a weight; the file does "
        "not say how many were trained."
    )


def _table(decayed: list[_Decayed], shrinks: dict[float, float]) -> Table:
    return Table(
        name="decay",
        title="The largest share of a weight that decay took off in a trial",
        folded=True,
        columns=("weight decay", "trials", "share"),
        rows=tuple(
            (f"{value:g}", sum(trial.weight_decay == value for trial in decayed), shrink)
            for value, shrink in shrinks.items()
        ),
    )
