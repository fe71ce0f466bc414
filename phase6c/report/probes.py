"""What probes found: matched contrasts, and configurations repeated with other seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from phase6c.analysis.contrasts import DOUBT, Contrast
from phase6c.analysis.trials import Search
from phase6c.analysis.winner import repeated, searched_as
from phase6c.document.section import Cell, Section, Table, setting
from phase6c.records import score
from phase6c.statistics.bootstrap import Estimate


def probes(search: Search, found: Sequence[Contrast]) -> Section:
    """The contrasts that a study's probes allow, and its repeated configurations."""
    again = repeats(search)
    return Section(
        name="probes",
        title="Matched contrasts",
        says=tuple(_says(found)),
        tables=tuple(one for one in (_contrasts(found), again) if one.rows),
    )


def repeats(search: Search) -> Table:
    """A row for each configuration that probes trained with several seeds."""
    rows: list[tuple[Cell, ...]] = []
    for group in repeated(search):
        values = [score(one.score, search.objective) for one in group]
        numbers = " ".join(str(one.number) for one in group)
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


def _says(found: Sequence[Contrast]) -> Iterator[str]:
    known = [one for one in found if one.interval is not None]
    told = [one for one in known if one.interval and one.interval.excludes_zero]
    if not known:
        yield "No contrast was probed on two seeds or more."
        return
    for one in told:
        change = f"{one.name} {setting(one.base_value)} -> {setting(one.value)}"
        yield f"{one.base_label}, {change}: {one.verdict}."
    yield f"{len(known) - len(told)} of {len(known)} differences cannot be told from zero."
    yield DOUBT


def _contrasts(found: Sequence[Contrast]) -> Table:
    rows = tuple(
        (
            one.base_label,
            one.name,
            setting(one.base_value),
            setting(one.value),
            one.n_params,
            len(one.seeds),
            one.mean,
            _difference(one),
            one.verdict,
        )
        for one in found
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


def _difference(one: Contrast) -> Estimate | float | None:
    if one.difference is None or one.interval is None:
        return one.difference
    return Estimate(value=one.difference, low=one.interval.low, high=one.interval.high)
