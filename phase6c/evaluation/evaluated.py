"""An evaluation as it is handed back: the model's folder and its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phase6c.config import Values
from phase6c.document.section import text
from phase6c.evaluation.judgement import Judgement
from phase6c.notebook import as_html
from phase6c.statistics.bootstrap import Estimate
from phase6c.wording import words

_SHOWN = ("model", "parameters", "log loss", "gain over best baseline", "skill", "AUC")


@dataclass(frozen=True)
class Evaluated:
    """The outcome of an evaluation.

    Attributes:
        folder: Folder of the model; `phase6c.load_model` reads it.
        card: Content of card.json.
    """

    folder: Path
    card: Values

    def __repr__(self) -> str:
        judgement = Judgement.model_validate(self.card["judgement"])
        over = judgement.over_best
        verdict = "beats" if judgement.wins else "is not shown to beat"
        return (
            f"Evaluated({self.card['name']!r}, {verdict} {words(over.over)}, gain in log loss "
            f"{text(over.log_loss)}, {self.folder})"
        )

    def __fspath__(self) -> str:
        """The folder, so that an evaluation will do where its model's folder is asked for."""
        return str(self.folder)

    def _repr_html_(self) -> str:
        """The evaluation in a notebook: its verdict, and model and baselines on the test block."""
        lines = self.card["sections"]["test"]["tables"]["test"]
        rows = [{name: _told(line[name]) for name in _SHOWN} for line in lines]
        return as_html(f"{self.card['name']} ({self.folder}). {self.card['sentence']}", rows)


def _told(cell: Any) -> str:
    """A cell of the card as people read it; estimates are stored as objects."""
    return text(Estimate.model_validate(cell) if isinstance(cell, dict) else cell)
