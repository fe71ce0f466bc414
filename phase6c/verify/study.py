"""Whether a study's files say what its ledger says; checked from outside, changing nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from pydantic import TypeAdapter

from phase6c.config import Values, check_names, parse, settable_fields
from phase6c.errors import ConfigError, FolderError
from phase6c.space.axes import Axis
from phase6c.space.budget import Budget
from phase6c.study.ledger import FILE_NAME, Trials
from phase6c.study.study_config import BEST_PARAMS_FILE, STUDY_FILE, TRIALS_FILE, StudyConfig
from phase6c.study.trial_folder import is_trial_name
from phase6c.verify.files import Finding, MismatchError, StudyFiles, settled
from phase6c.verify.ledger import StoredLedger, check_decisions, check_trials, read_ledger
from phase6c.verify.trial import check_kept_weights, check_trial, folder_name
from phase6c.verify.views import check_all_trials, check_best_params, check_complete

P = ParamSpec("P")
Read = TypeVar("Read")


@dataclass(frozen=True)
class Verification:
    """The outcome of the check of a study.

    Attributes:
        findings: Rules that do not hold.
        notes: Leftovers of an interrupted search, with nothing lost.
        n_trials: Number of trials in the ledger.
    """

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    n_trials: int

    @property
    def ok(self) -> bool:
        """Whether all holds."""
        return not self.findings


def verify(folder: str | Path) -> Verification:
    """Checks a study, running or not; nothing of it is executed, locked or changed.

    Raises:
        FolderError: There is no study in the folder.
    """
    files = StudyFiles(Path(folder))
    if not files.has(STUDY_FILE):
        raise FolderError(
            "A study's folder must hold a study.json",
            folder,
            "Name the folder of a study, such as outputs/phase6c_a100/hpo_2m_h1.",
        )
    before = _ledger_bytes(files)
    report = _report(files)
    # Nothing was appended meanwhile: no search is running, so that the faults are real.
    if report.ok or _ledger_bytes(files) == before:
        return report
    # A file that a running search was just writing does not look wrong twice.
    again = _report(files)
    known = {(finding.file, finding.rule) for finding in report.findings}
    findings = tuple(finding for finding in again.findings if (finding.file, finding.rule) in known)
    return Verification(findings, again.notes, again.n_trials)


def _ledger_bytes(files: StudyFiles) -> int:
    try:
        return files.path(FILE_NAME).stat().st_size
    except (MismatchError, OSError):
        return -1


def _report(files: StudyFiles) -> Verification:
    seen: list[Finding] = []
    config = _attempt(seen, _read_config, files)
    # Before the ledger: what they show must stand in it by then.
    shown = [_attempt(seen, _read_view, files, name) for name in (TRIALS_FILE, BEST_PARAMS_FILE)]
    ledger = _attempt(seen, _read_ledger, files)
    if ledger is not None:
        seen += ledger.findings
    if config is None or ledger is None or not ledger.sound:
        rule = "Files should be compared with the ledger"
        why = "not done before study.json and ledger.jsonl are sound"
        seen.append(Finding(".", rule, why, harmless=True))
    else:
        seen += settled(_check_entries(files, ledger.trials))
        seen += _compare(files, config, ledger, *shown)
    findings, notes = (
        tuple(finding for finding in seen if finding.harmless == harmless)
        for harmless in (False, True)
    )
    return Verification(findings, notes, len(ledger.trials) if ledger else 0)


def _attempt(
    seen: list[Finding], read: Callable[P, Read], *args: P.args, **kwargs: P.kwargs
) -> Read | None:
    """The value that `read` returns; None, with a finding more, where it gives up."""
    try:
        return read(*args, **kwargs)
    except MismatchError as error:
        seen.append(error.finding)
        return None


def _read_config(files: StudyFiles) -> StudyConfig:
    content = files.read_json(STUDY_FILE)
    try:
        config = parse(StudyConfig, content)
        axes: TypeAdapter[Axis] = TypeAdapter(Axis)
        check_names(config.space["axes"], settable_fields(), "search axis")
        for described in config.space["axes"].values():
            axes.validate_python(described)
        if config.space["budget"] is not None:
            Budget.model_validate(config.space["budget"])
    except ConfigError as error:
        raise MismatchError(STUDY_FILE, error.rule, error.value) from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise MismatchError(STUDY_FILE, "It must hold a search space", error) from error
    return config


def _read_view(files: StudyFiles, name: str) -> Values:
    return files.read_json(name) if files.has(name) else {}


def _read_ledger(files: StudyFiles) -> StoredLedger:
    """The ledger; a study that was ended before its first trial has no ledger."""
    begun = files.has(TRIALS_FILE) or any(map(is_trial_name, files.names()))
    if not files.has(FILE_NAME) and not begun:
        return StoredLedger((), {}, ())
    return read_ledger(files)


def _compare(
    files: StudyFiles,
    config: StudyConfig,
    ledger: StoredLedger,
    all_trials: Values | None,
    best_params: Values | None,
) -> Iterator[Finding]:
    rows, trials = ledger.rows, ledger.trials
    yield from check_trials(trials, config)
    yield from check_decisions(rows, config)
    yield from check_complete(config, trials)
    if all_trials is not None:
        yield from check_all_trials(all_trials, config, rows, trials)
    if best_params is not None:
        yield from check_best_params(best_params, config, rows, trials)
    for trial in trials.values():
        yield from check_trial(files, trial, config)
    yield from check_kept_weights(files, trials, config)


def _check_entries(files: StudyFiles, trials: Trials) -> Iterator[Finding]:
    """Whether each trial's folder has a trial, and nothing was left half written."""
    folders = [".", *(folder_name(number) for number in trials if files.has(folder_name(number)))]
    for folder in folders:
        for name in files.names(folder):
            if name.startswith(".") and name.endswith(".tmp"):
                path = name if folder == "." else f"{folder}/{name}"
                rule = "A file should be written to its end"
                yield Finding(path, rule, "one that a kill cut short", harmless=True)
    known = {folder_name(number) for number in trials}
    for name in files.names():
        if is_trial_name(name) and name not in known:
            rule = "The folder of a trial must have its trial in the ledger"
            yield Finding(name, rule, "none", harmless=name == folder_name(len(trials)))
