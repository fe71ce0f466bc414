"""The account of a model for a sceptic: the comparison, the choice, and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from phase6c.config import Values
from phase6c.data.splits import CAL
from phase6c.document.section import Cell, Section, Table, number, setting, text
from phase6c.evaluation.choice import CalScore, ModelChoice
from phase6c.evaluation.entries import Entry, Figures, figures
from phase6c.evaluation.evidence import Evidence
from phase6c.evaluation.judgement import Gain, Judgement, gain, judge
from phase6c.evaluation.outcomes import Truth
from phase6c.evaluation.parts import Compared, parts_tables, rates_sentences
from phase6c.evaluation.race import BEHIND
from phase6c.evaluation.tables import steps_table
from phase6c.wording import times, words

_FIGURES = (
    *("model", "parameters", "log loss", "gain over best baseline", "skill", "AUC"),
    *("log loss raw", "Brier", "intercept", "slope", "ECE", "AUC down", "AUC direction"),
    *("average precision", "lift", "threshold", "precision", "recall", "base rate", "step AUC"),
    *("tier", "horizon", "label", "tried", "seeds", "seconds"),
)
_LEGEND = (
    "Skill: 1 - log loss / that of the training's base rate. AUC down: of the same probabilities "
    "for falls as large; AUC direction: of rises against falls, rows with both or neither left "
    "out. Lift: average precision / base rate. Step AUC: the least and the largest of a step. "
    "Hindsight: the share of rises in the very rows that are judged."
)


_PANEL_FIGURES = ("AUC within day", "AUC per ticker", "rank IC", "rank IC t")
_PANEL_LEGEND = (
    "AUC within day and per ticker: the mean over the days, and over the tickers, that have both "
    "classes. Rank IC: the mean over the days of Spearman's correlation of the logit with the rise "
    "that the label is cut from; t: over its error, which allows for overlapping horizons."
)


def _is_panel(evidence: Evidence) -> bool:
    return len(np.unique(evidence.test.tickers)) > 1


def _columns(evidence: Evidence) -> tuple[str, ...]:
    return (*_FIGURES, *_PANEL_FIGURES) if _is_panel(evidence) else _FIGURES


@dataclass(frozen=True)
class Card:
    """The account of a model.

    Attributes:
        name: Name of the evaluation.
        facts: Origin of the model.
        judgement: Judgement on the test block.
        walk_gain: Gain over the best baseline in the walk forward.
        sections: Sentences and tables.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    judgement: Judgement
    walk_gain: Gain
    sections: tuple[Section, ...]


def make_card(evidence: Evidence) -> Card:
    """Judges the chosen model and puts down the choice that led to it."""
    tests = {name: baseline.calibrated_test for name, baseline in evidence.baselines.items()}
    judgement = judge(
        evidence.chosen.calibrated_test,
        tests,
        evidence.best_baseline,
        evidence.test,
        evidence.draws,
    )
    walk_gain = _walk_gain(evidence.chosen, evidence)
    sections = (
        _test_section(evidence, judgement),
        _walk_section(evidence, walk_gain),
        _choice_section(evidence),
    )
    return Card(evidence.name, evidence.facts, judgement, walk_gain, sections)


def _test_section(evidence: Evidence, judgement: Judgement) -> Section:
    chosen, best = evidence.chosen, evidence.baselines[evidence.best_baseline]
    entries = [chosen, *evidence.baselines.values()]
    rows = tuple(_test_row(entry, evidence, judgement) for entry in entries)
    table = Table(name="test", title="The test block", columns=_columns(evidence), rows=rows)
    compared = Compared(
        chosen.calibrated_test, best.calibrated_test, best.name, evidence.test, evidence.draws
    )
    own_rates = evidence.baselines.get("ticker_base_rate")
    rates = None if own_rates is None else own_rates.calibrated_test
    says = [
        judgement.sentence,
        f"{len(evidence.test):,} rows of {len(np.unique(evidence.test.dates)):,} days with "
        f"{int(evidence.test.y.sum()):,} rises. It gains "
        + ", ".join(
            f"{text(gained.log_loss)} over the {words(gained.over)}"
            for gained in judgement.over_base_rates
        )
        + ".",
        f"The best baseline, {words(best.name)}, was chosen on walk forward and cal; model, "
        "calibrator and threshold were chosen before the test block was opened.",
        *_openings(evidence),
        *rates_sentences(compared, rates, evidence.data.label),
        "Intervals are of 95%, from the stationary bootstrap over dates, all tickers of a day "
        "together; a gain is the baseline's log loss less the model's, on the same rows.",
        _LEGEND,
        *([_PANEL_LEGEND] if _is_panel(evidence) else []),
    ]
    parts = parts_tables("test", compared)
    return Section(name="test", title="What it is worth", says=tuple(says), tables=(table, *parts))


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
    entries = [evidence.chosen, *evidence.others, *evidence.baselines.values()]
    mark = " (selected on)" if selected else ""
    pooled = Table(
        name="walk_forward",
        title=f"All folds of the walk forward{mark}",
        columns=_columns(evidence),
        rows=tuple(_walk_row(entry, evidence, walk_gain) for entry in entries),
    )
    return Section(
        name="walk_forward",
        title="Walk forward",
        says=tuple(says),
        tables=(pooled, steps_table(evidence), *_walk_parts(evidence)),
    )


def _walk_parts(evidence: Evidence) -> tuple[Table, ...]:
    own, others, truth = _walked(evidence.chosen, evidence)
    compared = Compared(own, others, evidence.best_baseline, truth, evidence.draws)
    return parts_tables("walk_forward", compared)


def _choice_section(evidence: Evidence) -> Section:
    choice = evidence.choice
    what = "an ensemble of its seeds" if choice.form == "ensemble" else "its first seed"
    says = [
        "The cal block, which neither the search nor the walk forward has used, chose "
        f"{choice.candidate}, as {what}, with the calibrator {choice.kind}: log loss "
        f"{number(_first(choice).log_loss)}, a little too good as the least of what is compared "
        "below. Single is the mean of the seeds, each on its own; the first would be handed over.",
        _calibrator_text(evidence),
    ]
    scores = Table(
        name="choice",
        title="Log loss on the cal block",
        columns=("model", "as", "calibrator", "log loss", "in the walk", "could be chosen"),
        rows=tuple(
            (
                *(score.candidate, score.form, score.kind),
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


def _test_row(entry: Entry, evidence: Evidence, judgement: Judgement) -> tuple[Cell, ...]:
    base = evidence.baselines["train_base_rate"]
    assert entry.test is not None
    assert base.test is not None
    row_figures = figures(
        entry.test,
        entry.calibrated_test,
        base.test,
        entry.threshold,
        evidence.test,
        evidence.draws,
    )
    return _row(entry, evidence, row_figures, judgement.over_best, _test_gain)


def _walk_row(entry: Entry, evidence: Evidence, walk_gain: Gain) -> tuple[Cell, ...]:
    base = evidence.baselines["train_base_rate"]
    walk = walk_of(entry.truth)
    row_figures = figures(
        entry.past[walk],
        entry.forward[walk],
        base.past[walk_of(base.truth)],
        None,  # it was chosen on these very rows
        entry.truth.take(walk),
        evidence.draws,
    )
    return _row(entry, evidence, row_figures, walk_gain, _walk_gain)


def _row(
    entry: Entry,
    evidence: Evidence,
    row_figures: Figures,
    of_chosen: Gain,
    gain_of: Callable[[Entry, Evidence], Gain],
) -> tuple[Cell, ...]:
    """A line; the gain of the chosen model is known, and the best baseline has none over itself."""
    over = None
    if entry.name != evidence.best_baseline:
        is_chosen = entry.name == evidence.chosen.name
        over = (of_chosen if is_chosen else gain_of(entry, evidence)).log_loss
    name = words(entry.name) if entry.name in evidence.baselines else entry.name
    data = evidence.data
    spread = row_figures.fold_auc
    return (
        *(name, entry.n_params, row_figures.log_loss, over, row_figures.skill, row_figures.auc),
        *(
            row_figures.log_loss_raw,
            row_figures.brier,
            row_figures.calibration_intercept,
            row_figures.calibration_slope,
        ),
        *(
            row_figures.ece,
            row_figures.auc_down,
            row_figures.auc_direction,
            row_figures.average_precision,
            row_figures.lift,
        ),
        *(row_figures.threshold, row_figures.precision, row_figures.recall, row_figures.base_rate),
        f"{spread[0]:.3f} to {spread[1]:.3f}" if spread else None,
        *(data.tier, f"{data.horizon_days} d", data.goal),
        *(entry.n_tried, entry.n_seeds),
        None if entry.seconds is None else round(entry.seconds),
        *(_panel_figures(row_figures) if _is_panel(evidence) else ()),
    )


def _panel_figures(found: Figures) -> tuple[Cell, ...]:
    return found.auc_within_day, found.auc_per_ticker, found.rank_ic, found.rank_ic_t


def _test_gain(entry: Entry, evidence: Evidence) -> Gain:
    best = evidence.baselines[evidence.best_baseline]
    own, other = entry.calibrated_test, best.calibrated_test
    return gain(own, other, best.name, evidence.test, evidence.draws)


def _walk_gain(entry: Entry, evidence: Evidence) -> Gain:
    own, others, truth = _walked(entry, evidence)
    return gain(own, others, evidence.best_baseline, truth, evidence.draws)


def _walked(entry: Entry, evidence: Evidence) -> tuple[np.ndarray, np.ndarray, Truth]:
    """The walk forward without cal: logits of a line and of the best baseline, and the rows."""
    best = evidence.baselines[evidence.best_baseline]
    own, others = (line.forward[walk_of(line.truth)] for line in (entry, best))
    return own, others, best.truth.take(walk_of(best.truth))


def walk_of(truth: Truth) -> np.ndarray:
    """bool[row] of the past: the walk forward without cal."""
    return ~truth.of([CAL])
