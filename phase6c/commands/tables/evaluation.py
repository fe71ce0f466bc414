"""What a dry run of an evaluation prints: its contenders, its steps, its resources, its cost."""

from __future__ import annotations

from typing import Any

from phase6c.commands.tables.plan import (
    missing_lines,
    missing_text,
    resources_document,
    resources_text,
    time_text,
)
from phase6c.tune.evaluation.estimate import EvaluationEstimate
from phase6c.tune.evaluation.plan import EvaluationPlan
from phase6c.tune.runtime.planned import Planned


def plan_document(
    plan: EvaluationPlan, planned: Planned, estimated: EvaluationEstimate
) -> dict[str, Any]:
    """The plan that --dry-run shows, as JSON."""
    return {
        "schema": "phase6c.evaluation_plan/1",
        "folder": str(plan.folder),
        **plan.config.model_dump(mode="json"),
        "seeds": plan.seeds,
        "steps": [*plan.walk.steps],
        "resources": resources_document(planned),
        "estimate": estimated.model_dump(),
        "missing": missing_text(planned),
        "opened_before": plan.opened_before(),
    }


def plan_lines(plan: EvaluationPlan, planned: Planned, estimated: EvaluationEstimate) -> list[str]:
    """The planned trainings and their cost, in words."""
    lines = []
    for contender in plan.contenders:
        role = "" if contender.may_win else ", compared only"
        lines.append(f"contender  {contender.name}: {contender.n_params:,} parameters{role}")
    for name, step in plan.walk.steps.items():
        fold = step.fold
        dates = f"{fold.out.first} to {fold.out.last}, trained through {fold.train.last}"
        lines.append(f"{name:<10} {dates}")
    lines += [
        f"model      {plan.folder}",
        f"opened     {plan.opened_before() or 'never: the test block is untouched'}",
        f"training   at most {estimated.n_fits_at_most} runs on {len(plan.seeds)} seeds",
        f"resources  {resources_text(planned)}",
        f"time       {time_text(estimated.evaluation_s, planned, 'if no contender drops out')}",
        f"disk       about {estimated.disk_gib:.2f} GiB at most",
    ]
    return [*lines, *missing_lines(planned)]
