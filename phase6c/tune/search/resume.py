"""The check whether a stored study may be gone on with under the options given now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phase6c.config import Values
from phase6c.errors import ConfigError, DataError
from phase6c.space.axes import parse_axes
from phase6c.space.budget import Budget
from phase6c.space.references import rules_of_today
from phase6c.space.space import with_defaults
from phase6c.study.study_config import StudyConfig, WarmStart

# Fields that a resume may change, or that the run itself fills in.
_MAY_CHANGE = {
    "study_id",
    "sources",  # the digest tells whether they hold the same bars
    "handling",
    "n_trials",
    "time_budget_s",
    "code_version",
    "baselines",
    "value_corrected",
    "gains_corrected",
    "complete",
    "data_summary",
}

# Fields with a comparison of their own: a grid may grow, a digest says more than that it differs,
# and a source may lie elsewhere.
_TOLD_APART = {"space", "data_digest", "warm_start"}


def check_resumable(stored: StudyConfig, wanted: StudyConfig) -> None:
    """Checks that no difference would mix two searches in a single study.

    Trials and time may change, grids may grow and fields that had their default may become axes;
    the code's version is recorded per trial.

    Raises:
        DataError: The bars have changed.
        ConfigError: Another field has changed; the differences are listed.
    """
    # Other data options make another digest, and are told field by field below.
    if stored.data == wanted.data:
        check_same_data(stored, wanted.data_digest, wanted.data_summary)
    before, after = (config.model_dump(mode="json") for config in (stored, wanted))
    compared = before.keys() - {*_MAY_CHANGE, *_TOLD_APART}
    differences = [
        difference
        for name in before
        if name in compared
        for difference in _differences(name, before[name], after[name])
    ]
    differences += _space_differences(stored, wanted)
    differences += _warm_start_differences(stored.warm_start, wanted.warm_start)
    if differences:
        raise ConfigError(
            "A study is resumed with the options that it was started with",
            "; ".join(differences),
            "Give the stored options, or start another study with another `name`.",
        )


def check_same_data(stored: StudyConfig, digest: str, summary: Values) -> None:
    """Checks that a study still has the data that it was started with.

    Raises:
        DataError: The bars have changed, or the features that the code makes of them.
    """
    if stored.data_digest == digest:
        return
    # The digest of a study's data is of the made features: the bars' own digest tells the causes
    # apart.
    if stored.data_summary.get("bars_digest") == summary.get("bars_digest"):
        rule = "A study needs code that makes the same of its bars"
        remedy = (
            "Use the code that it was started with, or start another study with another `name`."
        )
    else:
        rule = "A study needs the bars that it was started with"
        remedy = "Restore the file, or start another study with another `name`."
    raise DataError(rule, f"digest {digest[:12]}, stored {stored.data_digest[:12]}", remedy)


def _differences(name: str, before: Any, after: Any) -> Iterator[str]:
    """The differences, field by field."""
    if isinstance(before, dict) and isinstance(after, dict):
        for field in before:
            yield from _differences(field, before[field], after.get(field))
    elif before != after:
        yield f"{name}: {before!r} -> {after!r}"


def _space_differences(stored_config: StudyConfig, wanted_config: StudyConfig) -> list[str]:
    """The differences between two spaces, apart from grids and axes that have been added to."""
    stored, wanted = stored_config.space, wanted_config.space
    # What a trial had that was not searched: as the study trains, or the field's default.
    unsearched = with_defaults(stored_config.train.model_dump(), wanted["axes"])
    budget = stored["budget"] and Budget.model_validate(stored["budget"]).model_dump(mode="json")
    stored = {**stored, "rules": rules_of_today(stored["rules"]), "budget": budget}
    differences = [
        f"space {name}: {stored[name]!r} -> {wanted[name]!r}"
        for name in ("name", "budget", "fixed", "rules")
        if stored[name] != wanted[name]
    ]
    for name in sorted({*stored["axes"], *wanted["axes"]}):
        before, after = stored["axes"].get(name), wanted["axes"].get(name)
        is_new = not before and after and _holds(after, unsearched.get(name))
        if before != after and not (is_new or _has_grown(before, after)):
            differences.append(f"axis {name}: {before} -> {after}")
    return differences


def _warm_start_differences(stored: WarmStart | None, wanted: WarmStart | None) -> list[str]:
    """The difference between the trials of two sources, wherever the sources are."""
    before, after = (
        f"{start.source} ({start.source_digest[:12]})" if start else None
        for start in (stored, wanted)
    )
    same = (stored and stored.source_digest) == (wanted and wanted.source_digest)
    return [] if same else [f"warm_start: {before} -> {after}"]


def _has_grown(before: Values | None, after: Values | None) -> bool:
    """Whether a grid has all its earlier values; the trials of the study are still in its space."""
    if not before or not after or before["kind"] != "grid" or after["kind"] != "grid":
        return False
    return set(before["values"]) <= set(after["values"])


def _holds(axis: Values, value: Any) -> bool:
    """Whether a field that has become an axis can still take the value that it had."""
    return value is not None and parse_axes({"axis": axis})["axis"].contains(value)
