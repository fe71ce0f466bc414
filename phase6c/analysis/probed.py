"""Probes as they are handed back: the study that they belong to and their contrasts."""

from __future__ import annotations

from dataclasses import dataclass

from phase6c.analysis.contrasts import Contrast
from phase6c.notebook import as_html
from phase6c.study.study import Study
from phase6c.wording import counted


@dataclass(frozen=True)
class Probed:
    """The outcome of probes.

    Attributes:
        study: Study that the trials of the probes belong to.
        contrasts: The contrasts that were asked for.
    """

    study: Study
    contrasts: tuple[Contrast, ...]

    def __repr__(self) -> str:
        n = counted(len(self.contrasts), "contrast")
        return f"Probed({n} in {self.study.config.name!r}, {self.study.folder})"

    def _repr_html_(self) -> str:
        """The probes in a notebook: a row for each contrast."""
        rows = [
            {
                "base": contrast.base_label,
                "field": contrast.name,
                "from": contrast.base_value,
                "to": contrast.value,
                "difference": contrast.difference,
                "low": contrast.interval and contrast.interval.low,
                "high": contrast.interval and contrast.interval.high,
                "seeds": len(contrast.seeds),
                "verdict": contrast.verdict,
            }
            for contrast in self.contrasts
        ]
        return as_html(repr(self), rows)
