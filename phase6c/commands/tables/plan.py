"""What a dry run of a search prints: its shapes, its rungs, its resources and its cost."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from rich.table import Table

from phase6c.commands.flags import translator
from phase6c.config import ModelConfig
from phase6c.stopping.rung_plan import presumed_rungs
from phase6c.study.study_config import StudyConfig
from phase6c.terminal.tables import plain_table
from phase6c.tune.runtime.planned import Planned
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.search.estimate import SearchEstimate
from phase6c.tune.search.plan import SearchPlan
from phase6c.tune.search.remarks import remarks
from phase6c.wording import counted, duration_text


def plan_document(plan: SearchPlan, planned: Planned, estimated: SearchEstimate) -> dict[str, Any]:
    """The plan that --dry-run shows, as JSON."""
    shapes = [
        {**model.model_dump(exclude={"dropout", "pooling", "n_heads"}), "n_params": count}
        for model, count in plan.shapes
    ]
    return {
        "schema": "phase6c.plan/1",
        "folder": str(plan.folder),
        "config": plan.config.model_dump(mode="json", by_alias=True),
        "references": [reference.name for reference in plan.references],
        "shapes": shapes,
        "rungs": plan.rung_plan.model_dump(mode="json"),
        "resources": resources_document(planned),
        "estimate": estimated.model_dump(mode="json"),
        "remarks": remarks(plan),
        "missing": missing_text(planned),
    }


def shapes_table(plan: SearchPlan) -> Table:
    """The solved widths and exact counts, a row per depth and feed-forward ratio."""
    table = plain_table(f"Shapes within {plan.space.budget_text()} parameters")
    for name in ("n_layers", "d_ff_ratio", "shapes", "d_model", "parameters"):
        table.add_column(name, justify="right")
    shapes = sorted(plan.shapes, key=_depth_and_ratio)
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


def plan_lines(plan: SearchPlan, planned: Planned, estimated: SearchEstimate) -> list[str]:
    """The rest of a dry run in words."""
    config = plan.config
    lines = [
        f"study      {plan.folder}",
        f"search     {config.n_trials} trials by {config.searcher}, {config.scheduler}, "
        f"objective {config.objective}, seed {config.seed}",
        f"sampler    {config.proposer}",
        f"training   {_training_text(plan)}",
        f"rungs      {_rungs_text(config)}",
        f"references {', '.join(one.name for one in plan.references) or 'none'}",
        f"resources  {resources_text(planned)}",
        f"time       {time_text(estimated.search_s, planned, _epoch_text(estimated))}",
        f"memory     {_memory_text(planned, estimated)}",
        f"disk       about {estimated.disk_gib:.2f} GiB at most",
    ]
    return [*lines, *missing_lines(planned)]


def _epoch_text(estimated: SearchEstimate) -> str:
    """What an epoch takes, and of which shape."""
    shape, epoch_s = estimated.shape, estimated.epoch_s
    return (
        f"with {epoch_s or 0:.1f} s an epoch of {shape.n_layers} x {shape.d_model} on "
        f"{shape.n_tokens} tokens ({estimated.n_params:,} parameters)"
    )


def _memory_text(planned: Planned, estimated: SearchEstimate) -> str:
    """The memory of the host, and what the largest trial takes of a GPU."""
    host = f"about {estimated.memory_gib:.1f} GiB"
    if estimated.gpu_memory_gib is None:
        return f"{host}, with the activations of the largest trial"
    assumed = " (computed, on assumed machines)" if planned.timed_on == "assumed" else ""
    return (
        f"{host} of the hosts'; the largest trial takes about {estimated.gpu_memory_gib:.1f} GiB "
        f"of a GPU{assumed}"
    )


def time_text(seconds: float | None, planned: Planned, detail: str = "") -> str:
    """A duration and where it comes from; without one, how to get it."""
    if seconds is None:
        return (
            "unknown: no step was timed on such a machine; --dry-run where its GPUs are, or with "
            "--address of the cluster, times one, and --assume 4xH200 takes published rates"
        )
    source = {
        "here": "from steps measured on this machine",
        "worker": "from steps measured on a worker of the cluster",
        "assumed": f"assumed from published rates of {planned.resources.gpu_kind}, not measured",
    }[planned.timed_on]
    return ", ".join(filter(None, [f"about {duration_text(seconds)} of training", detail, source]))


def missing_lines(planned: Planned) -> list[str]:
    """What is not there, in the words of the command."""
    text = missing_text(planned)
    return [] if text is None else [f"missing    {text}"]


def missing_text(planned: Planned) -> str | None:
    """What is not there, in the words of the command; None if nothing is missing."""
    return None if planned.missing is None else translator()(str(planned.missing))


def resources_document(planned: Planned) -> dict[str, Any]:
    """The resources of a plan as JSON, and where the time of a step comes from."""
    resources = planned.resources
    return {
        **resources.model_dump(exclude={"fitting"}),
        "max_concurrent": resources.max_concurrent,
        "timed_on": planned.timed_on,
    }


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


def resources_text(planned: Planned) -> str:
    """The resources of all trials and of each, in words."""
    resources = planned.resources
    device = f"CPU only, {resources.n_cpus} of them"
    if resources.n_gpus:
        gpus = f"{resources.gpu_kind} GPU" if resources.gpu_kind else "GPU"
        device = f"{counted(resources.n_gpus, gpus)}, {_share_text(resources)}"
    text = f"{device}; {counted(resources.max_concurrent, 'trial')} side by side"
    if planned.timed_on == "assumed":
        return f"{text} (assumed)"
    return f"as asked for: {text}" if planned.missing else text


def _share_text(resources: Resources) -> str:
    each = resources.trials_per_gpu
    return f"{resources.gpus_per_trial:.3g} a trial" if each > 1 else "each for a single trial"


def _rungs_text(config: StudyConfig) -> str:
    """When trials may be stopped, and how many of them are finished all the same."""
    if config.scheduler == "none":
        return "none, every trial trains to its end"
    grace = f"grace until epoch {config.grace_epochs}"
    afforded = [epoch for epoch in presumed_rungs(config) if epoch < config.grace_epochs]
    if config.adaptive_grace and afforded:
        grace = (
            f"grace until epoch {config.grace_epochs} to begin with, then until epoch "
            f"{afforded[0]}, which so many trials can afford, unless early epochs mislead"
        )
    elif config.adaptive_grace:
        grace = (
            f"grace until epoch {config.grace_epochs} to begin with, less where the search's own "
            "early epochs rank trials well, more where they mislead"
        )
    return f"{grace}; {_audit_text(config)}"


def _audit_text(config: StudyConfig) -> str:
    if not config.audit_share:
        return "those below are stopped without an audit"
    share = f"{100 * config.audit_share:g}%"
    return f"a few of those below go on to the end, as an audit for {share} of their epochs"


def windows_text(plan: SearchPlan) -> str:
    """Features and parameters per training window, in words."""
    data, ratio = plan.data, plan.parameters_per_window
    text = f"{len(data.train):,} training windows of {len(data.feature_names)} features"
    if ratio is None:
        return f"{text}."
    each = f"{ratio:,.0f}" if ratio >= 1 else f"{ratio:.1g}"
    return f"{text}, {each} parameters for each."
