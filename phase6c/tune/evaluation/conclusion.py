"""The end of an evaluation: the model is written, the test block opened, the evidence gathered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from phase6c.data.bars import Bars, ticker_frames
from phase6c.data.history import History
from phase6c.data.panel import feature_code_digest
from phase6c.data.splits import TEST
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData
from phase6c.errors import StorageError, StudyFailedError
from phase6c.evaluation.baselines.choosing_days import choice_in_words
from phase6c.evaluation.baselines.fitting import OWN_SHORTCUT, SimpleFit, simple_logits
from phase6c.evaluation.blends import Partner, Rivals, find_rivals, simple_blends
from phase6c.evaluation.choice import ModelChoice, form_logits
from phase6c.evaluation.entries import Entry
from phase6c.evaluation.evidence import Evidence, Period
from phase6c.evaluation.fits import read_refit
from phase6c.evaluation.openings import Opening, now, open_test
from phase6c.evaluation.outcomes import Truth
from phase6c.nn.model_folder import ModelInfo, StoredBlend, StoredScaler, write_model
from phase6c.nn.saved_model import Model, Predictions, bar_days, load_model
from phase6c.statistics.logits import halved
from phase6c.statistics.seeds import MIN_SEEDS, without_each
from phase6c.study.evaluation_config import Contender
from phase6c.study.trial_folder import FITTED_FILE, SHORTCUT, trial_folder
from phase6c.tune.evaluation.plan import EvaluationPlan, Fit
from phase6c.tune.evaluation.simple_steps import SimplePast, truth_in
from phase6c.tune.evaluation.stages import Stages
from phase6c.tune.evaluation.wider_tiers import left_out_in_words, logits_of
from phase6c.version import code_version
from phase6c.wording import words

logger = logging.getLogger(__name__)


def conclude(stages: Stages, check: Callable[[], None]) -> Evidence:
    """Writes the model, opens the test block once, and gathers what is known of both.

    Args:
        stages: The trainings, which have all ended, and the choice that they led to.
        check: Called as long as the test block is closed; ends the evaluation where a signal has
            come.

    Raises:
        StudyFailedError: A training of the final model failed.
        StorageError: A file cannot be read or written.
    """
    plan, choice = stages.plan, stages.choice
    assert choice is not None
    assert stages.simple is not None
    simple, final = stages.simple.past, stages.simple.final
    past, partner = simple.truth, stages.partner
    rivals = _rivals(stages, choice, simple)
    alone = _entry(stages, choice, stages.chosen, past)
    blend = _blend(alone, choice, partner)
    check()
    blended_with = partner.name if choice.blended else None
    model = _write_model(stages, blend if choice.blended else alone, blended_with, final.fits)
    predicted = model.predictions(_known_bars(plan, model))
    check()
    # From here on the test block is open, and nothing may be chosen any more.
    opening, before = _open_test(plan, choice, blended_with)
    tickers = [str(ticker) for ticker in np.unique(predicted.tickers)]
    data = _test_data(plan.history, tickers, plan.walk)
    truth = truth_in(data, TEST)
    predicted = _on_rows(predicted, truth)
    wider = {
        name: _test_data(tier.history, tickers, plan.walk) for name, tier in plan.wider.items()
    }
    tests = simple_logits(final.fits, data)
    tests |= {name: logits_of(fit, wider[name], data) for name, fit in final.wider.items()}
    test = form_logits(predicted.logits, choice.form)
    rest = without_each(predicted.logits) if alone.without_a_seed else ()
    # What is handed over is judged as it is handed over: by the model that was stored.
    other = tests[partner.name] if predicted.partner is None else predicted.partner
    if predicted.shortcut is not None:
        tests[OWN_SHORTCUT] = form_logits(predicted.shortcut, choice.form)
    blend, best = _with_half(blend, test, rest, other), stages.best_partner
    added = blend
    if best.name != partner.name:
        added = _with_half(_blend(alone, choice, best), test, rest, tests[best.name])
    tests |= simple_blends(tests)
    return Evidence(
        name=plan.study.config.name,
        data=plan.study.config.data,
        facts=_facts(plan),
        periods=_periods(plan, past),
        contenders=plan.contenders,
        dropped={name: (drop.after_seeds, drop.why) for name, drop in stages.dropped.items()},
        choice=choice,
        alone=alone.with_test(test, rest),
        blend=blend,
        partner=partner.name,
        added=added,
        best_partner=best.name,
        others=tuple(
            _entry(stages, choice, contender, past)
            for contender in plan.contenders
            if contender.name != choice.candidate and contender.name not in stages.failed
        ),
        baselines={name: entry.with_test(tests[name]) for name, entry in rivals.entries.items()},
        best_baseline=rivals.best,
        best_blend=rivals.best_blend,
        past=past,
        test=truth,
        opening=opening,
        openings_before=before,
        draws=stages.draws,
    )


def _test_data(history: History, tickers: Sequence[str], walk: Walk) -> SearchData:
    return history.of(tickers).between(walk.steps[TEST].fold, None)


def _entry(stages: Stages, choice: ModelChoice, contender: Contender, past: Truth) -> Entry:
    """A contender on the steps that it was trained for, in the form that was chosen."""
    plan, dropped = stages.plan, stages.dropped.get(contender.name)
    steps = plan.walk.folds if dropped else plan.walk.past
    seeds = plan.seeds[: dropped.after_seeds if dropped else None]
    logits = stages.candidate(contender, steps, seeds).logits
    entry = Entry(
        name=contender.name,
        past=form_logits(logits, choice.form),
        truth=past.take(past.of(steps)),
        kind=choice.kind_of(blended=False),
        n_params=contender.n_params,
        n_tried=contender.n_tried,
        n_seeds=len(seeds),
        seconds=_seconds(stages, contender),
    )
    if choice.form == "single" or len(seeds) < MIN_SEEDS:
        return entry
    rest = tuple(replace(entry, past=one) for one in without_each(logits))
    return replace(entry, without_a_seed=rest)


def _blend(alone: Entry, choice: ModelChoice, partner: Partner) -> Entry:
    return replace(
        alone,
        name=f"{alone.name} with {words(partner.name)}",
        past=halved(alone.past, partner.logits),
        kind=choice.kind_of(blended=True),
        without_a_seed=tuple(_blend(one, choice, partner) for one in alone.without_a_seed),
    )


def _with_half(
    blend: Entry, test: np.ndarray, rest: Iterable[np.ndarray], other: np.ndarray
) -> Entry:
    return blend.with_test(halved(test, other), [halved(one, other) for one in rest])


def _seconds(stages: Stages, contender: Contender) -> float:
    """Seconds of all trainings of a contender, their refits included."""
    total = 0.0
    for trial in stages.trials_of(contender):
        refit = read_refit(trial_folder(stages.plan.study.folder, trial.number))
        total += trial.duration_s + (refit.duration_s if refit else 0.0)
    return total


def _rivals(stages: Stages, choice: ModelChoice, simple: SimplePast) -> Rivals:
    """The baselines on walk forward and cal, the model's own shortcut among them."""
    plan, logits = stages.plan, dict(simple.logits)
    if stages.chosen.config["model"]["shortcut"]:
        own = stages.candidate(stages.chosen, plan.walk.past, plan.seeds, of=SHORTCUT)
        logits[OWN_SHORTCUT] = form_logits(own.logits, choice.form)
    return find_rivals(logits, simple.truth, plan.config.calibration, simple.seconds)


def _write_model(
    stages: Stages, chosen: Entry, blended_with: str | None, simple: Mapping[str, SimpleFit]
) -> Model:
    """Writes the final model of the chosen contender, and reads it as a user would."""
    plan, contender = stages.plan, stages.chosen
    fits = [Fit(contender, TEST, seed) for seed in stages.final_seeds]
    data = plan.walk.outer(TEST)
    info = ModelInfo(
        trial=fits[0].config,
        seeds=stages.final_seeds,
        feature_names=data.feature_names,
        n_params=contender.n_params,
        bar_days=bar_days(ticker_frames(plan.bars)),
        sources=plan.bars.sources,
        bars_digest=plan.bars.digest,
        fitted_through=data.train.label_ends.max().item(),
        threshold=chosen.threshold,
        evaluation_id=plan.study.config.study_id,
        code_version=code_version(),
        feature_code_digest=feature_code_digest(),
        blended_with=blended_with,
    )
    weights = {fit.seed: _weights(stages, fit) for fit in fits}
    scaler = StoredScaler.of(data, info.trial.model.bins)
    blend = None if blended_with is None else StoredBlend(model=simple[blended_with].model)
    write_model(plan.folder, info, scaler, chosen.calibrator, weights, blend)
    return load_model(plan.folder)


def _weights(stages: Stages, fit: Fit) -> bytes:
    trial = stages.trial(fit)
    path = None if trial is None else trial_folder(stages.plan.study.folder, trial.number)
    if path is None or not (path / FITTED_FILE).exists():
        error = trial.error.message if trial and trial.error else "no weights"
        raise StudyFailedError(
            "Every training of the final model must succeed",
            f"seed {fit.seed}: {error}",
            "Evaluate again with `resume=True` to try it again.",
        )
    return (path / FITTED_FILE).read_bytes()


def _known_bars(plan: EvaluationPlan, model: Model) -> Bars:
    """The bars that the model can predict: a model that scales each ticker needs to know it."""
    if plan.study.config.data.scaling != "per_ticker":
        return plan.bars
    known = plan.bars.frame["ticker"].isin(model.tickers)
    return replace(plan.bars, frame=plan.bars.frame[known].reset_index(drop=True))


def _open_test(
    plan: EvaluationPlan, choice: ModelChoice, blended_with: str | None
) -> tuple[Opening, tuple[Opening, ...]]:
    """Writes the opening down; this opening and the earlier openings of the same block."""
    blend = "" if blended_with is None else f" with {words(blended_with)}"
    chosen = f"{choice.candidate}{blend}, {choice.form}, {choice.kind}"
    opening, before = open_test(
        plan.openings,
        Opening(
            **dict(plan.test_block),
            at=now(),
            evaluation_id=plan.study.config.study_id,
            model=str(plan.folder),
            chosen=chosen,
            label=plan.study.config.data.target,
            code_version=code_version(),
        ),
    )
    if opening.chosen != chosen:
        raise StorageError(
            "What was chosen before the test block was opened must stay chosen",
            f"{chosen} now, {opening.chosen} then",
            "Files of the trainings have changed; evaluate again under another `name`.",
        )
    return opening, before


def _periods(plan: EvaluationPlan, past: Truth) -> tuple[Period, ...]:
    """The dates of each step, and whether the search has chosen by any of them."""
    val = plan.history.summary.val
    periods = []
    for step in plan.walk.past:
        dates = past.dates[past.of([step])]
        first, last = dates[0].item(), dates[-1].item()
        selected_on = first <= val.last_date and last >= val.first_date
        periods.append(Period(step, first, last, selected_on))
    return tuple(periods)


def _facts(plan: EvaluationPlan) -> tuple[tuple[str, str], ...]:
    data = plan.study.config.data
    studies = dict.fromkeys(contender.study for contender in plan.contenders)
    on_a_part = choice_in_words(plan.walk, plan.study.config.seed)
    wider = left_out_in_words(data.tier, len(plan.study.data.train))
    return (
        ("studies", ", ".join(studies)),
        ("label", f"{data.target}, tier {data.tier}"),
        ("bars", f"{', '.join(plan.bars.sources)}, digest {plan.bars.digest[:12]}"),
        ("tickers", ", ".join(plan.history.summary.tickers)),
        ("seeds", str(plan.config.n_seeds)),
        ("model", str(plan.folder)),
        ("code", code_version()),
        *([] if on_a_part is None else [("baselines", on_a_part)]),
        *([] if wider is None else [("wider tiers", wider)]),
    )


def _on_rows(predicted: Predictions, truth: Truth) -> Predictions:
    """A model's predictions on the rows of a block."""
    wanted = pd.MultiIndex.from_arrays([truth.dates, truth.tickers])
    there = pd.MultiIndex.from_arrays([predicted.dates, predicted.tickers])
    rows = there.get_indexer(wanted)
    assert (rows >= 0).all()
    shortcut = None if predicted.shortcut is None else predicted.shortcut[:, rows]
    partner = None if predicted.partner is None else predicted.partner[rows]
    return Predictions(truth.dates, truth.tickers, predicted.logits[:, rows], shortcut, partner)
