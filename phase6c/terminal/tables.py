"""The tables that a search prints: its data, its plan, and what came of it."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

from _app import duration_text
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from phase6c.records import Metrics, score
from phase6c.stopping.rung_audit import audit_rungs
from phase6c.study.study import Study
from phase6c.study.study_config import StudyConfig
from phase6c.study.views.json_files import best_params
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.search.estimate import SearchEstimate
from phase6c.tune.search.plan import StudyPlan
from phase6c.tune.search.remarks import remarks


def plain_table(title: str) -> Table:
    """An empty table without lines, under its title."""
    # As Text: a ticker in square brackets is no markup.
    return Table(title=Text(f"\n{title}"), title_justify="left", box=None, padding=(0, 1, 0, 0))


def data_table(plan: StudyPlan) -> Table:
    """Dates, rows and base rates of the blocks; of test no base rate."""
    summary = plan.data.summary
    data = plan.config.data
    table = plain_table(f"{_tickers(summary.tickers)}: {data.target}, {data.tier}")
    for name in ("block", "first day", "last day", "windows", "base rate"):
        table.add_column(name, justify="left" if name == "block" else "right")
    for name in ("train", "val", "cal", "test"):
        block = getattr(summary, name)
        rate = f"{block.base_rate:.3f}" if name != "test" else "not looked at"
        table.add_row(name, str(block.first_date), str(block.last_date), f"{block.rows:,}", rate)
    return table


def _tickers(names: tuple[str, ...]) -> str:
    """The first few, and how many there are."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} ... ({len(names)})"


def plan_document(
    plan: StudyPlan, resources: Resources, estimated: SearchEstimate, missing: str | None
) -> dict[str, Any]:
    """What --dry-run shows, as JSON."""
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


def shapes_table(plan: StudyPlan) -> Table:
    """The solved widths and exact counts, a row per depth and feed-forward ratio."""
    table = plain_table(f"Shapes within {plan.space.budget_text()} parameters")
    for name in ("n_layers", "d_ff_ratio", "shapes", "d_model", "parameters"):
        table.add_column(name, justify="right")
    shapes = sorted(
        plan.space.shapes(plan.count), key=lambda one: (one[0].n_layers, one[0].d_ff_ratio)
    )
    for (n_layers, ratio), group in groupby(
        shapes, key=lambda one: (one[0].n_layers, one[0].d_ff_ratio)
    ):
        found = list(group)
        widths = sorted({model.d_model for model, _ in found})
        counts = [count for _, count in found]
        table.add_row(
            str(n_layers),
            str(ratio),
            str(len(found)),
            ", ".join(map(str, widths)),
            f"{min(counts):,} to {max(counts):,}",
        )
    return table


def rungs_table(plan: StudyPlan) -> Table:
    """Which share of the trials is expected to reach which epoch."""
    rungs = plan.rung_plan
    expected, without = rungs.epochs_expected, rungs.epochs_without_rungs
    table = plain_table(f"Rungs: {expected:,.0f} of {without:,} epochs")
    table.add_column("up to epoch", justify="right")
    table.add_column("trials expected", justify="right")
    for rung in rungs.rungs:
        table.add_row(str(rung.epoch), f"{rung.n_trials:g}")
    return table


def plan_lines(
    plan: StudyPlan, resources: Resources, estimated: SearchEstimate, missing: str | None
) -> list[str]:
    """The rest of a dry run in words."""
    config = plan.config
    shape = estimated.shape
    lines = [
        f"study      {plan.folder}",
        f"search     {config.n_trials} trials by {config.searcher}, {config.scheduler}, "
        f"objective {config.objective}, seed {config.seed}",
        f"training   {config.train.epochs} epochs, batches of {config.train.batch_size}",
        f"rungs      {_rungs_text(config)}",
        f"references {', '.join(one.name for one in plan.references) or 'none'}",
        f"resources  {resources_text(resources)}",
        f"time       about {duration_text(estimated.search_s)}: {estimated.epoch_s:.1f} s an epoch "
        f"of {shape.n_layers} x {shape.d_model} on {shape.n_tokens} tokens "
        f"({estimated.n_params:,} parameters), from one measured step on this machine",
        f"memory     about {estimated.memory_gib:.1f} GiB without activations",
        f"disk       about {estimated.disk_gib:.2f} GiB at most",
    ]
    if missing:
        lines.append(f"missing    {missing}")
    return lines


def resources_text(resources: Resources) -> str:
    """What trials get, in words."""
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
            f"grace at most until epoch {config.grace_epochs}, shorter where the search's own "
            "early epochs rank trials well"
        )
    return f"{grace}; {100 * config.audit_share:g}% of those below go on to the end, as an audit"


def windows_text(plan: StudyPlan) -> str:
    """Features and parameters per training window, in words."""
    data, ratio = plan.data, plan.parameters_per_window
    text = f"{len(data.train):,} training windows of {len(data.feature_names)} features"
    return f"{text}." if ratio is None else f"{text}, {ratio:,.0f} parameters for each."


def closing_table(study: Study) -> Table:
    """The best trial beside references and baselines, all on the same validation rows."""
    objective = study.config.objective
    table = plain_table(f"{study.config.name}: validation block")
    for name in ("", "params", "AUC", "log loss", "base rate", "probs", "health"):
        justify: JustifyMethod = "right" if name else "left"
        table.add_column(name, justify=justify, no_wrap=name != "health")
    best = study.best
    if best is not None:
        measured = best.best(objective)
        assert measured is not None
        audited = ", audited" if best.audited else ""
        name = f"trial {best.number}, epoch {measured.epoch}{audited}"
        _add(table, name, best.n_params, measured.metrics, measured.health.verdict, style="bold")
    for trial in study.trials:
        measured = trial.best(objective)
        if trial.source == "reference" and measured is not None:
            name = trial.name or f"trial {trial.number}"
            _add(table, name, trial.n_params, measured.metrics, measured.health.verdict)
    for baseline in study.config.baselines:
        _add(table, baseline.name.replace("_", " "), None, baseline.metrics, "")
    return table


def _add(
    table: Table,
    name: str,
    n_params: int | None,
    metrics: Metrics,
    verdict: str,
    style: str | None = None,
) -> None:
    table.add_row(
        name,
        "-" if n_params is None else f"{n_params:,}",
        _figure(metrics.auc, 4),
        _figure(metrics.log_loss, 4),
        _figure(metrics.base_rate, 3),
        f"{_figure(metrics.pred_min, 2)}-{_figure(metrics.pred_max, 2)}",
        verdict,
        style=style,
    )


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def closing_lines(study: Study) -> list[str]:
    """How to read the table, and where everything is."""
    lines = []
    best, config = study.best, study.config
    states = Counter(trial.state for trial in study.trials if trial.searched)
    counts = ", ".join(f"{count} {state.lower()}" for state, count in states.most_common())
    lines.append(f"Trials: {counts}.")
    if best is not None and config.value_corrected is not None:
        measured = best.best(config.objective)
        assert measured is not None
        n_chosen = sum(trial.chosen for trial in study.trials)
        lines.append(
            f"Corrected for choosing the best of {n_chosen} trials and their epochs: "
            f"{config.objective} {config.value_corrected:.4f} instead of {measured.value:.4f}."
        )
        lines.append(_verdict(config, config.value_corrected))
    lines += _audit_lines(study)
    lines.append(f"Everything is in {study.folder}")
    lines.append(f"Curves and HParams: tensorboard --logdir {study.folder}")
    return lines


def _audit_lines(study: Study) -> list[str]:
    """What the rungs cost, in one line; none where nothing was audited."""
    audit = audit_rungs(study.trials, study.config)
    if audit is None:
        return []
    low, high = audit.good_share
    return [
        f"Audit of the rungs: {audit.n_audited} of {audit.n_stopped} trials below a rung were "
        f"finished all the same; {audit.n_good} became as good as the best "
        f"1/{study.config.reduction_factor:g} of those let through, which makes {low:.0%} to "
        f"{high:.0%} of all below (95% interval)."
    ]


def _verdict(config: StudyConfig, corrected: float) -> str:
    """Whether the search was worth more than a simpler model, as far as one block can tell."""
    objective = config.objective
    values = {one.name: getattr(one.metrics, objective) for one in config.baselines}
    name = max(values, key=lambda one: score(values[one], objective))
    better = score(corrected, objective) > score(values[name], objective)
    word = "better" if better else "not better"
    return (
        f"That is {word} than {name.replace('_', ' ')} ({values[name]:.4f}) on the same rows; "
        "one block and one seed do not settle it."
    )


def result_document(study: Study) -> dict[str, Any]:
    """The outcome of a search as JSON."""
    best = study.best
    config = study.config
    audit = audit_rungs(study.trials, config)
    return {
        "schema": "phase6c.tune/1",
        "folder": str(study.folder),
        "complete": config.complete,
        "best": best_params(config, best) if best else None,
        "references": [
            trial.summary(config.objective) for trial in study.trials if trial.source == "reference"
        ],
        "baselines": [baseline.model_dump(mode="json") for baseline in config.baselines],
        "states": dict(Counter(trial.state for trial in study.trials if trial.searched)),
        "rung_audit": audit.model_dump(mode="json") if audit else None,
    }
