"""Whether the views of a study show what its ledger says, and never more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from phase6c.config import Values
from phase6c.study.ledger import Row, Trials, apply
from phase6c.study.ranking import best_trial, ordered
from phase6c.study.study_config import BEST_PARAMS_FILE, STUDY_FILE, TRIALS_FILE, StudyConfig
from phase6c.study.views.json_files import all_trials, best_params
from phase6c.verify.files import Finding, difference

_BEHIND = "a state from before the ledger's last row"
_LATE_FIELDS = ("value_corrected", "gains_corrected", "notes")


def check_complete(config: StudyConfig, trials: Trials) -> Iterator[Finding]:
    """Whether the study is called complete when it is."""
    chosen = sum(trial.chosen for trial in trials.values())
    unfinished = [
        trial.number for trial in trials.values() if trial.searched and not trial.finished
    ]
    if config.complete and unfinished:
        rule = "A complete study must have no unfinished trial"
        yield Finding(STUDY_FILE, rule, f"trial {unfinished[0]}")
    elif config.complete and chosen < config.n_trials:
        rule = f"A complete study should have {config.n_trials} trials, unless its space has fewer"
        yield Finding(STUDY_FILE, rule, str(chosen), harmless=True)
    elif not config.complete and chosen >= config.n_trials and not unfinished:
        rule = "A study whose trials have all ended should be complete"
        reason = "it was ended before it could say so; resuming it does"
        yield Finding(STUDY_FILE, rule, reason, harmless=True)


def check_all_trials(
    shown: Values, config: StudyConfig, rows: Sequence[Row], trials: Trials
) -> Iterator[Finding]:
    """Whether all_trials.json shows the ledger; of an unfinished study, as it is or once was.

    Probes come when a study is complete, and may be cut short as a search may.

    Args:
        shown: Content of the file; empty where there is no file.
        config: Configuration of the study.
        rows: Rows of the ledger.
        trials: Trials that the rows imply.
    """
    if not (shown or rows):
        return
    same_study = _at(shown, "study", "study_id") == config.study_id
    behind = not shown or (same_study and _was_so(shown.get("trials"), config, rows))
    expected = all_trials(config, trials)
    if _shows(shown, config):
        shown = {**shown, "study": expected["study"]}
    settled = config.complete and all(trial.searched for trial in trials.values())
    yield from _compare(TRIALS_FILE, shown, expected, harmless=behind and not settled)


def check_best_params(
    shown: Values, config: StudyConfig, rows: Sequence[Row], trials: Trials
) -> Iterator[Finding]:
    """Whether best_params.json shows the best eligible trial, or of an unfinished study a former.

    Args:
        shown: Content of the file; empty where there is no file.
        config: Configuration of the study.
        rows: Rows of the ledger.
        trials: Trials that the rows imply.
    """
    best = best_trial(ordered(trials), config)
    expected = best_params(config, best) if best else {}
    former = [best_params(config, trials[number]) for number in _former_bests(rows, config)]
    behind = not shown or any(_are_alike(shown, best_then) for best_then in former)
    yield from _compare(BEST_PARAMS_FILE, shown, expected, harmless=behind and not config.complete)


def _shows(shown: Values, config: StudyConfig) -> bool:
    """Whether it shows this study; fields that a later version added may be absent."""
    try:
        return StudyConfig.model_validate(shown.get("study")) == config
    except ValueError:
        return False


def _compare(file: str, shown: Values, expected: Values, *, harmless: bool) -> Iterator[Finding]:
    fault = difference(shown, expected)
    if fault:
        fault = (_BEHIND if shown else "nothing yet") if harmless else fault
        yield Finding(file, "It must show what the ledger says", fault, harmless)


def _was_so(shown: Any, config: StudyConfig, rows: Sequence[Row]) -> bool:
    """Whether these were the trials after any of the ledger's rows, or before the first."""
    if not isinstance(shown, list):
        return False
    by_number = {
        summary["number"]: summary for summary in shown if isinstance(_at(summary, "number"), int)
    }
    # A killed search leaves the views of some earlier moment: the ledger is followed row by row
    # until its trials are those that are shown.
    trials, equal = Trials(), set[int]()
    for row in rows:
        if len(equal) == len(trials) == len(shown):
            return True
        number = row["number"]
        trials[number] = apply(trials.get(number), row)
        summary = trials[number].summary(config.objective)
        same = difference(by_number.get(number), summary) is None
        (equal.add if same else equal.discard)(number)
    return len(equal) == len(trials) == len(shown)


def _former_bests(rows: Sequence[Row], config: StudyConfig) -> list[int]:
    """The numbers of the trials that were the best when they ended."""
    bests: list[int] = []
    trials = Trials()
    for row in rows:
        number = row["number"]
        trials[number] = apply(trials.get(number), row)
        if trials[number].finished:
            best = best_trial([trials[candidate] for candidate in (*bests[-1:], number)], config)
            if best is trials[number]:
                bests.append(number)
    return bests


def _are_alike(shown: Values, former: Values) -> bool:
    """Whether they are the same but for fields that only a complete search can know."""
    late = {name: former[name] for name in _LATE_FIELDS}
    return difference({**shown, **late}, former) is None


def _at(value: Any, *names: str) -> Any:
    """The value under nested names; None if anything on the way is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
