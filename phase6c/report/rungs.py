"""The trials that were pruned, where and by which margin, and the cost of the rungs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phase6c.config import Objective
from phase6c.document.section import Section, Table
from phase6c.records import Stopped, Trial, score
from phase6c.stopping.decisions import Decisions
from phase6c.stopping.rung_audit import RungAudit, audit_rungs
from phase6c.study.study import Study


def rungs(study: Study) -> Section:
    """The decisions of the rungs and their cost."""
    stopped = [trial for trial in study.trials if trial.stopped is not None]
    return Section(
        name="rungs",
        title="Learning curves and rungs",
        says=tuple(_says(study, stopped)),
        tables=(_by_rung(study, stopped), _by_trial(study, stopped)) if stopped else (),
    )


def _says(study: Study, stopped: list[Trial]) -> Iterator[str]:
    searched = [trial for trial in study.trials if trial.searched]
    ended = [trial for trial in searched if trial.finished]
    if not ended:
        yield "No trial has ended yet."
        return
    trained = sum(trial.epochs for trial in ended)
    # A trial that its patience ended early would have ended so without rungs too: the share is a
    # bound.
    whole = study.config.train.epochs * len(ended)
    yield (
        f"{len(ended)} trials that have ended trained {trained:,} epochs, "
        f"{trained / max(whole, 1):.0%} of the {whole:,} that they would have trained unstopped."
    )
    grace = Decisions(study.config, study.trials).grace()
    if grace is not None:
        yield grace.reason()
    if not stopped:
        yield "No trial was stopped by a rung."
        return
    audit = audit_rungs(study.trials, study.config)
    if audit is None:
        yield (
            "The cost of early stopping is unknown: no stopped trial was trained to the end as a "
            "check."
        )
    else:
        yield _cost(audit, study.config.reduction_factor)


def _cost(audit: RungAudit, reduction_factor: float) -> str:
    low, high = audit.good_share
    return (
        f"{audit.n_audited} of the {audit.n_stopped} trials below a rung were finished all the "
        f"same; {audit.n_good} of them became as good as the best 1/{reduction_factor:g} of those "
        f"let through. So the rungs cost {low:.0%} to {high:.0%} of what they stopped (95% "
        "interval of that share)."
    )


def _by_rung(study: Study, stopped: list[Trial]) -> Table:
    epochs = sorted({trial.stopped.epoch for trial in stopped if trial.stopped})
    rows = []
    for epoch in epochs:
        here = [trial for trial in stopped if trial.stopped and trial.stopped.epoch == epoch]
        reached = sum(trial.epochs >= epoch for trial in study.trials if trial.chosen)
        margins = [
            _margin(trial.stopped, study.config.objective) for trial in here if trial.stopped
        ]
        audited = sum(trial.audited for trial in here)
        rows.append((epoch, reached, len(here), audited, float(np.median(margins))))
    return Table(
        name="rungs",
        title="By rung",
        columns=("epoch", "trials that reached it", "below it", "audited", "median margin"),
        rows=tuple(rows),
    )


def _by_trial(study: Study, stopped: list[Trial]) -> Table:
    objective = study.config.objective
    rows = []
    for trial in stopped:
        assert trial.stopped is not None
        at = trial.stopped
        # On the rows that the rungs compared, so that it can be held against the cutoff.
        best = trial.best_on_rungs(objective)
        end = best.value if best and trial.audited and trial.finished else None
        cells = (trial.number, at.epoch, at.value, at.cutoff, _margin(at, objective))
        rows.append((*cells, at.forecast, trial.audited, end))
    return Table(
        name="pruned",
        title="Trials that a rung stopped, or would have stopped",
        columns=(
            *("trial", "epoch", "compared", "to reach", "margin", "forecast of its end"),
            *("audited", "reached in the end"),
        ),
        rows=tuple(rows),
    )


def _margin(stopped: Stopped, objective: Objective) -> float:
    """By how much the trial missed the cutoff."""
    return score(stopped.cutoff, objective) - score(stopped.value, objective)
