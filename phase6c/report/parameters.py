"""What each hyper-parameter did: the user's own tables, adjusted effects, importance, edges."""

from __future__ import annotations

from collections.abc import Iterator

from phase6c.analysis.effects import AxisEffects, Effects, Row
from phase6c.analysis.importance import Measure, importance
from phase6c.analysis.interactions import Interactions, interactions
from phase6c.analysis.trials import Search
from phase6c.config import Objective
from phase6c.document.section import Cell, Section, Table, setting, text
from phase6c.records import score
from phase6c.report.decay import decay

# Of two values each is an edge.
_MIN_EDGED = 2


def parameters(search: Search, found: Effects, draws: int) -> Section:
    """What the trials say of each axis, and what they cannot say.

    Args:
        search: Its own trials are used.
        found: Its effects.
        draws: Of the importances' intervals; 0 for no importances, which without intervals rank
            noise, and for no search for interactions.
    """
    measures = importance(search, draws) if draws else ()
    together = interactions(search) if draws else None
    inert, decays = decay(search)
    return Section(
        name="parameters",
        title="Hyper-parameters",
        says=(
            *_says(search, found),
            *(one.says for one in measures),
            *((together.says,) if together else ()),
            *inert,
        ),
        tables=(
            *(_axis(one, search.objective) for one in found.axes),
            *(_importance(one) for one in measures),
            *(_pairs(together) if together else ()),
            *decays,
        ),
    )


def _says(search: Search, found: Effects) -> Iterator[str]:
    if not found.n_trials:
        yield "No trial of the search has a score yet."
        return
    left_out = f"; {found.n_failed} failed ones are in none of it" if found.n_failed else ""
    if search.study is None:
        yield (
            f"{found.n_trials} values of a file, which does not say who chose the configurations "
            "nor how long they trained. Effects are against the mean over the values tried, all "
            "other axes being equal."
        )
    else:
        yield _read_as(found, left_out)
    if found.n_untold:
        yield f"{found.n_untold} trials do not tell a value of every axis and are in no effect."
    for one in found.axes:
        if one.matters:
            yield _difference(one)
    alike = [one.axis for one in found.axes if not one.matters]
    if alike:
        yield f"Of {', '.join(alike)}, no two values can be told apart."
    on_edge = [f"{one.axis} ({one.effect_edge})" for one in found.axes if _open(one)]
    if on_edge:
        yield (
            f"The largest effect lies on an edge of its axis, so a better value may lie beyond: "
            f"{', '.join(on_edge)}."
        )


def _read_as(found: Effects, left_out: str) -> str:
    return (
        f"{found.n_trials} trials with a score, {found.n_stopped} of them stopped early{left_out}. "
        "Means and bests are of the scores as they stand. Effects are of whole trainings, all "
        "other axes being equal, against the mean over the values tried: they are adjusted for "
        "what the sampler preferred and for what the rungs stopped."
    )


def _difference(one: AxisEffects) -> str:
    worse = list(dict.fromkeys(low for _, low in one.apart))
    said = f"{one.axis} matters: {setting(one.best_value)} has the largest effect"
    if len(one.not_worse) > 1:
        others = [value for value in one.not_worse if value != one.best_value]
        said += f", not told apart from {', '.join(map(setting, others))}"
    return f"{said}; worse than another value: {', '.join(map(setting, worse))}."


def _open(one: AxisEffects) -> bool:
    """Whether the axis matters and seems best at its end."""
    return one.matters and one.effect_edge is not None and len(one.rows) > _MIN_EDGED


def _axis(one: AxisEffects, objective: Objective) -> Table:
    return Table(
        name=f"parameter_{one.axis}",
        title=one.axis,
        columns=(one.axis, "trials", "failed", "mean", "low", "high", "best", "effect", "edge"),
        rows=tuple(_row(row, one, objective) for row in one.rows),
    )


def _row(row: Row, one: AxisEffects, objective: Objective) -> tuple[Cell, ...]:
    name = setting(row.value)
    if row.span is not None:
        name = f"{setting(row.span[0])} to {setting(row.span[1])}"
    interval = row.interval or (None, None)
    ends = [None if end is None else score(end, objective) for end in interval]
    low, high = (ends[0], ends[1]) if objective == "auc" else (ends[1], ends[0])
    edges = {one.rows[0].value: "lower", one.rows[-1].value: "upper"}
    edge = edges.get(row.value)
    marks = [
        f"{what}: {edge} edge"
        for what, side in (("best", one.best_edge), ("effect", one.effect_edge))
        if side is not None and side == edge and _tells(what, one)
    ]
    return (
        name,
        row.n_trials,
        row.n_failed,
        None if row.mean is None else score(row.mean, objective),
        low,
        high,
        None if row.best is None else score(row.best, objective),
        row.effect,
        ", ".join(marks) or None,
    )


def _tells(what: str, one: AxisEffects) -> bool:
    """Whether an edge says anything: of two values each is one, and noise has a largest too."""
    return len(one.rows) > _MIN_EDGED and (what == "best" or one.matters)


def _importance(measure: Measure) -> Table:
    name = measure.name.lower().replace("-", "_")
    return Table(
        name=f"importance_{name}",
        title=f"Importance by {measure.name}, as a share",
        columns=("axis", "share"),
        rows=tuple((one.axis, one.share) for one in measure.axes),
    )


def _pairs(together: Interactions) -> Iterator[Table]:
    yield Table(
        name="interactions",
        title=f"Pairs of axes that act together: share of variance {text(together.share)}",
        columns=("axis", "with", "p value of the strongest"),
        rows=tuple((*one.axes, one.p_value) for one in together.strongest),
    )
