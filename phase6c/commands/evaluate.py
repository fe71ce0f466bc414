"""Trains the best of searches anew, walk forward, chooses one, calibrates and judges it."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

# A training runs on one thread, and so does what is measured for it; numpy reads this at import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import click
    from _app import duration_text, exits_with_code, leave_at_once
    from _running import (
        check_gpu,
        handing_over,
        on_terminal,
        resources_for_a_dry_run,
        run_options,
    )

    from phase6c.config import parse
except ImportError as missing:
    sys.exit(
        f"phase6c is not installed here ({missing}); run 'make demo', or use .venv/bin/python."
    )

if TYPE_CHECKING:
    from _last_words import LastWords
    from rich.console import Console

    from phase6c.tune.evaluation.plan import EvaluationPlan
    from phase6c.tune.evaluation.run import Evaluated
    from phase6c.tune.runtime.resources import Resources

COUNT = click.IntRange(min=1)
CALIBRATIONS = click.Choice(["auto", "none", "intercept", "temperature", "platt", "isotonic"])
OPTIONS = (
    *("top", "seeds", "folds", "calibration", "name", "out", "resume"),
    *("gpus", "gpus_per_trial", "cpus", "address"),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("studies", nargs=-1, required=True, metavar="STUDY [STUDY ...]")
@click.option("--top", default=3, type=COUNT, help="Best trials of each study.")
@click.option("--seeds", default=5, type=COUNT, help="At most, of each configuration and step.")
@click.option("--folds", default=5, type=click.IntRange(min=5), help="Of the walk forward.")
@click.option("--calibration", default="auto", type=CALIBRATIONS, help="Calibrator; auto: cal's.")
@click.option("--name", default="best", help="Of the model: {out}/models/{name}.")
@click.option("--out", default="outputs", help="Output root.")
@click.option("--resume", is_flag=True, help="Go on with an evaluation that is there.")
@run_options
@exits_with_code
def main(**given: Any) -> None:
    """Evaluates the best trials of each STUDY, and the references that it has tried.

    Trains them anew under several seeds, walk forward; those that cannot win any more get no more
    seeds. The cal block chooses model and calibrator; then the test block is opened, once, which
    is written into {out}/test_openings.jsonl. {out}/models/{name} holds the model and its card.
    """
    from phase6c.tune.evaluation.options import EvaluationOptions
    from phase6c.tune.evaluation.plan import plan_evaluation

    options = parse(EvaluationOptions, {name: given[name] for name in OPTIONS})
    plan = plan_evaluation(given["studies"], options, keeps_cache=not given["dry_run"])
    if given["dry_run"]:
        show_plan(plan, as_json=given["as_json"])
        return
    evaluated = train(plan, given)
    with handing_over(f"All is in {evaluated.folder}."):
        show_result(evaluated, as_json=given["as_json"])


def show_plan(plan: EvaluationPlan, *, as_json: bool) -> None:
    """Prints what would be trained, and its cost; what is missing is named, not an error."""
    from _tables import resources_text

    from phase6c.tune.evaluation.estimate import estimate_evaluation

    resources, missing = resources_for_a_dry_run(plan.study)
    estimated = estimate_evaluation(plan, resources)
    opened = plan.opened_before()
    if as_json:
        document = {
            "schema": "phase6c.evaluation_plan/1",
            "folder": str(plan.folder),
            **plan.config.model_dump(mode="json"),
            "seeds": plan.seeds,
            "steps": [*plan.walk.steps],
            "resources": resources.model_dump(),
            "estimate": estimated.model_dump(),
            "missing": missing,
            "opened_before": opened,
        }
        click.echo(json.dumps(document, indent=1))
        return
    for one in plan.contenders:
        role = "" if one.may_win else ", compared only"
        click.echo(f"contender  {one.name}: {one.n_params:,} parameters{role}")
    for name, step in plan.walk.steps.items():
        fold = step.fold
        dates = f"{fold.out.first} to {fold.out.last}, trained through {fold.train.last}"
        click.echo(f"{name:<10} {dates}")
    click.echo(f"model      {plan.folder}")
    click.echo(f"opened     {opened or 'never: the test block is untouched'}")
    click.echo(f"training   at most {estimated.n_fits_at_most} runs on {len(plan.seeds)} seeds")
    click.echo(f"resources  {resources_text(resources)}")
    click.echo(
        f"time       about {duration_text(estimated.evaluation_s)} of training if no contender "
        "drops out"
    )
    click.echo(f"disk       about {estimated.disk_gib:.2f} GiB at most")
    if missing:
        click.echo(f"missing    {missing}")


def train(plan: EvaluationPlan, given: dict[str, Any]) -> Evaluated:
    """Runs the plan with a progress display; Ray's own output goes to run.log.

    Raises:
        ResourceError: A large budget without a GPU, and nobody said --yes.
    """
    if given["address"] is None:
        needed_s = partial(_evaluation_s, plan)
        check_gpu(plan.study, "An evaluation", needed_s, "ask for less", yes=given["yes"])
    debug, quiet = given["debug"], given["quiet"]
    with on_terminal(plan.study.folder, debug=debug, quiet=quiet) as (console, words):
        return _run(plan, console, words, quiet=quiet)


def _run(plan: EvaluationPlan, console: Console, words: LastWords, *, quiet: bool) -> Evaluated:
    from _progress import Goal, Progress, display

    from phase6c.tune.evaluation.run import evaluate

    leave = partial(leave_at_once, console, words)
    if quiet:
        return evaluate(plan, leave=leave)
    goal = Goal(plan.n_fits_at_most, lambda trial: True)
    with display(console) as live:
        shown = [lambda *found: Progress(console, live, *found, goal)]
        return evaluate(plan, shown, leave=leave)


def _evaluation_s(plan: EvaluationPlan, resources: Resources) -> float:
    from phase6c.tune.evaluation.estimate import estimate_evaluation

    return estimate_evaluation(plan, resources).evaluation_s


def show_result(evaluated: Evaluated, *, as_json: bool) -> None:
    """Prints the card's sentences and its table of the test block on stdout."""
    if as_json:
        click.echo(json.dumps(evaluated.card, indent=1))
        return
    from _cards import card_table
    from rich.console import Console

    console = Console(highlight=False)
    sections = evaluated.card["sections"]
    for name in ("test", "walk_forward"):
        console.print(card_table(sections[name]["tables"][name], name.replace("_", " ")))
    for section in sections.values():
        for line in section["says"]:
            console.print(f"- {line}", markup=False, soft_wrap=True)
    click.echo(f"\nModel and card are in {evaluated.folder}")


if __name__ == "__main__":
    main()
