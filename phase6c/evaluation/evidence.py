"""All that a card is made of: the contenders, the choice among them, and what they predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from phase6c.config import DataConfig
from phase6c.evaluation.choice import ModelChoice
from phase6c.evaluation.entries import Entry
from phase6c.evaluation.openings import Opening
from phase6c.evaluation.outcomes import Draws, Truth
from phase6c.study.evaluation_config import Contender


@dataclass(frozen=True)
class Period:
    """A step of the evaluation, by its dates.

    Attributes:
        name: fold_1, fold_2 ..., or cal.
        first, last: What was predicted.
        selected_on: Whether the search chose its configurations by any of these dates.
    """

    name: str
    first: date
    last: date
    selected_on: bool


@dataclass(frozen=True)
class Evidence:
    """All that a card is made of; no prediction of it was made by a model that saw its row.

    Attributes:
        name: Of the evaluation.
        data: What was predicted, from which features.
        facts: Where all this comes from, in words.
        periods: The steps before the test block.
        contenders: What was compared.
        dropped: By name, why a contender got no more trainings, and after how many seeds.
        choice: What the cal block chose.
        chosen: The model that was chosen, with its test predictions.
        others: The other contenders, walk forward and cal only.
        baselines: On the same rows, with their test predictions; the own shortcut among them.
        best_baseline: The one to beat, chosen on the past.
        past: The rows of walk forward and cal.
        test: Those of the test block.
        opening: Of the test block, for this card.
        openings_before: Earlier ones of the same block.
        draws: Of all intervals.
    """

    name: str
    data: DataConfig
    facts: tuple[tuple[str, str], ...]
    periods: tuple[Period, ...]
    contenders: tuple[Contender, ...]
    dropped: Mapping[str, tuple[int, str]]
    choice: ModelChoice
    chosen: Entry
    others: tuple[Entry, ...]
    baselines: Mapping[str, Entry]
    past: Truth
    test: Truth
    opening: Opening
    openings_before: tuple[Opening, ...]
    draws: Draws
    best_baseline: str
