"""Trains matched contrasts: configurations and the same with one field changed, on equal seeds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

# A trial trains on one thread, and so does what is measured for it; numpy reads this at import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import click
    from _app import (
        TIERS,
        exits_with_code,
        leave_at_once,
        parse_setting,
    )
    from _running import (
        check_gpu,
        handing_over,
        on_terminal,
        resources_for_a_dry_run,
        run_options,
    )

    from phase6c.config import DataConfig, parse
    from phase6c.errors import ConfigError
except ImportError as missing:
    sys.exit(
        f"phase6c is not installed here ({missing}); run 'make demo', or use .venv/bin/python."
    )

if TYPE_CHECKING:
    from _last_words import LastWords
    from rich.console import Console

    from phase6c.tune.probe.plan import ProbePlan
    from phase6c.tune.probe.run import Probed
    from phase6c.tune.runtime.resources import Resources

BASE_HELP = "What to vary: best, top:K, trial:N or reference:NAME, such as reference:january_best."
VARY_HELP = (
    "A field and its values, one field at a time; again for another field. Without it the base is "
    "repeated alone, which tells how much of a lead is luck."
)
COUNT = click.IntRange(min=1)
OPTIONS = ("gpus", "gpus_per_trial", "cpus", "address")
# Those of a study that a probe makes for itself; the latter with their fields of DataConfig.
STUDY_OPTIONS = ("data", "epochs", "objective", "seed", "out", "name")
DATA_OPTIONS = {
    "tier": "tier",
    "horizon": "horizon_days",
    "label": "label",
    "threshold": "threshold",
    "vol_multiple": "vol_multiple",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("study", type=click.Path(path_type=Path), required=False)
@click.option("--base", required=True, help=BASE_HELP)
@click.option("--vary", "variations", multiple=True, metavar="NAME=V1,V2", help=VARY_HELP)
@click.option("--seeds", default=3, type=click.IntRange(min=2), help="Of each configuration.")
@click.option("--data", help="Without STUDY: sp500, nasdaq, files or folders [sp500].")
@click.option("--tier", type=TIERS, help="Without STUDY: how many features [a100].")
@click.option("--horizon", type=COUNT, help="Without STUDY: days within which to rise [1].")
@click.option(
    "--label", type=click.Choice(["high", "close", "vol"]), help="Without STUDY: what rises [high]."
)
@click.option("--threshold", type=float, help="Without STUDY: rise to reach.")
@click.option("--vol-multiple", type=float, help="Without STUDY: volatilities to reach, for vol.")
@click.option("--epochs", type=COUNT, help="Without STUDY: epochs of each training [27].")
@click.option(
    "--objective",
    type=click.Choice(["auc", "log_loss", "refinement"]),
    help="Without STUDY: what is measured [auc].",
)
@click.option("--seed", type=click.IntRange(min=0), help="Without STUDY: of every draw [0].")
@click.option("--out", help="Without STUDY: output root [outputs].")
@click.option("--name", help="Without STUDY: of the study [probe_REFERENCE_hHORIZON].")
@run_options
@exits_with_code
def main(**given: Any) -> None:
    """Trains the configurations of --base in STUDY again, and each with one field changed.

    All epochs, no early stopping, the same seeds for all; what the study has already is not
    trained again, and the same command goes on where it was interrupted. Without STUDY, a
    reference is probed in a study of its own.
    """
    plan = make_plan(given)
    if given["dry_run"]:
        show_plan(plan, as_json=given["as_json"])
        return
    probed = train(plan, given)
    with handing_over(f"All is in {probed.study.folder}."):
        show_result(probed, as_json=given["as_json"])


def make_plan(given: dict[str, Any]) -> ProbePlan:
    """Checks every option, then the bars, before anything is started."""
    vary = parse_variations(given["variations"])
    options = {name: given[name] for name in OPTIONS if given[name] is not None}
    own = {name: given[name] for name in (*STUDY_OPTIONS, *DATA_OPTIONS) if given[name] is not None}
    source = given["study"]
    if source is None:
        from phase6c.data.bars import load_bars

        source = load_bars(own.pop("data", "sp500"))
        data = {field: own.pop(name) for name, field in DATA_OPTIONS.items() if name in own}
        options |= {**own, "data": parse(DataConfig, data)}
    elif own:
        raise ConfigError(
            "A probe takes data, epochs and seed from STUDY",
            ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in own.items()),
            "Leave these out, or leave STUDY out to probe a reference.",
        )

    from phase6c.tune.probe.run import plan_probe

    kept = not given["dry_run"]
    return plan_probe(
        source, given["base"], vary, seeds=given["seeds"], keeps_cache=kept, **options
    )


def parse_variations(texts: Sequence[str]) -> dict[str, list[Any]]:
    """NAME=V1,V2 of --vary: the values of each name, each read as that of --set."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if not values:
            raise ConfigError("--vary takes NAME=V1,V2", text, "Use --vary n_heads=2,4.")
        if name in found:
            raise ConfigError("--vary takes each name once", name, f"Use {name}=V1,V2.")
        found[name] = [parse_setting(f"{name}={value}")[1] for value in values.split(",")]
    return found


def show_plan(plan: ProbePlan, *, as_json: bool) -> None:
    """Prints what would be trained, and its cost; what is missing is named, not an error."""
    from _contrasts import plan_document, plan_lines

    from phase6c.tune.probe.estimate import estimate_probe
    from phase6c.tune.probe.run import known_trials

    resources, missing = resources_for_a_dry_run(plan.study)
    estimated = estimate_probe(plan, known_trials(plan.study.folder), resources)
    if as_json:
        click.echo(json.dumps(plan_document(plan, resources, estimated, missing), indent=1))
        return
    for line in plan_lines(plan, resources, estimated, missing):
        click.echo(line)


def train(plan: ProbePlan, given: dict[str, Any]) -> Probed:
    """Runs the plan with a progress display; Ray's own output goes to run.log.

    Raises:
        ResourceError: A large budget without a GPU, and nobody said --yes.
    """
    if given["address"] is None:
        needed_s = partial(_probe_s, plan)
        check_gpu(plan.study, "A probe", needed_s, "ask for less", yes=given["yes"])
    debug, quiet = given["debug"], given["quiet"]
    terminal = on_terminal(plan.study.folder, debug=debug, quiet=quiet, resume=False)
    with terminal as (console, words):
        return _run(plan, console, words, quiet=given["quiet"])


def _run(plan: ProbePlan, console: Console, words: LastWords, *, quiet: bool) -> Probed:
    from _progress import Goal, Progress, display

    from phase6c.tune.probe.run import known_trials, probe

    leave = partial(leave_at_once, console, words, resume=False)
    if quiet:
        return probe(plan, leave=leave)
    before = known_trials(plan.study.folder)
    ended = {number for number, trial in before.items() if trial.finished}
    goal = Goal(
        len(plan.missing(before)),
        lambda trial: trial.source == "probe" and trial.number not in ended,
    )
    with display(console) as live:
        shown = [lambda *found: Progress(console, live, *found, goal)]
        return probe(plan, shown, leave=leave)


def _probe_s(plan: ProbePlan, resources: Resources) -> float:
    from phase6c.tune.probe.estimate import estimate_probe
    from phase6c.tune.probe.run import known_trials

    return estimate_probe(plan, known_trials(plan.study.folder), resources).probe_s


def show_result(probed: Probed, *, as_json: bool) -> None:
    """Prints the paired differences on stdout."""
    from _contrasts import repeats_table, result_document, result_lines, result_table
    from rich.console import Console

    if as_json:
        click.echo(json.dumps(result_document(probed), indent=1))
        return
    console = Console(highlight=False)
    console.print(result_table(probed) if probed.contrasts else repeats_table(probed))
    for line in result_lines(probed):
        console.print(line, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
