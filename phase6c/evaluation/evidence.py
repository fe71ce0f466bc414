"""All that a card is made of: the contenders, the choice among them, and their predictions."""

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
        name: Name of the step: fold_1, fold_2 ..., or cal.
        first, last: First and last date that was predicted.
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
        name: Name of the evaluation.
        data: Label and features.
        facts: Origin of the model, in words.
        periods: Steps before the test block.
        contenders: Configurations that were compared.
        dropped: For contenders that got no more trainings, after how many seeds and why.
        choice: Choice of the cal block.
        alone: Configuration that was chosen, by itself, with its test predictions.
        blend: Its half-and-half blend with a baseline, with its test predictions.
        partner: Name of the baseline in the blend.
        added: Its blend with the best partner of all, which may see a wider tier and cannot be
            handed over then; it tells whether the model adds anything.
        best_partner: Name of the baseline in that blend.
        others: Other contenders, walk forward and cal only.
        baselines: Baselines on the same rows, with their test predictions; the model's own shortcut
            and the best blend are among them.
        best_baseline: Baseline to beat, chosen on the past.
        best_blend: Best of the baselines and of the blends of each two of them, chosen on the past.
        past: Rows of walk forward and cal.
        test: Rows of the test block.
        opening: Opening of the test block for this card.
        openings_before: Earlier openings of the same block.
        draws: Resampling of all intervals.
    """

    name: str
    data: DataConfig
    facts: tuple[tuple[str, str], ...]
    periods: tuple[Period, ...]
    contenders: tuple[Contender, ...]
    dropped: Mapping[str, tuple[int, str]]
    choice: ModelChoice
    alone: Entry
    blend: Entry
    partner: str
    added: Entry
    best_partner: str
    others: tuple[Entry, ...]
    baselines: Mapping[str, Entry]
    past: Truth
    test: Truth
    opening: Opening
    openings_before: tuple[Opening, ...]
    draws: Draws
    best_baseline: str
    best_blend: str

    @property
    def chosen(self) -> Entry:
        """What is handed over: the model alone, or its blend."""
        return self.blend if self.choice.blended else self.alone
