"""Trains the best of searches anew, walk forward; chooses, calibrates and judges a model."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from phase6c.commands.options import (
    COUNT,
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
from phase6c.commands.values import parse_count, parse_duration
from phase6c.config import parse
from phase6c.statistics.calibrators import CalibrationKind

if TYPE_CHECKING:
    from phase6c.evaluation.evaluated import Evaluated
    from phase6c.tune.evaluation.plan import EvaluationPlan
    from phase6c.tune.runtime.planned import Planned

CALIBRATIONS = choice(CalibrationKind)


@command
@click.argument("studies", nargs=-1, required=True, metavar="STUDY [STUDY ...]")
@click.option("--top", default=3, type=COUNT, help="Best trials of each study.")
@click.option("--seeds", default=5, type=COUNT, help="At most, of each configuration and step.")
@click.option("--folds", default=5, type=click.IntRange(min=5), help="Of the walk forward.")
@click.option("--calibration", default="auto", type=CALIBRATIONS, help="Calibrator; auto: cal's.")
@click.option("--name", default="best", help="Of the model: {out}/models/{name}.")
@click.option("--out", default="outputs", help="Output root.")
@click.option("--resume", is_flag=True, help="Go on with an evaluation that is there.")
@resource_options
@tracker_options
@run_options
def main(**given: Any) -> None:
    """Evaluates the best trials of each STUDY, and the references that it has tried.

    Trains them anew under several seeds, walk forward; those that cannot win any more get no more
    seeds. The cal block chooses model and calibrator; then the test block is opened, once, which
    is written into {out}/test_openings.jsonl. {out}/models/{name} holds the model and its card.
    """
    from phase6c.terminal.waiting import waiting

    check_assumed(given)
    check_trackers(given)
    with waiting("reading studies and bars", quiet=given["quiet"]):
        plan = make_plan(given)
    if given["dry_run"]:
        show_plan(plan, given)
        return
    evaluated = train(plan, given)
    with handing_over(f"All is in {evaluated.folder}."):
        show_result(evaluated, as_json=given["as_json"])


def make_plan(given: dict[str, Any]) -> EvaluationPlan:
    """Checks every option and the studies, before anything is started."""
    from phase6c.tune.evaluation.options import EvaluationOptions
    from phase6c.tune.evaluation.plan import plan_evaluation

    asked = {
        **given,
        "gpus": parse_count("--gpus", given["gpus"], least=0),
        "wait_s": parse_duration(given["wait_s"]),
    }
    options = {name: asked[name] for name in EvaluationOptions.model_fields if name in asked}
    parsed = parse(EvaluationOptions, options)
    return plan_evaluation(given["studies"], parsed, keeps_cache=not given["dry_run"])


def show_plan(plan: EvaluationPlan, given: dict[str, Any]) -> None:
    """Prints the planned trainings and their cost; a missing resource is named, not an error."""
    from phase6c.commands.tables.evaluation import plan_document, plan_lines
    from phase6c.tune.evaluation.estimate import estimate_evaluation
    from phase6c.tune.runtime.planned import planned_machines

    with planned_machines(plan.study, given["assume"]) as planned:
        estimated = estimate_evaluation(plan, planned)
    if given["as_json"]:
        click.echo(json.dumps(plan_document(plan, planned, estimated), indent=1))
        return
    for line in plan_lines(plan, planned, estimated):
        click.echo(line)


def train(plan: EvaluationPlan, given: dict[str, Any]) -> Evaluated:
    """Runs the plan with a progress display.

    Raises:
        ResourceError: A large budget without a GPU, and nobody said --yes.
    """
    from phase6c.tune.evaluation.run import EvaluationJob

    check_gpu(plan.study, "An evaluation", partial(_evaluation_s, plan), given)
    return run_on_terminal(EvaluationJob(plan), given)


def _evaluation_s(plan: EvaluationPlan, planned: Planned) -> float | None:
    from phase6c.tune.evaluation.estimate import estimate_evaluation

    return estimate_evaluation(plan, planned).evaluation_s


def show_result(evaluated: Evaluated, *, as_json: bool) -> None:
    """Prints the card's tables and sentences on stdout; what they come to is said at the end."""
    if as_json:
        click.echo(json.dumps(evaluated.card, indent=1))
        return
    from rich.console import Console

    from phase6c.terminal.tables import card_table
    from phase6c.wording import words

    console = Console(highlight=False)
    sections = evaluated.card["sections"]
    for name in ("test", "walk_forward"):
        console.print(card_table(sections[name]["tables"][name], words(name)))
    # Cards of earlier versions do not ask them.
    questions = evaluated.card.get("questions", {}).values()
    verdicts = [*(question["sentence"] for question in questions), evaluated.card["sentence"]]
    for section in sections.values():
        for line in section["says"]:
            if line not in verdicts:
                console.print(f"- {line}", markup=False, soft_wrap=True)
    console.print()
    for line in verdicts:
        console.print(line, markup=False, soft_wrap=True)
    click.echo(f"\nModel and card are in {evaluated.folder}")
