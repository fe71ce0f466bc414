"""Values that were never tried next to the best configuration, with the command that tries them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from phase6c.analysis.trials import Result, Search
from phase6c.config import TrialConfig, Value, Values, parse
from phase6c.document.section import Section, Table, setting
from phase6c.errors import ConfigError
from phase6c.space.axes import Axis
from phase6c.space.references import REFERENCES, TOKENS


class Gap(NamedTuple):
    """Values of an axis that were never tried with all else as in the best.

    Attributes:
        axis: Name of the axis.
        values: Values never tried that can be built.
        command: Command that tries them; None where there is no study to probe.
    """

    axis: str
    values: tuple[Value, ...]
    command: str | None


def gaps(search: Search) -> Section:
    """The cells around the best configuration that no trial has filled."""
    best = best_result(search)
    if best is None:
        return Section(name="gaps", title="Never tried", says=("There is no best trial yet.",))
    untried = list(find_gaps(search, best))
    return Section(
        name="gaps",
        title="Never tried",
        says=tuple(_says(search, best, untried)),
        tables=(
            Table(
                name="gaps",
                title=f"Around trial {best.number}, all else as it is there",
                columns=("axis", "there", "never tried", "command"),
                rows=tuple(
                    (gap.axis, setting(best.params[gap.axis]), _listed(gap.values), gap.command)
                    for gap in untried
                ),
            ),
        )
        if untried
        else (),
    )


def best_result(search: Search) -> Result | None:
    """The study's best trial; for a file the trial with the highest value."""
    if search.study is not None:
        best = search.study.best
        return next(
            (result for result in search.results if best and result.number == best.number), None
        )
    return max(search.results, key=lambda result: (result.score, -result.number), default=None)


def find_gaps(search: Search, best: Result) -> Iterator[Gap]:
    """A gap for each axis with values that were never tried next to the best."""
    for name, axis in search.axes.items():
        if axis.points is None or name not in best.params:
            continue
        tried = {
            result.params.get(name)
            for result in search.results
            if _alike(result.params, best.params, name)
        }
        values = tuple(
            value
            for value in axis.points
            if value not in tried and _can_be_built(search, {**best.params, name: value})
        )
        if values:
            yield Gap(name, values, _command(search, best, name, values))


def _alike(own: Mapping[str, Value], other: Mapping[str, Value], but: str) -> bool:
    """Whether configurations differ in nothing but a field and the width that follows from it."""
    # The width is solved anew for each shape: a trial with another width may be the very neighbour.
    left = {but, "d_model"} if but != "d_model" else {but}
    names = (own.keys() | other.keys()) - left
    return all(own.get(name) == other.get(name) for name in names)


def _can_be_built(search: Search, params: Values) -> bool:
    """Whether a model can be built, as far as is known without the space's own rules (code)."""
    if "patch_days" in params and "context_days" in params and not TOKENS.allows(params):
        return False
    best = search.study.best if search.study else None
    if best is None:
        return bool(params.get("d_model", 0) % params.get("n_heads", 1) == 0)
    try:
        TrialConfig.from_flat({**parse(TrialConfig, best.config).flat(), **params})
    except ConfigError:
        return False
    return True


def _command(search: Search, best: Result, name: str, values: tuple[Value, ...]) -> str | None:
    vary = f"{name}={','.join(map(setting, values))}"
    if search.study is not None:
        words = ["phase6c", "probe", "--base", "best", "--vary", vary]
        return shlex.join([*words, str(search.path)])
    reference = _as_reference(best.params)
    if reference is None:
        return None
    return shlex.join(["phase6c", "probe", "--base", f"reference:{reference}", "--vary", vary])


def _as_reference(params: Mapping[str, Value]) -> str | None:
    """The name of the reference that these values are, as far as they say."""
    for name, reference in REFERENCES.items():
        if all(reference.values.get(key) == value for key, value in params.items()):
            return name
    return None


def _says(search: Search, best: Result, untried: list[Gap]) -> Iterator[str]:
    if not untried:
        yield f"Every value of every axis was tried next to trial {best.number}."
        return
    near = [
        (gap.axis, _nearest(search.axes[gap.axis], best.params[gap.axis], gap)) for gap in untried
    ]
    listed = "; ".join(f"{axis} {_listed(values)}" for axis, values in near if values)
    yield (
        f"{sum(len(gap.values) for gap in untried)} values of {len(untried)} axes were never tried "
        f"with the best setting, that of trial {best.number}. Its nearest neighbours among them: "
        f"{listed}."
    )
    if any(gap.command is None for gap in untried):
        yield (
            "A probe needs a study or one of the references; to go on from a file of trials, "
            f"search with phase6c tune --warm-start {search.path}."
        )
    else:
        yield (
            "Each command of the table trains them and the best itself again, on the same new "
            "seeds, and reports the differences."
        )


def _nearest(axis: Axis, there: Value, gap: Gap) -> tuple[Value, ...]:
    """The values never tried that lie next to the best's own; all of an axis without an order."""
    points = list(axis.points or ())
    if axis.edges is None or there not in points:
        return gap.values
    at = points.index(there)
    beside = points[max(0, at - 1) : at + 2]
    return tuple(value for value in gap.values if value in beside)


def _listed(values: tuple[Value, ...]) -> str:
    return ", ".join(map(setting, values))
