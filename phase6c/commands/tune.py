"""Searches transformer configurations within a parameter budget."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from phase6c.commands.bars import bars_options, read_bars
from phase6c.commands.flags import translator
from phase6c.commands.options import (
    COUNT,
    LABELS,
    OBJECTIVES,
    SEED,
    TIERS,
    choice,
    command,
    resource_options,
    run_options,
    tracker_options,
)
from phase6c.commands.running import (
    check_assumed,
    check_gpu,
    check_trackers,
    handing_over,
    run_on_terminal,
)
from phase6c.commands.spaces import find_space
from phase6c.commands.values import parse_count, parse_duration, parse_settings
from phase6c.config import DataConfig, check_names, parse, settable_fields
from phase6c.study.study_config import SamplerName, SchedulerName, SearcherName

if TYPE_CHECKING:
    from phase6c.study.study import Study
    from phase6c.tune.runtime.planned import Planned
    from phase6c.tune.search.plan import SearchPlan

SET_HELP = (
    "Pin a field of the configuration: an axis of the space, such as dropout, or batch_size, "
    "half_life_days, windows_per_epoch, val_windows, patience_epochs, scaling, logs, "
    "train_fraction, val_fraction, cal_fraction ..."
)
GRACE_HELP = (
    "Epochs every trial gets; auto: a share 1 / reduction-factor^2 of all, fewer where the "
    "search's own early epochs rank trials well or it has many trials, more where they mislead."
)
SAMPLER_HELP = "What optuna carries: a Gaussian process, TPE, or the one and then the other."
AUDIT_HELP = "To show what rungs cost, finish some stopped trials, for this share of their epochs."
WARM_START_HELP = (
    "Take over from an earlier study: its folder, or a JSON file of trials. Its best run first, up "
    "to three while none is below the others' median; the rest guides proposals as far as this "
    "search's results agree."
)
DATA_HELP = "sp500, nasdaq, files or folders, comma-separated."
HORIZON_HELP = "Days within which the price must rise."
LABEL_HELP = (
    "high: any High reaches it; close: the last Close; vol: the last Close, in volatilities."
)


@command
@click.option("--budget", default=None, help="2m, 20m, 200m or tiny; a module of search_spaces.")
@click.option("--space", "space_module", help="Module with a SPACE, instead of the budget's own.")
@click.option("--data", "bars", default="sp500", help=DATA_HELP)
@bars_options
@click.option("--tier", default="a100", type=TIERS, help="How many features.")
@click.option("--horizon", "horizon_days", default=1, type=COUNT, help=HORIZON_HELP)
@click.option("--label", default="high", type=LABELS, help=LABEL_HELP)
@click.option("--threshold", type=float, help="Rise to reach [0.01 x sqrt(horizon)].")
@click.option("--vol-multiple", type=float, help="For --label vol: volatilities to reach [1].")
@click.option("--trials", "n_trials", default=50, type=COUNT, help="In all, warm starts included.")
@click.option("--epochs", default=27, type=COUNT, help="Epochs of a trial that is never stopped.")
@click.option("--grace-period", default="auto", metavar="N|auto", help=GRACE_HELP)
@click.option("--audit-share", default=0.05, type=click.FloatRange(0), help=AUDIT_HELP)
@click.option("--reduction-factor", default=3.0, help="A rung passes one trial in this many.")
@click.option("--time-budget", "time_budget_s", help="End after this long, such as 30m or 8h.")
@click.option("--objective", default="auc", type=OBJECTIVES, help="What is optimised.")
@click.option("--searcher", default="optuna", type=choice(SearcherName), help="Who proposes.")
@click.option("--sampler", default="auto", type=choice(SamplerName), help=SAMPLER_HELP)
@click.option("--scheduler", default="asha", type=choice(SchedulerName), help="Who stops.")
@click.option("--ranges", is_flag=True, help="Search ranges instead of the training grids.")
@resource_options
@click.option("--seed", default=0, type=SEED, help="Of every draw.")
@click.option("--out", default="outputs", help="Output root.")
@click.option("--name", help="Of the study [hpo_BUDGET_hHORIZON].")
@click.option("--set", "pins", multiple=True, metavar="NAME=VALUE", help=SET_HELP)
@click.option("--reference", "references", multiple=True, help="Also run this reference first.")
@click.option("--warm-start", metavar="STUDY", help=WARM_START_HELP)
@click.option("--keep", default=10, type=COUNT, help="Trials whose best weights are kept.")
@click.option("--resume", is_flag=True, help="Go on with an existing study.")
@click.option("--overwrite", is_flag=True, help="Replace an existing study.")
@tracker_options
@run_options
def main(**given: Any) -> None:
    """Searches transformer configurations within a parameter budget."""
    from phase6c.terminal.waiting import waiting

    check_assumed(given)
    check_trackers(given)
    with waiting("reading bars and making their features", quiet=given["quiet"]):
        plan = make_plan(given)
    if given["dry_run"]:
        show_plan(plan, given)
        return
    study = search(plan, given)
    with handing_over(f"The study is whole, in {study.folder}."):
        show_result(study, as_json=given["as_json"])


def make_plan(given: dict[str, Any]) -> SearchPlan:
    """Checks every option, then the bars, before anything heavy is imported."""
    space = find_space(given["budget"], given["space_module"])
    data = {name: given[name] for name in DataConfig.model_fields if name in given}
    asked = {
        **given,
        "data": parse(DataConfig, data),
        "gpus": parse_count("--gpus", given["gpus"], least=0),
        "grace_period": parse_count("--grace-period", given["grace_period"], least=1) or "auto",
        "wait_s": parse_duration(given["wait_s"]),
        "time_budget_s": parse_duration(given["time_budget_s"]),
        "pins": parse_settings(given["pins"]),
    }
    check_names(asked["pins"], settable_fields(), "--set name")

    bars = read_bars(given["bars"], given, given["out"])

    from phase6c.study.study_folder import cache_path
    from phase6c.tune.search.options import SearchOptions
    from phase6c.tune.search.plan import plan_study

    options = {name: asked[name] for name in SearchOptions.model_fields if name in asked}
    cache = None if given["dry_run"] else cache_path(given["out"])
    return plan_study(space, bars, parse(SearchOptions, options), cache)


def show_plan(plan: SearchPlan, given: dict[str, Any]) -> None:
    """Prints the plan and its cost; a missing resource is named, not an error."""
    from rich.console import Console

    from phase6c.commands.tables.plan import (
        plan_document,
        plan_lines,
        rungs_table,
        shapes_table,
        windows_text,
    )
    from phase6c.terminal.tables import data_table
    from phase6c.tune.runtime.planned import planned_machines
    from phase6c.tune.search.estimate import estimate
    from phase6c.tune.search.remarks import remarks

    with planned_machines(plan, given["assume"]) as planned:
        estimated = estimate(plan, planned)
    if given["as_json"]:
        click.echo(json.dumps(plan_document(plan, planned, estimated), indent=1))
        return
    console = Console(highlight=False)
    data = data_table(plan.data.summary, plan.config.data)
    for table in (data, shapes_table(plan), rungs_table(plan)):
        console.print(table)
    for line in (
        windows_text(plan),
        *plan_lines(plan, planned, estimated),
        *map(translator(), remarks(plan)),
    ):
        console.print(line, markup=False, soft_wrap=True)


def search(plan: SearchPlan, given: dict[str, Any]) -> Study:
    """Runs the plan with a progress display.

    Raises:
        ResourceError: A large budget without a GPU, and nobody said --yes.
    """
    from phase6c.commands.tables.plan import windows_text
    from phase6c.terminal.tables import data_table
    from phase6c.tune.search.run import search_job

    check_gpu(plan, "A search", partial(_search_s, plan), given, "lower --trials or --epochs")
    opening = (data_table(plan.data.summary, plan.config.data), windows_text(plan))
    return run_on_terminal(search_job(plan), given, opening=opening)


def _search_s(plan: SearchPlan, planned: Planned) -> float | None:
    from phase6c.tune.search.estimate import estimate

    return estimate(plan, planned).search_s


def show_result(study: Study, *, as_json: bool) -> None:
    """Prints the closing table on stdout."""
    from rich.console import Console

    from phase6c.terminal.tables import closing_lines, closing_table, result_document

    if as_json:
        click.echo(json.dumps(result_document(study), indent=1))
        return
    console = Console(highlight=False)
    console.print(closing_table(study))
    for line in closing_lines(study):
        console.print(line, markup=False, soft_wrap=True)
