"""The best configurations beside references and baselines, and what choosing explains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phase6c.analysis.trials import Search
from phase6c.analysis.validation import Validation, with_doubt
from phase6c.analysis.winner import Winner
from phase6c.document.section import Cell, Section, Table, estimated, number, setting
from phase6c.records import Metrics, Trial, score
from phase6c.statistics.selection import Corrected
from phase6c.study.ranking import ranked
from phase6c.study.study import Study
from phase6c.wording import counted, metric_words, words

N_SHOWN = 10
_PANEL_COLUMNS = ("AUC within day", "AUC per ticker", "rank IC", "rank IC t")
# Where a trial wins in fewer draws than this, another could have won as well.
CLEAR_SHARE = 0.95


def shown_trials(study: Study) -> list[Trial]:
    """The best trials that may be called best, then the references."""
    objective = study.config.objective
    references = [
        trial for trial in study.trials if trial.source == "reference" and trial.best(objective)
    ]
    return ranked(study.trials, study.config)[:N_SHOWN] + references


def leaderboard(
    study: Study,
    validation: Validation | None,
    corrected: Corrected | None,
    winner: Winner | None,
) -> Section:
    """How good the best is, and how much of it remains once it is corrected for being chosen.

    Args:
        study: Study.
        validation: Predictions of `shown_trials`, if any are stored.
        corrected: Correction of the best value, if it was asked for.
        winner: Judgement whether the best trial is a winner.
    """
    return Section(
        name="best",
        title="The best configurations, references and baselines",
        says=(*_says(study, corrected), *_judged(winner)),
        tables=(_figures(study, validation), _configurations(study), *_gains(corrected)),
    )


def best_of_file(search: Search, winner: Winner | None) -> Section:
    """The highest values of a file of trials, which says nothing of rows or baselines."""
    ranked = sorted(search.results, key=lambda result: -result.score)[:N_SHOWN]
    rows = tuple(
        (result.number, result.score, *(setting(result.params.get(name)) for name in search.axes))
        for result in ranked
    )
    columns = ("trial", search.objective, *search.axes)
    table = Table(name="best", title="The highest values", columns=columns, rows=rows)
    says = (
        "The file holds one value a trial. It cannot tell what choosing the best of them explains, "
        "nor how simpler models do on the same rows.",
        *_judged(winner),
    )
    return Section(name="best", title="The best configurations", says=says, tables=(table,))


def _judged(winner: Winner | None) -> Iterator[str]:
    if winner is not None:
        yield winner.says
        if winner.command is not None:
            yield f"What would decide it: {winner.command}"


def _says(study: Study, corrected: Corrected | None) -> Iterator[str]:
    best, objective = study.best, study.config.objective
    if best is None:
        yield "No trial may be called the best: none ended past its grace with a usable value."
        return
    measured = best.best(objective)
    assert measured is not None
    assert measured.value is not None
    n_chosen = sum(trial.chosen and trial.epochs > 0 for trial in study.trials)
    n_left = sum(trial.searched and not trial.finished for trial in study.trials)
    if not study.config.complete:
        yield f"The search is not complete: {n_left} of its trials have not ended."
    metric = metric_words(objective)
    yield (
        f"Trial {best.number} has the best validation {metric}, {number(measured.value)} in "
        f"epoch {measured.epoch}. It was picked from {counted(n_chosen, 'trial')} and all their "
        "epochs on the rows that it is measured on; the intervals of the table do not correct for "
        "that."
    )
    if corrected is None:
        yield (
            "The value to expect on fresh data was not estimated: the estimate takes draws and the "
            "stored predictions of the best trial."
        )
        return
    honest = corrected.value
    yield (
        f"Expect {metric} {estimated(honest)} on fresh data"
        + (
            f"; {number(measured.value)} is optimistic because the best of {n_chosen} was picked."
            if score(measured.value, objective) > score(honest.value, objective)
            else "."
        )
    )
    for name, gain in corrected.gains.items():
        found = "the best is better than" if gain.low > 0 else "the best is worse than"
        if not gain.excludes_zero:
            found = "there is no clear difference from"
        yield (
            f"After this correction {found} {words(name)}: {estimated(gain)}, positive is better."
        )
    yield from _rivalry(corrected)


def _rivalry(corrected: Corrected) -> Iterator[str]:
    """Whether another choice of dates would have chosen another trial."""
    share = max(corrected.shares.values())
    if share < CLEAR_SHARE:
        several = sum(part > 0.01 for part in corrected.shares.values())
        yield (
            f"With other dates of the same kind another trial could have won: {several} trials "
            f"are each best in more than 1% of the draws, the most frequent in {share:.0%}."
        )


def _figures(study: Study, validation: Validation | None) -> Table:
    logits = validation.trials if validation else {}
    rows: list[tuple[Cell, ...]] = []
    for trial in shown_trials(study):
        best = trial.best(study.config.objective)
        assert best is not None
        name = trial.name or f"trial {trial.number}"
        source = "audited" if trial.audited else trial.source
        figures = _of(best.metrics, validation, logits.get(trial.number))
        known = (name, source, best.epoch, trial.n_params, *figures, best.health.verdict)
        rows.append((*known, *_within(best.metrics, validation, logits.get(trial.number))))
    simple = validation.baselines if validation else {}
    for baseline in study.config.baselines:
        figures = _of(baseline.metrics, validation, simple.get(baseline.name))
        within = _within(baseline.metrics, validation, simple.get(baseline.name))
        name = baseline.name.replace("_", " ")
        rows.append((name, "baseline", None, None, *figures, None, *within))
    return Table(
        name="best",
        title="On the validation rows that chose them",
        columns=(
            *("", "source", "epoch", "parameters"),
            *("AUC", "log loss", "skill", "base rate", "lowest p", "highest p", "health"),
            *(_PANEL_COLUMNS if validation is not None and validation.is_panel else ()),
        ),
        rows=tuple(rows),
    )


def _of(
    metrics: Metrics, validation: Validation | None, logits: np.ndarray | None
) -> tuple[Cell, ...]:
    """AUC and log loss, and what is beside them."""
    return (
        *with_doubt(metrics, validation, logits),
        metrics.skill,
        metrics.base_rate,
        metrics.pred_min,
        metrics.pred_max,
    )


def _within(
    metrics: Metrics, validation: Validation | None, logits: np.ndarray | None
) -> tuple[Cell, ...]:
    """The figures of a panel's days and tickers; nothing for a single ticker."""
    if validation is None or not validation.is_panel:
        return ()
    auc, rank_ic = (None, None) if logits is None else validation.within_days(logits)
    return (
        auc or metrics.auc_within_day,
        metrics.auc_per_ticker,
        rank_ic or metrics.rank_ic,
        metrics.rank_ic_t,
    )


def _configurations(study: Study) -> Table:
    """The configurations of the shown trials."""
    shown = shown_trials(study)
    names = list(dict.fromkeys(name for trial in shown for name in trial.params))
    return Table(
        name="configurations",
        title="Their configurations",
        columns=("", "parameters", "in budget", "epochs", "seconds", *names),
        rows=tuple(
            (
                trial.name or f"trial {trial.number}",
                trial.n_params,
                trial.in_budget,
                trial.epochs,
                round(trial.duration_s),
                *(setting(trial.params.get(name)) for name in names),
            )
            for trial in shown
        ),
    )


def _gains(corrected: Corrected | None) -> tuple[Table, ...]:
    if corrected is None:
        return ()
    rows: list[tuple[Cell, ...]] = [("value on rows that did not choose", corrected.value)]
    rows += [(f"gain over {words(name)}", gain) for name, gain in corrected.gains.items()]
    rows += [
        (f"trial {number} is the best, share of draws", share)
        for number, share in sorted(corrected.shares.items(), key=lambda item: -item[1])[:N_SHOWN]
    ]
    title = "Corrected for choosing trial and epoch (bootstrap bias correction over dates)"
    return (Table(name="corrected", title=title, columns=("", "estimate"), rows=tuple(rows)),)
