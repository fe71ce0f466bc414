"""The effect of each hyper-parameter: plain tables, adjusted effects, importance, edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

from phase6c.analysis.effects import AxisEffects, Effects, Row
from phase6c.analysis.importance import Measure, importance
from phase6c.analysis.interactions import Interactions, interactions
from phase6c.analysis.trials import Search
from phase6c.config import LOSSES, Objective
from phase6c.document.section import Cell, Section, Table, rounded, setting, text
from phase6c.records import score
from phase6c.report.decay import decay
from phase6c.statistics.bootstrap import Estimate

# Each of two values is an edge.
_MIN_EDGED = 2


def parameters(search: Search, effects: Effects, draws: int) -> Section:
    """The findings on each axis, and the doubts that the trials leave.

    Args:
        search: Search; its own trials are used.
        effects: Effects of its axes.
        draws: Number of draws of the importances' intervals; 0 for no importances, which without
            intervals rank noise, and for no search for interactions.
    """
    measures = importance(search, draws) if draws else ()
    together = interactions(search) if draws else None
    inert, decays = decay(search)
    return Section(
        name="parameters",
        title="What mattered",
        says=(
            *_says(search, effects),
            *(measure.says for measure in measures),
            *_disagreement(measures),
            *((together.says,) if together else ()),
            *inert,
        ),
        tables=(
            *_overview(effects, measures),
            *(_axis(axis, search.objective) for axis in effects.axes),
            *(_importance(measure) for measure in measures),
            *(_pairs(together) if together else ()),
            *decays,
        ),
    )


def _overview(effects: Effects, measures: Sequence[Measure]) -> Iterator[Table]:
    """A line for each axis: its best value, the value's gain, and the axis's importance."""
    shares = [{one.axis: one.share for one in measure.axes} for measure in measures]
    rows = tuple(
        (
            axis.axis,
            "yes" if axis.matters else "not shown",
            setting(row.value),
            row.effect,
            *(known.get(axis.axis) for known in shares),
        )
        for axis in effects.axes
        for row in axis.rows
        if row.effect is not None and row.value == axis.best_value
    )
    if rows:
        yield Table(
            name="what_mattered",
            title="Every hyper-parameter at the value with the largest effect",
            columns=(
                *("hyper-parameter", "matters", "value", "effect"),
                *(f"share by {measure.name}" for measure in measures),
            ),
            rows=rows,
        )


def _disagreement(measures: Sequence[Measure]) -> Iterator[str]:
    """The axes that lead by a measure and are clearly less important by the other."""
    for one, other in permutations(measures, 2):
        shares = {found.axis: found.share for found in other.axes}
        for found in one.axes:
            own, theirs = found.share, shares.get(found.axis)
            if found.axis not in one.leading or found.axis in other.leading:
                continue
            if isinstance(own, Estimate) and isinstance(theirs, Estimate) and own.low > theirs.high:
                yield (
                    f"The measures contradict each other on {found.axis}: its share is "
                    f"{rounded(own)} by {one.name} and {rounded(theirs)} by {other.name}. Neither "
                    "is adjusted for what the sampler preferred; the effects are."
                )


def _says(search: Search, effects: Effects) -> Iterator[str]:
    if not effects.n_trials:
        yield "No trial of the search has a score yet."
        return
    left_out = f"; {effects.n_failed} failed ones are in none of it" if effects.n_failed else ""
    if search.study is None:
        yield (
            f"{effects.n_trials} values of a file, which does not say who chose the configurations "
            "nor how long they trained. Effects are against the mean over the values tried, all "
            "other axes being equal."
        )
    else:
        yield _read_as(effects, left_out)
    if effects.n_untold:
        yield f"{effects.n_untold} trials do not tell a value of every axis and are in no effect."
    for axis in effects.axes:
        if axis.matters:
            yield _difference(axis)
    alike = [axis.axis for axis in effects.axes if not axis.matters]
    if alike:
        yield f"Of {', '.join(alike)}, no two values can be told apart."
    on_edge = [f"{axis.axis} ({axis.effect_edge})" for axis in effects.axes if _open(axis)]
    if on_edge:
        yield (
            f"The largest effect lies on an edge of its axis, so a better value may lie beyond: "
            f"{', '.join(on_edge)}."
        )


def _read_as(effects: Effects, left_out: str) -> str:
    return (
        f"{effects.n_trials} trials with a score, {effects.n_stopped} of them stopped early"
        f"{left_out}. Means and bests are of the scores as they stand. Effects are of whole "
        "trainings, all other axes being equal, against the mean over the values tried: they are "
        "adjusted for what the sampler preferred and for what the rungs stopped."
    )


def _difference(axis: AxisEffects) -> str:
    worse = list(dict.fromkeys(low for _, low in axis.apart))
    said = f"{axis.axis} matters: {setting(axis.best_value)} has the largest effect"
    if len(axis.not_worse) > 1:
        others = [value for value in axis.not_worse if value != axis.best_value]
        said += f", not told apart from {', '.join(map(setting, others))}"
    return f"{said}; worse than another value: {', '.join(map(setting, worse))}."


def _open(axis: AxisEffects) -> bool:
    """Whether the axis matters and seems best at its end."""
    return axis.matters and axis.effect_edge is not None and len(axis.rows) > _MIN_EDGED


def _axis(axis: AxisEffects, objective: Objective) -> Table:
    return Table(
        name=f"parameter_{axis.axis}",
        title=f"All values of {axis.axis}",
        folded=True,
        columns=(axis.axis, "trials", "failed", "mean", "low", "high", "best", "effect", "edge"),
        rows=tuple(_row(row, axis, objective) for row in axis.rows),
    )


def _row(row: Row, axis: AxisEffects, objective: Objective) -> tuple[Cell, ...]:
    name = setting(row.value)
    if row.span is not None:
        name = f"{setting(row.span[0])} to {setting(row.span[1])}"
    interval = row.interval or (None, None)
    ends = [None if end is None else score(end, objective) for end in interval]
    low, high = (ends[0], ends[1]) if objective not in LOSSES else (ends[1], ends[0])
    edges = {axis.rows[0].value: "lower", axis.rows[-1].value: "upper"}
    edge = edges.get(row.value)
    marks = [
        f"{what}: {edge} edge"
        for what, side in (("best", axis.best_edge), ("effect", axis.effect_edge))
        if side is not None and side == edge and _tells(what, axis)
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


def _tells(what: str, axis: AxisEffects) -> bool:
    """Whether an edge says anything: each of two values is an edge, and noise has a largest too."""
    return len(axis.rows) > _MIN_EDGED and (what == "best" or axis.matters)


def _importance(measure: Measure) -> Table:
    name = measure.name.lower().replace("-", "_")
    return Table(
        name=f"importance_{name}",
        title=f"Importance by {measure.name}, as a share",
        folded=True,
        columns=("axis", "share"),
        rows=tuple((importance.axis, importance.share) for importance in measure.axes),
    )


def _pairs(together: Interactions) -> Iterator[Table]:
    yield Table(
        name="interactions",
        title=f"Pairs of axes that act together: share of variance {text(together.share)}",
        columns=("axis", "with", "p value of the strongest"),
        rows=tuple((*pair.axes, pair.p_value) for pair in together.strongest),
    )
