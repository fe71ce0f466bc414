"""Whether a stored study may be gone on with under the options given now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phase6c.config import Values
from phase6c.errors import ConfigError, DataError
from phase6c.study.study_config import StudyConfig, WarmStart

_MAY_CHANGE = {
    "study_id",
    "sources",  # the digest tells whether they hold the same
    "n_trials",
    "time_budget_s",
    "code_version",
    "baselines",
    "value_corrected",
    "complete",
    "data_summary",
}

# Compared by what matters of them.
_TOLD_APART = {"space", "data_digest", "warm_start"}


def check_resumable(stored: StudyConfig, wanted: StudyConfig) -> None:
    """Checks that nothing differs that would mix two searches in one study.

    Trials and time may change and grids may grow; the code's version is recorded per trial.

    Raises:
        DataError: The bars have changed.
        ConfigError: Something else has; the differences are listed.
    """
    if stored.data == wanted.data:
        check_same_data(stored, wanted.data_digest, wanted.data_summary)
    before, after = (one.model_dump(mode="json") for one in (stored, wanted))
    compared = before.keys() - {*_MAY_CHANGE, *_TOLD_APART}
    differences = [
        difference
        for name in before
        if name in compared
        for difference in _differences(name, before[name], after[name])
    ]
    differences += _space_differences(stored.space, wanted.space)
    differences += _warm_start_differences(stored.warm_start, wanted.warm_start)
    if differences:
        raise ConfigError(
            "A study is resumed with the options that it was started with",
            "; ".join(differences),
            "Give the stored options, or start another study with another `name`.",
        )


def check_same_data(stored: StudyConfig, digest: str, summary: Values) -> None:
    """Checks that the data of a study are still those that it was started with.

    Raises:
        DataError: The bars, or what the code makes of them, have changed.
    """
    if stored.data_digest == digest:
        return
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
    """What differs, field by field."""
    if isinstance(before, dict) and isinstance(after, dict):
        for field in before:
            yield from _differences(field, before[field], after.get(field))
    elif before != after:
        yield f"{name}: {before!r} -> {after!r}"


def _space_differences(stored: Values, wanted: Values) -> list[str]:
    """What differs, apart from grids that have grown."""
    found = [
        f"space {name}: {stored[name]!r} -> {wanted[name]!r}"
        for name in ("name", "budget", "fixed", "rules")
        if stored[name] != wanted[name]
    ]
    for name in sorted({*stored["axes"], *wanted["axes"]}):
        before, after = stored["axes"].get(name), wanted["axes"].get(name)
        if before != after and not _has_grown(before, after):
            found.append(f"axis {name}: {before} -> {after}")
    return found


def _warm_start_differences(stored: WarmStart | None, wanted: WarmStart | None) -> list[str]:
    """Whether two sources differ in what they say, wherever they are."""
    before, after = (
        f"{one.source} ({one.source_digest[:12]})" if one else None for one in (stored, wanted)
    )
    same = (stored and stored.source_digest) == (wanted and wanted.source_digest)
    return [] if same else [f"warm_start: {before} -> {after}"]


def _has_grown(before: Values | None, after: Values | None) -> bool:
    if not before or not after or before["kind"] != "grid" or after["kind"] != "grid":
        return False
    return set(before["values"]) <= set(after["values"])
