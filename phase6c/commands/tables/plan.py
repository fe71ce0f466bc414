"""What a dry run of a search prints: its shapes, its rungs, its resources and its cost."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from rich.table import Table

from phase6c.config import ModelConfig
from phase6c.study.study_config import StudyConfig
from phase6c.terminal.tables import plain_table
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.search.estimate import SearchEstimate
from phase6c.tune.search.plan import SearchPlan
from phase6c.tune.search.remarks import remarks
from phase6c.wording import duration_text


def plan_document(
    plan: SearchPlan, resources: Resources, estimated: SearchEstimate, missing: str | None
) -> dict[str, Any]:
    """The plan that --dry-run shows, as JSON."""
    shapes = [
        {**model.model_dump(exclude={"dropout", "pooling", "n_heads"}), "n_params": count}
        for model, count in plan.space.shapes(plan.count)
    ]
    return {
        "schema": "phase6c.plan/1",
        "folder": str(plan.folder),
        "config": plan.config.model_dump(mode="json", by_alias=True),
        "references": [reference.name for reference in plan.references],
        "shapes": shapes,
        "rungs": plan.rung_plan.model_dump(mode="json"),
        "resources": resources.model_dump(),
        "estimate": estimated.model_dump(mode="json"),
        "remarks": remarks(plan),
        "missing": missing,
    }


def shapes_table(plan: SearchPlan) -> Table:
    """The solved widths and exact counts, a row per depth and feed-forward ratio."""
    table = plain_table(f"Shapes within {plan.space.budget_text()} parameters")
    for name in ("n_layers", "d_ff_ratio", "shapes", "d_model", "parameters"):
        table.add_column(name, justify="right")
    shapes = sorted(plan.space.shapes(plan.count), key=_depth_and_ratio)
    for (n_layers, ratio), group in groupby(shapes, key=_depth_and_ratio):
        alike = list(group)
        widths = sorted({model.d_model for model, _ in alike})
        counts = [count for _, count in alike]
        table.add_row(
            str(n_layers),
            str(ratio),
            str(len(alike)),
            ", ".join(map(str, widths)),
            f"{min(counts):,} to {max(counts):,}",
        )
    return table


def _depth_and_ratio(shape: tuple[ModelConfig, int]) -> tuple[int, int]:
    return shape[0].n_layers, shape[0].d_ff_ratio


def rungs_table(plan: SearchPlan) -> Table:
    """How many trials are expected to reach each rung."""
    rungs = plan.rung_plan
    expected, without = rungs.epochs_expected, rungs.epochs_without_rungs
    table = plain_table(f"Rungs: {expected:,.0f} of {without:,} epochs")
    table.add_column("up to epoch", justify="right")
    table.add_column("trials expected", justify="right")
    for rung in rungs.rungs:
        table.add_row(str(rung.epoch), f"{rung.n_trials:g}")
    return table


def plan_lines(
    plan: SearchPlan, resources: Resources, estimated: SearchEstimate, missing: str | None
) -> list[str]:
    """The rest of a dry run in words."""
    config = plan.config
    shape = estimated.shape
    lines = [
        f"study      {plan.folder}",
        f"search     {config.n_trials} trials by {config.searcher}, {config.scheduler}, "
        f"objective {config.objective}, seed {config.seed}",
        f"sampler    {config.proposer}",
        f"training   {_training_text(plan)}",
        f"rungs      {_rungs_text(config)}",
        f"references {', '.join(one.name for one in plan.references) or 'none'}",
        f"resources  {resources_text(resources)}",
        f"time       about {duration_text(estimated.search_s)}: {estimated.epoch_s:.1f} s an epoch "
        f"of {shape.n_layers} x {shape.d_model} on {shape.n_tokens} tokens "
        f"({estimated.n_params:,} parameters), from steps measured on this machine",
        f"memory     about {estimated.memory_gib:.1f} GiB without activations",
        f"disk       about {estimated.disk_gib:.2f} GiB at most",
    ]
    if missing:
        lines.append(f"missing    {missing}")
    return lines


def _training_text(plan: SearchPlan) -> str:
    """How long trials train, and in which pieces."""
    train, n_windows = plan.config.train, len(plan.data.train)
    epoch = ""
    if train.epoch_windows(n_windows) < n_windows:
        epoch = f" of {train.epoch_windows(n_windows):,} of the {n_windows:,} windows"
    part, n_val = "", len(plan.data.val)
    if train.val_windows is not None:
        part = (
            f", each measured on about {train.rung_windows(n_val):,} of the {n_val:,} validation "
            "windows and the best on all"
        )
    rate = ""
    if train.learning_rate_factor != 1:
        rate = f", learning rates x {train.learning_rate_factor:g} for their size"
    return f"{train.epochs} epochs{epoch}{part}, batches of {train.batch_size}{rate}"


def resources_text(resources: Resources) -> str:
    """The resources of all trials and of each, in words."""
    device = (
        f"{resources.n_gpus} GPUs, {resources.gpus_per_trial:g} a trial"
        if resources.n_gpus
        else f"CPU only, {resources.n_cpus} of them"
    )
    return f"{device}; {resources.max_concurrent} trials side by side"


def _rungs_text(config: StudyConfig) -> str:
    """When trials may be stopped, and how many of them are finished all the same."""
    if config.scheduler == "none":
        return "none, every trial trains to its end"
    grace = f"grace until epoch {config.grace_epochs}"
    if config.adaptive_grace:
        grace = (
            f"grace until epoch {config.grace_epochs} to begin with, less where the search's own "
            "early epochs rank trials well, more where they mislead"
        )
    return f"{grace}; {100 * config.audit_share:g}% of those below go on to the end, as an audit"


def windows_text(plan: SearchPlan) -> str:
    """Features and parameters per training window, in words."""
    data, ratio = plan.data, plan.parameters_per_window
    text = f"{len(data.train):,} training windows of {len(data.feature_names)} features"
    if ratio is None:
        return f"{text}."
    each = f"{ratio:,.0f}" if ratio >= 1 else f"{ratio:.1g}"
    return f"{text}, {each} parameters for each."
