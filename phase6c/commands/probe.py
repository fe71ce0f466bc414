"""Trains matched contrasts: configurations, and the same with a field changed, on equal seeds."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phase6c.commands.bars import bars_options, changed_handling, read_bars
from phase6c.commands.options import (
    COUNT,
    LABELS,
    OBJECTIVES,
    SEED,
    TIERS,
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
from phase6c.commands.values import parse_count, parse_duration, parse_variations
from phase6c.config import DataConfig, parse
from phase6c.errors import ConfigError

if TYPE_CHECKING:
    from phase6c.analysis.probed import Probed
    from phase6c.tune.probe.plan import ProbePlan
    from phase6c.tune.runtime.planned import Planned

BASE_HELP = "What to vary: best, top:K, trial:N or reference:NAME, such as reference:january_best."
VARY_HELP = (
    "A field and its values, one field at a time; again for another field. Without it the base is "
    "repeated alone, which tells how much of a lead is luck."
)
RESOURCES = ("gpus_per_trial", "cpus", "address", "wait_for", "mlflow", "wandb")
# Options of a study that a probe makes for itself, beside the fields of its DataConfig.
OWN_STUDY = ("bars", "epochs", "objective", "seed", "out", "name")


@command
@click.argument("study", type=click.Path(path_type=Path), required=False)
@click.option("--base", required=True, help=BASE_HELP)
@click.option("--vary", multiple=True, metavar="NAME=V1,V2", help=VARY_HELP)
@click.option("--seeds", default=3, type=click.IntRange(min=2), help="Of each configuration.")
@click.option("--data", "bars", help="Without STUDY: sp500, nasdaq, files or folders [sp500].")
@bars_options
@click.option("--tier", type=TIERS, help="Without STUDY: how many features [a100].")
@click.option(
    "--horizon", "horizon_days", type=COUNT, help="Without STUDY: days within which to rise [1]."
)
@click.option("--label", type=LABELS, help="Without STUDY: what rises [high].")
@click.option("--threshold", type=float, help="Without STUDY: rise to reach.")
@click.option("--vol-multiple", type=float, help="Without STUDY: volatilities to reach, for vol.")
@click.option("--epochs", type=COUNT, help="Without STUDY: epochs of each training [27].")
@click.option("--objective", type=OBJECTIVES, help="Without STUDY: what is measured [auc].")
@click.option("--seed", type=SEED, help="Without STUDY: of every draw [0].")
@click.option("--out", help="Without STUDY: output root [outputs].")
@click.option("--name", help="Without STUDY: of the study [probe_REFERENCE_hHORIZON].")
@resource_options
@tracker_options
@run_options
def main(**given: Any) -> None:
    """Trains the configurations of --base in STUDY again, and each with one field changed.

    All epochs, no early stopping, the same seeds for all; what the study has already is not
    trained again, and the same command goes on where it was interrupted. Without STUDY, a
    reference is probed in a study of its own.
    """
    from phase6c.terminal.waiting import waiting

    check_assumed(given)
    check_trackers(given)
    with waiting("reading studies and bars", quiet=given["quiet"]):
        plan = make_plan(given)
    if given["dry_run"]:
        show_plan(plan, given)
        return
    probed = train(plan, given)
    with handing_over(f"All is in {probed.study.folder}."):
        show_result(probed, as_json=given["as_json"])


def make_plan(given: dict[str, Any]) -> ProbePlan:
    """Checks every option, then the bars, before anything is started."""
    vary = parse_variations(given["vary"])
    gpus = parse_count("--gpus", given["gpus"], least=0)
    options: dict[str, Any] = {"gpus": gpus, "wait_s": parse_duration(given["wait_s"])}
    options |= {name: given[name] for name in RESOURCES}
    data_fields = [name for name in DataConfig.model_fields if name in given]
    own = {name: given[name] for name in (*OWN_STUDY, *data_fields) if given[name] is not None}
    handling = changed_handling(given)
    source = given["study"]
    if source is None:
        source = read_bars(own.pop("bars", "sp500"), given, own.get("out", "outputs"))
        data = {name: own.pop(name) for name in data_fields if name in own}
        options |= {**own, "data": parse(DataConfig, data)}
    elif own := own | handling:
        raise ConfigError(
            "A probe takes data, epochs and seed from STUDY",
            ", ".join(f"`{name}` {value}" for name, value in own.items()),
            "Leave these out, or leave STUDY out to probe a reference.",
        )

    from phase6c.tune.probe.run import plan_probe

    kept = not given["dry_run"]
    return plan_probe(
        source, given["base"], vary, seeds=given["seeds"], keeps_cache=kept, **options
    )


def show_plan(plan: ProbePlan, given: dict[str, Any]) -> None:
    """Prints the planned trainings and their cost; a missing resource is named, not an error."""
    from phase6c.commands.tables.probe import plan_document, plan_lines
    from phase6c.tune.probe.estimate import estimate_probe
    from phase6c.tune.probe.run import known_trials
    from phase6c.tune.runtime.planned import planned_machines

    with planned_machines(plan.study, given["assume"]) as planned:
        estimated = estimate_probe(plan, known_trials(plan.study.folder), planned)
    if given["as_json"]:
        click.echo(json.dumps(plan_document(plan, planned, estimated), indent=1))
        return
    for line in plan_lines(plan, planned, estimated):
        click.echo(line)


def train(plan: ProbePlan, given: dict[str, Any]) -> Probed:
    """Runs the plan with a progress display.

    Raises:
        ResourceError: A large budget without a GPU, and nobody said --yes.
    """
    from phase6c.tune.probe.run import ProbeJob

    check_gpu(plan.study, "A probe", partial(_probe_s, plan), given)
    return run_on_terminal(ProbeJob(plan), given, resume=False)


def _probe_s(plan: ProbePlan, planned: Planned) -> float | None:
    from phase6c.tune.probe.estimate import estimate_probe
    from phase6c.tune.probe.run import known_trials

    return estimate_probe(plan, known_trials(plan.study.folder), planned).probe_s


def show_result(probed: Probed, *, as_json: bool) -> None:
    """Prints the paired differences on stdout."""
    from rich.console import Console

    from phase6c.commands.tables.probe import (
        repeats_table,
        result_document,
        result_lines,
        result_table,
    )

    if as_json:
        click.echo(json.dumps(result_document(probed), indent=1))
        return
    console = Console(highlight=False)
    console.print(result_table(probed) if probed.contrasts else repeats_table(probed))
    for line in result_lines(probed):
        console.print(line, markup=False, soft_wrap=True)
