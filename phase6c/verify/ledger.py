"""Whether a ledger can be read, holds together, and its decisions can be repeated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from phase6c.config import TrialConfig, parse
from phase6c.errors import ConfigError
from phase6c.records import Measurement, State, Stopped, Trial, objective_value
from phase6c.space.budget import Budget
from phase6c.stopping.decisions import Decisions
from phase6c.study.ledger import FILE_NAME, Decision, Row, Trials, apply
from phase6c.study.study_config import StudyConfig
from phase6c.verify.files import Finding, StudyFiles, json_object, one_line
from phase6c.version import code_version

# Another machine's linear algebra may round otherwise.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class StoredLedger:
    """The readable part of a ledger.

    Attributes:
        rows: Rows in their order.
        trials: Trials that the rows imply.
        findings: Faults of the rows.
    """

    rows: tuple[Row, ...]
    trials: Trials
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether every row could be read and fits."""
        return all(finding.harmless for finding in self.findings)


def read_ledger(files: StudyFiles) -> StoredLedger:
    """Reads a ledger as far as it can be read.

    Raises:
        MismatchError: There is no ledger.
    """
    content = files.read(FILE_NAME)
    # Read without the ledger's own reader: a check that shares the code shares its mistakes.
    end = content.rfind(b"\n") + 1
    rows, findings = _parse(content[:end])
    if end < len(content):
        torn = f"{len(content) - end} bytes of another, which the next run cuts off"
        findings.append(_finding("It should end with a whole line", torn, harmless=True))
    if any(not finding.harmless for finding in findings):
        return StoredLedger((), {}, tuple(findings))
    trials, misfits = _follow(rows)
    return StoredLedger(tuple(rows), trials, (*findings, *misfits))


def _parse(content: bytes) -> tuple[list[Row], list[Finding]]:
    rows, findings = [], []
    for line, text in enumerate(content.splitlines(), start=1):
        try:
            rows.append(json_object(text))
        except ValueError as error:
            fault = one_line(f"line {line}: {error}")
            findings.append(_finding("Every line must be a JSON object", fault))
    return rows, findings


def _follow(rows: Sequence[Row]) -> tuple[Trials, list[Finding]]:
    """The trials, and of each trial the first row that does not fit."""
    trials: Trials = {}
    lost: dict[object, str] = {}
    for line, row in enumerate(rows, start=1):
        number = row.get("number")
        if type(number) is not int:
            lost[f"line {line}"] = f"line {line}: no trial's number"
        elif number not in lost:
            try:
                trials[number] = _applied(trials.get(number), row)
            except (LookupError, TypeError, ValueError) as error:
                lost[number] = f"line {line}: {error}"
    rule = "Every line must fit those before it"
    return trials, [_finding(rule, one_line(fault)) for fault in lost.values()]


def _applied(known: Trial | None, row: Row) -> Trial:
    """The trial after a further row, whose words are checked too.

    Raises:
        LookupError, TypeError, ValueError: The row does not fit.
    """
    for name, words in (("decision", Decision), ("state", State)):
        if name in row and row[name] not in get_args(words):
            raise ValueError(f"{name} {row[name]!r}")
    return apply(known, row)


def check_trials(trials: Trials, config: StudyConfig) -> Iterator[Finding]:
    """Whether the trials are those that a search of this study chooses, each once."""
    expected = [*range(len(trials))]
    if list(trials) != expected:
        pairs = zip(trials, expected, strict=True)
        number, place = next(pair for pair in pairs if pair[0] != pair[1])
        yield _finding("Trials must be numbered 0, 1, 2 ...", f"trial {number} in place of {place}")
    chosen = [trial for trial in trials.values() if trial.chosen]
    yield from _check_chosen(chosen, config)
    if len(chosen) > config.n_trials:
        rule = f"A search should choose {config.n_trials} trials, unless a resume lowered that"
        yield _finding(rule, str(len(chosen)), harmless=True)
    yield from _check_probes(trials)
    for trial in trials.values():
        finals = () if trial.final is None else (trial.final,)
        for measurement in (*trial.measurements, *finals):
            value = objective_value(measurement.metrics, config.objective)
            if measurement.value != value:
                where = f"trial {trial.number}, epoch {measurement.epoch}"
                fault = f"{where}: {measurement.value}, not {value}"
                yield _finding(f"A value must be the {config.objective}", fault)
        best = trial.best_on_rungs(config.objective)
        if trial.final is not None and (best is None or best.epoch != trial.final.epoch):
            fault = f"trial {trial.number}: epoch {trial.final.epoch}, not {best and best.epoch}"
            yield _finding("The best epoch must be the one that is measured on all rows", fault)


def _check_chosen(chosen: Sequence[Trial], config: StudyConfig) -> Iterator[Finding]:
    budget = config.space["budget"] and Budget.model_validate(config.space["budget"])
    first: dict[str, int] = {}
    for trial in chosen:
        if not trial.in_budget or (budget and not budget.contains(trial.n_params)):
            fault = f"trial {trial.number} with {trial.n_params:,}"
            yield _finding("A chosen trial must lie in the budget", fault)
        try:
            identity = parse(TrialConfig, trial.config).identity(config.space["axes"])
        except ConfigError as error:
            fault = one_line(f"trial {trial.number}: {error.value}")
            yield _finding("A trial's configuration must be valid", fault)
            continue
        known = first.setdefault(identity, trial.number)
        if known != trial.number:
            fault = f"trial {trial.number} repeats trial {known}"
            yield _finding("No configuration may be tried twice", fault)


def _check_probes(trials: Trials) -> Iterator[Finding]:
    """Whether each probe, and nothing else, varies a single field of a trial or repeats it."""
    for trial in trials.values():
        base = None if trial.contrast_of is None else trials.get(trial.contrast_of)
        if trial.source != "probe":
            if trial.contrast_of is not None:
                fault = f"trial {trial.number}, {trial.source}"
                yield _finding("A contrast must be a probe", fault)
        elif base is None:
            fault = f"trial {trial.number} of {trial.contrast_of}"
            yield _finding("A probe must be the contrast of a trial", fault)
        elif len(trial.varied_from(base)) > 1:
            names = ", ".join(trial.varied_from(base))
            fault = f"trial {trial.number} of trial {base.number}: {names}"
            yield _finding("A probe must differ from its base in one field at most", fault)


def check_decisions(rows: Sequence[Row], config: StudyConfig) -> Iterator[Finding]:
    """Whether the results, taken in their order, lead to the decisions that were written.

    A resume refills the rungs from the ledger, so that it makes no difference to them. Another
    version of the code need not have decided as this version does.
    """
    n_others = n_unlike = 0
    decisions, trials = Decisions(config), Trials()
    for line, row in enumerate(rows, start=1):
        known = trials.get(row["number"])
        if row["kind"] == "result" and known is not None:
            other = {known.code_version, config.code_version} != {code_version()}
            n_others += other
            fault = _repeated(decisions, known, row)
            if fault and other:
                n_unlike += 1
            elif fault:
                fault = f"line {line}, trial {known.number}: {fault}"
                yield _finding("A decision must follow from the results before it", fault)
        trials[row["number"]] = apply(known, row)
    if n_others:
        fault = f"{n_others} of other code, of which {n_unlike} would now be other ones"
        yield _finding("Decisions should be those of this code", fault, harmless=True)


def _repeated(decisions: Decisions, known: Trial, row: Row) -> str | None:
    """How a decision differs when it is made again; None if it does not."""
    measurement = Measurement.model_validate(row["measurement"])
    try:
        stored = Stopped.model_validate(row["stopped"]) if row.get("stopped") else None
        # A damaged ledger may hold any numbers; a warning about them would be no finding.
        with np.errstate(all="ignore"):
            decision, stopped = decisions.decide(known, measurement)
    except (ArithmeticError, LookupError, MemoryError, ValueError) as error:
        return one_line(f"{type(error).__name__}: {error}")
    if decision != row["decision"]:
        return f"{row['decision']}, not {decision}"
    return None if _same(stored, stopped) else f"stopped {_words(stored)}, not {_words(stopped)}"


def _words(stopped: Stopped | None) -> str:
    if stopped is None:
        return "nowhere"
    return f"({' '.join(f'{name}={value!r}' for name, value in stopped)})"


def _same(stored: Stopped | None, other: Stopped | None) -> bool:
    if stored is None or other is None:
        return stored is other
    pairs = zip(stored.model_dump().values(), other.model_dump().values(), strict=True)
    return all(_close(left, right) for left, right in pairs)


def _close(value: float | None, other: float | None) -> bool:
    if value is None or other is None:
        return value is other
    return math.isclose(value, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _finding(rule: str, fault: str, *, harmless: bool = False) -> Finding:
    return Finding(FILE_NAME, rule, fault, harmless)
