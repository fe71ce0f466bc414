"""The top of a report: the verdict with its interval, and the three figures that matter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from phase6c.document.document import KeyFigure
from phase6c.document.section import estimated, number
from phase6c.records import Trial
from phase6c.report.probabilities import told_verdict
from phase6c.report.reading import Reading
from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.selection import Corrected, strongest_rival
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.study import Study
from phase6c.wording import counted, listed, metric_words, words


def about(reading: Reading) -> tuple[str, ...]:
    """The bars, and the date of the last entry of the study's ledger."""
    study = reading.search.study
    if study is None:
        return ("trials of a file",)
    names = listed([Path(source).stem for source in study.config.sources], limit=3)
    last = datetime.fromtimestamp((study.folder / LEDGER_NAME).stat().st_mtime, UTC)
    return names, f"{last:%Y-%m-%d}"


def verdicts(reading: Reading) -> tuple[str, ...]:
    """What the study has found, in a sentence or two."""
    study = reading.search.study
    if study is None:
        return (reading.winner.says,) if reading.winner else ()
    best = study.best
    if best is None:
        return ("No trial may be called the best: none ended past its grace with a usable value.",)
    return tuple(_verdicts(study, best, reading.corrected))


def _verdicts(study: Study, best: Trial, corrected: Corrected | None) -> Iterator[str]:
    if not study.config.complete:
        yield "The search is not complete: this is what its trials say so far."
    objective = metric_words(study.config.objective)
    if corrected is None:
        yield (
            f"Trial {best.number} has the best validation {objective}, {_value(study)}. It was "
            "chosen by that figure, which is therefore too good; on fresh data expect less."
        )
        return
    rival = strongest_rival(corrected.gains)
    expected = f"Expect {objective} {estimated(corrected.value)} on fresh data."
    if rival is None:
        yield expected
        return
    yield f"{verdict_on(best.number, rival, corrected.gains[rival], objective)} {expected}"


def verdict_on(number: int, rival: str, gain: Estimate, objective: str) -> str:
    """Whether a trial's gain over the strongest baseline is shown, as a sentence."""
    against = f"{words(rival)}, the strongest baseline: {estimated(gain)} in {objective}."
    if gain.excludes_zero:
        return f"Trial {number} is {'better' if gain.low > 0 else 'worse'} than {against}"
    return f"Trial {number} shows no clear difference from {against}"


def key_figures(reading: Reading) -> tuple[KeyFigure, ...]:
    """The value to expect, the gain over the strongest baseline, the state of the probabilities."""
    study = reading.search.study
    measured = study.best.best(study.config.objective) if study and study.best else None
    if study is None or measured is None:
        return ()
    return (*_corrected(study, reading.corrected), told_verdict(measured))


def _corrected(study: Study, corrected: Corrected | None) -> Iterator[KeyFigure]:
    objective = metric_words(study.config.objective)
    n_chosen = sum(trial.chosen and trial.epochs > 0 for trial in study.trials)
    chosen = f"the best of {counted(n_chosen, 'trial')} was picked on the rows it was measured on"
    if corrected is None:
        yield KeyFigure(
            name=f"Validation {objective}", value=_value(study), note=f"too good: {chosen}"
        )
        return
    yield KeyFigure(
        name=f"{objective} to expect on fresh data",
        value=corrected.value,
        note=f"{_value(study)} was measured, but {chosen}",
    )
    rival = strongest_rival(corrected.gains)
    if rival is not None:
        yield KeyFigure(
            name=f"Gain in {objective} over {words(rival)}",
            value=corrected.gains[rival],
            note="on rows that did not choose the trial; positive is better",
        )


def _value(study: Study) -> str:
    """The best value as it was measured."""
    return "-" if study.best_value is None else number(study.best_value)
