"""The findings of probes: matched contrasts, and configurations repeated with other seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from phase6c.analysis.contrasts import DOUBT, Contrast
from phase6c.analysis.trials import Search
from phase6c.analysis.winner import repeated, searched_as
from phase6c.document.section import Cell, Section, Table, setting
from phase6c.records import score
from phase6c.statistics.bootstrap import Estimate


def probes(search: Search, contrasts: Sequence[Contrast]) -> Section:
    """The contrasts that a study's probes allow, and its repeated configurations."""
    again = repeats(search)
    return Section(
        name="probes",
        title="Matched contrasts",
        says=tuple(_says(contrasts)),
        tables=tuple(table for table in (_contrasts(contrasts), again) if table.rows),
    )


def repeats(search: Search) -> Table:
    """A row for each configuration that probes trained with several seeds."""
    rows: list[tuple[Cell, ...]] = []
    for group in repeated(search):
        values = [score(result.score, search.objective) for result in group]
        numbers = " ".join(str(result.number) for result in group)
        number = searched_as(search, group[0])
        name = f"trial {number}" if number != group[0].number else f"probe {number}"
        mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
        rows.append((name, len(group), mean, deviation, min(values), max(values), numbers))
    return Table(
        name="repeats_by_probes",
        title="Configurations that probes trained with several seeds",
        columns=("", "seeds", "mean", "deviation", "lowest", "highest", "probes"),
        rows=tuple(rows),
    )


def _says(contrasts: Sequence[Contrast]) -> Iterator[str]:
    known = [contrast for contrast in contrasts if contrast.interval is not None]
    told = [contrast for contrast in known if contrast.interval and contrast.interval.excludes_zero]
    if not known:
        yield "No contrast was probed on two seeds or more."
        return
    for contrast in told:
        change = f"{contrast.name} {setting(contrast.base_value)} -> {setting(contrast.value)}"
        yield f"{contrast.base_label}, {change}: {contrast.verdict}."
    yield f"{len(known) - len(told)} of {len(known)} differences cannot be told from zero."
    yield DOUBT


def _contrasts(contrasts: Sequence[Contrast]) -> Table:
    rows = tuple(
        (
            contrast.base_label,
            contrast.name,
            setting(contrast.base_value),
            setting(contrast.value),
            contrast.n_params,
            len(contrast.seeds),
            contrast.mean,
            _difference(contrast),
            contrast.verdict,
        )
        for contrast in contrasts
    )
    return Table(
        name="contrasts",
        title="The same with one field changed, on the same seeds",
        columns=(
            *("base", "field", "from", "to", "parameters", "seeds", "mean", "difference"),
            "verdict",
        ),
        rows=rows,
    )


def _difference(contrast: Contrast) -> Estimate | float | None:
    if contrast.difference is None or contrast.interval is None:
        return contrast.difference
    return Estimate(
        value=contrast.difference, low=contrast.interval.low, high=contrast.interval.high
    )
