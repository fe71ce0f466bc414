"""The account of a model for a sceptic: the comparison, the choice, and its outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phase6c.config import Values
from phase6c.document.section import Section, Table, number, setting, text
from phase6c.evaluation.blends import FIRST_PARTNER
from phase6c.evaluation.card_lines import (
    LEGEND,
    PANEL_LEGEND,
    columns,
    gain_in_test,
    gain_in_walk,
    is_panel,
    test_row,
    walk_row,
    walked,
)
from phase6c.evaluation.choice import CalScore, ModelChoice
from phase6c.evaluation.entries import Entry
from phase6c.evaluation.evidence import Evidence
from phase6c.evaluation.gains_by_part import Compared, parts_tables, rates_sentences
from phase6c.evaluation.judgement import TRANSFORMER, Gain, Judgement, judge
from phase6c.evaluation.questions import Questions, ask_added, ask_alone
from phase6c.evaluation.race import BEHIND
from phase6c.evaluation.tables import steps_table
from phase6c.wording import times, words


@dataclass(frozen=True)
class Card:
    """The account of a model.

    Attributes:
        name: Name of the evaluation.
        facts: Origin of the model.
        questions: What the transformer is worth alone, and added to simple models.
        judgement: Judgement of what is handed over, on the test block.
        walk_gain: Gain over the best baseline in the walk forward.
        sections: Sentences and tables.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    questions: Questions
    judgement: Judgement
    walk_gain: Gain
    sections: tuple[Section, ...]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The answers to both questions, and the verdict on what is handed over."""
        return _verdicts(self.questions, self.judgement)


def _verdicts(questions: Questions, judgement: Judgement) -> tuple[str, ...]:
    return questions.alone.sentence, questions.added.sentence, judgement.sentence


def make_card(evidence: Evidence) -> Card:
    """Judges the chosen model and puts down the choice that led to it."""
    alone = _judged(evidence.alone, evidence, TRANSFORMER)
    blend = _judged(
        evidence.blend, evidence, f"the blend of the transformer and {words(evidence.partner)}"
    )
    added = _judged(evidence.added, evidence, "")
    over_rival = gain_in_test(evidence.added, evidence, evidence.best_blend)
    questions = Questions(
        alone=ask_alone(alone),
        added=ask_added(over_rival, added.over_base_rates, evidence.best_partner),
    )
    judgement = blend if evidence.choice.blended else alone
    walk_gain = gain_in_walk(evidence.chosen, evidence)
    known = {evidence.alone.name: alone.over_best, evidence.blend.name: blend.over_best}
    sections = (
        _test_section(evidence, _verdicts(questions, judgement), judgement, known),
        _walk_section(evidence, walk_gain),
        _choice_section(evidence),
    )
    return Card(evidence.name, evidence.facts, questions, judgement, walk_gain, sections)


def _judged(entry: Entry, evidence: Evidence, what: str) -> Judgement:
    tests = {name: baseline.calibrated_test for name, baseline in evidence.baselines.items()}
    own, best = entry.calibrated_test, evidence.best_baseline
    rest = [one.calibrated_test for one in entry.without_a_seed]
    return judge(own, tests, best, evidence.test, evidence.draws, what, rest)


def _test_section(
    evidence: Evidence, verdicts: Sequence[str], judgement: Judgement, known: Mapping[str, Gain]
) -> Section:
    chosen, best = evidence.chosen, evidence.baselines[evidence.best_baseline]
    entries = [*_of_transformer(evidence), *evidence.baselines.values()]
    rows = tuple(test_row(entry, evidence, known) for entry in entries)
    table = Table(name="test", title="The test block", columns=columns(evidence), rows=rows)
    compared = Compared(
        chosen.calibrated_test, best.calibrated_test, best.name, evidence.test, evidence.draws
    )
    own_rates = evidence.baselines.get("ticker_base_rate")
    rates = None if own_rates is None else own_rates.calibrated_test
    says = [
        *verdicts,
        f"{len(evidence.test):,} rows of {len(np.unique(evidence.test.dates)):,} days with "
        f"{int(evidence.test.y.sum()):,} rises. It gains "
        + ", ".join(
            f"{text(gained.log_loss)} over the {words(gained.over)}"
            for gained in judgement.over_base_rates
        )
        + ".",
        f"The best baseline, {words(best.name)}, and the best of the baselines and of the "
        f"blends of each two of them, {words(evidence.best_blend)}, were chosen on walk forward "
        "and cal; model, calibrator and threshold were chosen before the test block was opened.",
        *_openings(evidence),
        *rates_sentences(compared, rates, evidence.data.label),
        "Intervals are of 95%, from the stationary bootstrap over dates, all tickers of a day "
        "together; a gain is the baseline's log loss less the model's, on the same rows. "
        + _seeds_in_intervals(evidence.alone),
        LEGEND,
        *([PANEL_LEGEND] if is_panel(evidence) else []),
    ]
    parts = parts_tables("test", compared)
    return Section(name="test", title="What it is worth", says=tuple(says), tables=(table, *parts))


def _seeds_in_intervals(alone: Entry) -> str:
    if alone.without_a_seed:
        return (
            "The gains of the chosen transformer and of its blends over all rows of a block count "
            "in that other seeds would give another ensemble, as far as "
            f"{len(alone.without_a_seed)} seeds can tell."
        )
    return "That another seed would give another model is in no interval."


def _openings(evidence: Evidence) -> Iterator[str]:
    before, block = evidence.openings_before, evidence.opening
    where = f"{block.first_date} to {block.last_date}"
    if not before:
        yield f"The test block, {where}, was opened once, on {block.at:%Y-%m-%d %H:%M} UTC."
        return
    yield (
        f"The test block, {where}, had been opened {times(len(before))} before, first on "
        f"{before[0]}: what was seen then may have led to what is judged here, and these figures "
        "are no longer untouched."
    )


def _walk_section(evidence: Evidence, walk_gain: Gain) -> Section:
    selected = [period.name for period in evidence.periods if period.selected_on]
    says = [
        f"Walk forward: over {words(evidence.best_baseline)}, the chosen model gains "
        f"{text(walk_gain.log_loss)} in log loss"
        + (f" and {text(walk_gain.auc)} in AUC." if walk_gain.auc else "."),
        "Each step is predicted by trainings on all dates before it, their number of epochs chosen "
        "on the latest part of these, and calibrated by the steps before it; the first has nothing "
        "before it.",
    ]
    if selected:
        says.append(
            f"Selected on: {', '.join(selected)}. The search's validation block, by which the "
            "contenders were chosen, reaches into these steps; figures there are too good."
        )
    if any(why.startswith(BEHIND) for _, why in evidence.dropped.values()):
        says.append("Contenders dropped out by these very folds, which flatters those that stayed.")
    known = {evidence.chosen.name: walk_gain}
    entries = [*_of_transformer(evidence), *evidence.others, *evidence.baselines.values()]
    mark = " (selected on)" if selected else ""
    pooled = Table(
        name="walk_forward",
        title=f"All folds of the walk forward{mark}",
        columns=columns(evidence),
        rows=tuple(walk_row(entry, evidence, known) for entry in entries),
    )
    return Section(
        name="walk_forward",
        title="Walk forward",
        says=tuple(says),
        tables=(pooled, steps_table(evidence), *_walk_parts(evidence)),
    )


def _of_transformer(evidence: Evidence) -> list[Entry]:
    """What is handed over, then the transformer's other form."""
    alone, blend = evidence.alone, evidence.blend
    handed_over = [blend, alone] if evidence.choice.blended else [alone, blend]
    return (
        handed_over if evidence.best_partner == evidence.partner else [*handed_over, evidence.added]
    )


def _walk_parts(evidence: Evidence) -> tuple[Table, ...]:
    own, others, truth = walked(evidence.chosen, evidence)
    compared = Compared(own, others, evidence.best_baseline, truth, evidence.draws)
    return parts_tables("walk_forward", compared)


def _choice_section(evidence: Evidence) -> Section:
    choice = evidence.choice
    what = "an ensemble of its seeds" if choice.form == "ensemble" else "its first seed"
    if choice.blended:
        what += f" half-and-half with {words(evidence.partner)}"
    says = [
        "The cal block, which neither the search nor the walk forward has used, chose "
        f"{choice.candidate}, as {what}, with the calibrator {choice.kind}: log loss "
        f"{number(_first(choice).log_loss)}, a little too good as the least of what is compared "
        "below. 'Single' averages the separate seeds; if it is chosen, the model of the first seed "
        "is saved.",
        _calibrator_text(evidence),
        "Blended means half-and-half with a baseline, before any calibration: with "
        f"{words(FIRST_PARTNER)} in the first step, then with the one that has the least log loss "
        "in the steps before, of those that see the model's own features: a directory serves one "
        "tier. Whether the model adds anything is asked with the best of all.",
    ]
    scores = Table(
        name="choice",
        title="Log loss on the cal block",
        columns=("model", "as", "calibrator", "log loss", "in the walk", "could be chosen"),
        rows=tuple(
            (
                score.candidate,
                f"{score.form}, blended" if score.blended else score.form,
                score.kind,
                *(score.log_loss, score.walk_log_loss, score.note or "yes"),
            )
            for score in choice.scores
        ),
    )
    return Section(
        name="choice",
        title="What was chosen, and from what",
        says=tuple(says),
        tables=(_race_table(evidence), scores),
    )


def _calibrator_text(evidence: Evidence) -> str:
    fitted = evidence.chosen.calibrator
    if fitted.kind == "none":
        return "No calibrator is applied."
    return (
        f"The final calibrator, {fitted.formula}, is fitted on walk forward and cal, "
        f"{len(evidence.past):,} rows with {int(evidence.past.y.sum()):,} rises, all predicted out "
        "of fold."
    )


def _first(choice: ModelChoice) -> CalScore:
    return next(score for score in choice.scores if score.note is None)


def _race_table(evidence: Evidence) -> Table:
    rows = []
    for contender in evidence.contenders:
        n_seeds, why = evidence.dropped.get(contender.name, (None, ""))
        kept = (
            "chosen" if contender.name == evidence.choice.candidate else why or "stayed to the end"
        )
        rows.append(
            (
                contender.name,
                contender.budget,
                contender.n_params,
                contender.n_tried,
                n_seeds,
                kept,
                _settings(contender.params),
            )
        )
    return Table(
        name="contenders",
        title="Contenders",
        columns=(
            *("model", "budget", "parameters", "tried in its search", "dropped after seeds"),
            *("outcome", "configuration"),
        ),
        rows=tuple(rows),
    )


def _settings(params: Values) -> str:
    return ", ".join(f"{name} {setting(value)}" for name, value in params.items())
