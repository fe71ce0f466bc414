"""Searches transformer configurations within a parameter budget."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

# A trial trains on one thread, and so does what is measured for it; numpy reads this at import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import click
    from _app import (
        TIERS,
        exits_with_code,
        leave_at_once,
        parse_duration,
        parse_settings,
    )
    from _running import check_gpu, handing_over, on_terminal, resources_for_a_dry_run
    from _spaces import find_space

    from phase6c.config import DataConfig, check_names, parse, settable_fields
    from phase6c.errors import ConfigError
except ImportError as missing:
    sys.exit(
        f"phase6c is not installed here ({missing}); run 'make demo', or use .venv/bin/python."
    )

if TYPE_CHECKING:
    from _last_words import LastWords
    from rich.console import Console

    from phase6c.study.study import Study
    from phase6c.tune.runtime.resources import Resources
    from phase6c.tune.search.plan import StudyPlan

SET_HELP = (
    "Pin a field of the configuration: an axis of the space, such as dropout, or batch_size, "
    "patience_epochs, scaling, train_fraction, val_fraction, cal_fraction ..."
)
GRACE_HELP = (
    "Epochs every trial gets; auto: a share 1 / reduction-factor^2 of all, and fewer where the "
    "search's own early epochs rank trials well."
)
AUDIT_HELP = "Of the trials a rung would stop, how many are finished to show what rungs cost."
WARM_START_HELP = (
    "Take over from an earlier study: its folder, or a JSON file of trials. Its best run first, up "
    "to three while they lead; the rest guides proposals as far as this search's results agree."
)
COUNT = click.IntRange(min=1)
OBJECTIVES = click.Choice(["auc", "log_loss", "refinement"])
SEARCHERS = click.Choice(["optuna", "hyperopt", "random"])
SCHEDULERS = click.Choice(["asha", "none"])


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--budget", default=None, help="2m, 20m, 200m or tiny; a module of search_spaces.")
@click.option("--space", "space_module", help="Module with a SPACE, instead of the budget's own.")
@click.option("--data", default="sp500", help="sp500, nasdaq, files or folders, comma-separated.")
@click.option("--tier", default="a100", type=TIERS, help="How many features.")
@click.option("--horizon", default=1, type=COUNT, help="Days within which the price must rise.")
@click.option(
    "--label",
    default="high",
    type=click.Choice(["high", "close", "vol"]),
    help="high: any High reaches it; close: the last Close; vol: the last Close, in volatilities.",
)
@click.option("--threshold", type=float, help="Rise to reach [0.01 x sqrt(horizon)].")
@click.option("--vol-multiple", type=float, help="For --label vol: volatilities to reach [1].")
@click.option("--trials", default=50, type=COUNT, help="In all, warm starts included.")
@click.option("--epochs", default=27, type=COUNT, help="Epochs of a trial that is never stopped.")
@click.option("--grace-period", default="auto", metavar="N|auto", help=GRACE_HELP)
@click.option("--audit-share", default=0.05, type=click.FloatRange(0, 1), help=AUDIT_HELP)
@click.option("--reduction-factor", default=3.0, help="A rung passes one trial in this many.")
@click.option("--time-budget", help="End after this long, such as 30m or 8h.")
@click.option("--objective", default="auc", type=OBJECTIVES, help="What is optimised.")
@click.option("--searcher", default="optuna", type=SEARCHERS, help="Who proposes.")
@click.option("--scheduler", default="asha", type=SCHEDULERS, help="Who stops.")
@click.option("--ranges", is_flag=True, help="Search ranges instead of the training grids.")
@click.option("--gpus", default="auto", help="How many GPUs, or auto.")
@click.option("--gpus-per-trial", type=float, help="Share of a GPU [from the budget].")
@click.option("--cpus", type=COUNT, help="How many CPUs [all].")
@click.option("--address", help="Running Ray cluster: auto or HOST:PORT [one of our own].")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Of every draw.")
@click.option("--out", default="outputs", help="Output root.")
@click.option("--name", help="Of the study [hpo_BUDGET_hHORIZON].")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help=SET_HELP)
@click.option("--reference", "references", multiple=True, help="Also run this reference first.")
@click.option("--warm-start", metavar="STUDY", help=WARM_START_HELP)
@click.option("--keep", default=10, type=COUNT, help="Trials whose best weights are kept.")
@click.option("--resume", is_flag=True, help="Go on with an existing study.")
@click.option("--overwrite", is_flag=True, help="Replace an existing study.")
@click.option("--yes", is_flag=True, help="Search a large budget without a GPU all the same.")
@click.option("--dry-run", is_flag=True, help="Show the plan and its cost; start nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="Only warnings, errors and the result.")
@click.option("--debug", is_flag=True, help="Ray's messages and stack traces on the terminal.")
@exits_with_code
def main(**given: Any) -> None:
    """Searches transformer configurations within a parameter budget."""
    plan = make_plan(given)
    if given["dry_run"]:
        show_plan(plan, as_json=given["as_json"])
        return
    study = search(plan, given)
    with handing_over(f"The study is whole, in {study.folder}."):
        show_result(study, as_json=given["as_json"])


def make_plan(given: dict[str, Any]) -> StudyPlan:
    """Checks every option, then the bars, before anything heavy is imported."""
    space = find_space(given["budget"], given["space_module"])
    data_config = parse(
        DataConfig,
        {
            "tier": given["tier"],
            "horizon_days": given["horizon"],
            "label": given["label"],
            "threshold": given["threshold"],
            "vol_multiple": given["vol_multiple"],
        },
    )
    gpus = _parse_count("--gpus", given["gpus"], least=0)
    grace_period = _parse_count("--grace-period", given["grace_period"], least=1)
    pins = parse_settings(given["settings"])
    check_names(pins, settable_fields(), "--set name")

    from phase6c.data.bars import load_bars

    bars = load_bars(given["data"])

    from phase6c.study.study_folder import cache_path
    from phase6c.tune.search.options import SearchOptions
    from phase6c.tune.search.plan import plan_study

    same = {name: given[name] for name in SearchOptions.model_fields if name in given}
    options = parse(
        SearchOptions,
        {
            **same,
            "data": data_config,
            "n_trials": given["trials"],
            "time_budget_s": parse_duration(given["time_budget"]),
            "pins": pins,
            "gpus": gpus,
            "grace_period": grace_period or "auto",
        },
    )
    cache = None if given["dry_run"] else cache_path(given["out"])
    return plan_study(space, bars, options, cache)


def _parse_count(option: str, text: str, least: int) -> int | None:
    """A whole number; None for auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < least:
        rule = f"{option} must be a whole number from {least} on, or auto"
        raise ConfigError(rule, text, f"Use {option} auto.")
    return int(text)


def show_plan(plan: StudyPlan, *, as_json: bool) -> None:
    """Prints the plan and its cost; what is missing is named, not an error."""
    from _tables import (
        data_table,
        plan_document,
        plan_lines,
        rungs_table,
        shapes_table,
        windows_text,
    )
    from rich.console import Console

    from phase6c.tune.search.estimate import estimate
    from phase6c.tune.search.remarks import remarks

    resources, missing = resources_for_a_dry_run(plan)
    estimated = estimate(plan, resources)
    if as_json:
        click.echo(json.dumps(plan_document(plan, resources, estimated, missing), indent=1))
        return
    console = Console(highlight=False)
    for table in (data_table(plan), shapes_table(plan), rungs_table(plan)):
        console.print(table)
    for line in (
        windows_text(plan),
        *plan_lines(plan, resources, estimated, missing),
        *remarks(plan),
    ):
        console.print(line, markup=False, soft_wrap=True)


def search(plan: StudyPlan, given: dict[str, Any]) -> Study:
    """Runs the plan with a progress display; Ray's own output goes to run.log.

    Raises:
        ResourceError: A large budget without a GPU, and nobody said --yes.
    """
    if given["address"] is None:
        remedy = "lower --trials or --epochs"
        check_gpu(plan, "A search", partial(_search_s, plan), remedy, yes=given["yes"])
    debug, quiet = given["debug"], given["quiet"]
    with on_terminal(plan.folder, debug=debug, quiet=quiet) as (console, words):
        return _run(plan, console, words, quiet=given["quiet"])


def _run(plan: StudyPlan, console: Console, words: LastWords, *, quiet: bool) -> Study:
    from _progress import Progress, display
    from _tables import data_table, windows_text

    from phase6c.tune.search.run import run

    leave = partial(leave_at_once, console, words)
    if quiet:
        return run(plan, leave=leave)
    console.print(data_table(plan))
    console.print(windows_text(plan), markup=False)
    with display(console) as live:
        shown = [lambda *found: Progress(console, live, *found)]
        return run(plan, shown, leave=leave)


def _search_s(plan: StudyPlan, resources: Resources) -> float:
    from phase6c.tune.search.estimate import estimate

    return estimate(plan, resources).search_s


def show_result(study: Study, *, as_json: bool) -> None:
    """Prints the closing table on stdout."""
    from _tables import closing_lines, closing_table, result_document
    from rich.console import Console

    if as_json:
        click.echo(json.dumps(result_document(study), indent=1))
        return
    console = Console(highlight=False)
    console.print(closing_table(study))
    for line in closing_lines(study):
        console.print(line, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
