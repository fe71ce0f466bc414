"""The tables of a probe: its plan, and its paired differences."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from phase6c.analysis.contrasts import DOUBT, Contrast
from phase6c.analysis.probed import Probed
from phase6c.analysis.trials import of_study
from phase6c.analysis.winner import find_winner
from phase6c.commands.tables.plan import (
    missing_lines,
    missing_text,
    resources_document,
    resources_text,
    time_text,
)
from phase6c.document.section import as_objects, text
from phase6c.report.probes import repeats
from phase6c.terminal.tables import plain_table
from phase6c.tune.probe.estimate import ProbeEstimate
from phase6c.tune.probe.plan import ProbePlan, Run
from phase6c.tune.runtime.planned import Planned


def plan_document(plan: ProbePlan, planned: Planned, estimated: ProbeEstimate) -> dict[str, Any]:
    """The plan that --dry-run shows, as JSON."""
    return {
        "schema": "phase6c.probe_plan/1",
        "folder": str(plan.study.folder),
        "seeds": plan.seeds,
        "runs": [_run_document(run) for run in plan.runs],
        "resources": resources_document(planned),
        "estimate": estimated.model_dump(),
        "missing": missing_text(planned),
    }


def _run_document(run: Run) -> dict[str, Any]:
    return {
        "base": run.base.label,
        "varied": run.varied,
        "seed": run.config.seed,
        "params": run.params,
        "n_params": run.n_params,
        "in_budget": run.in_budget,
    }


def plan_lines(plan: ProbePlan, planned: Planned, estimated: ProbeEstimate) -> list[str]:
    """The planned runs and their cost, in words."""
    n_configurations = len(plan.runs) // len(plan.seeds)
    lines = [
        *map(_run_line, plan.runs[:n_configurations]),
        f"study      {plan.study.folder}",
        f"training   {len(plan.runs)} runs of {plan.study.config.train.epochs} epochs on "
        f"{len(plan.seeds)} seeds, of which {len(plan.runs) - estimated.n_runs} are there already",
        f"resources  {resources_text(planned)}",
        f"time       {time_text(estimated.probe_s, planned)}",
        f"disk       about {estimated.disk_gib:.2f} GiB at most",
    ]
    return [*lines, *missing_lines(planned)]


def _run_line(run: Run) -> str:
    varied = "as it is" if run.varied is None else f"{run.varied} {run.params[run.varied]}"
    note = "" if run.in_budget else ", not in the budget"
    return f"{run.base.label}, {varied}: {run.n_params:,} parameters{note}"


def result_document(probed: Probed) -> dict[str, Any]:
    """The paired differences as JSON."""
    return {
        "schema": "phase6c.probe/1",
        "folder": str(probed.study.folder),
        "objective": probed.study.config.objective,
        "contrasts": [one.model_dump(mode="json") for one in probed.contrasts],
        "repeats": as_objects(repeats(of_study(probed.study))),
        "doubt": DOUBT,
    }


def result_table(probed: Probed) -> Table:
    """A row for each contrast."""
    config = probed.study.config
    table = plain_table(f"{config.name}: matched contrasts, {config.objective} on validation")
    for name in ("base", "varied"):
        table.add_column(name, no_wrap=True)
    for name in ("params", "seeds", "mean", "change", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", min_width=10)
    for contrast in probed.contrasts:
        table.add_row(*_cells(contrast))
    return table


def repeats_table(probed: Probed) -> Table:
    """A row for each configuration that was trained with several seeds."""
    repeated = repeats(of_study(probed.study))
    table = plain_table(repeated.title)
    for position, name in enumerate(repeated.columns):
        table.add_column(name, justify="right" if position else "left")
    for row in repeated.rows:
        table.add_row(*map(text, row))
    return table


def _cells(contrast: Contrast) -> list[str]:
    interval = contrast.interval
    return [
        contrast.base_label,
        f"{contrast.name}\n{contrast.base_value} -> {contrast.value}",
        f"{contrast.n_params:,}{'' if contrast.in_budget else '*'}",
        f"{len(contrast.seeds)}/{len(contrast.seeds) + contrast.n_failed}",
        _figure(contrast.mean),
        _figure(contrast.difference, "+"),
        f"{interval.low:+.4f}, {interval.high:+.4f}" if interval else "-",
        contrast.verdict,
    ]


def _figure(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4f}"


def result_lines(probed: Probed) -> list[str]:
    """How to read the table, and where everything is."""
    if not probed.contrasts:
        winner = find_winner(of_study(probed.study))
        judged = [winner.says] if winner else []
        return [*judged, f"Everything is in {probed.study.folder}"]
    intervals = [one.interval for one in probed.contrasts if one.interval]
    n_unclear = sum(not one.excludes_zero for one in intervals)
    lines = [f"{n_unclear} of {len(intervals)} differences cannot be told from zero.", DOUBT]
    if len(intervals) > 1:
        lines.append(
            "Each interval is for itself: of so many without any true difference, about "
            f"{0.05 * len(intervals):.1g} would exclude zero by chance."
        )
    if not all(one.in_budget for one in probed.contrasts):
        lines.append("* Not in the parameter budget, or of a reference, which is exempt from it.")
    return [*lines, f"Everything is in {probed.study.folder}"]
