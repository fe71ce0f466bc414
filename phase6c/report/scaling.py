"""Several studies side by side: against true parameter counts, compute, tiers and horizons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from phase6c.analysis.validation import best_logits, with_doubt
from phase6c.document.section import Cell, Section, Table, number
from phase6c.report.reading import Reading
from phase6c.study.study import Study, check_same

_COLUMNS = (
    *("study", "tier", "parameters", "epochs trained", "seconds trained"),
    *("AUC", "AUC corrected", "log loss"),
)


def scaling(readings: Sequence[Reading]) -> Section:
    """The best of each study, a table for each horizon and label; all of the same rows."""
    studies = [
        (reading, reading.search.study) for reading in readings if reading.search.study is not None
    ]
    # Another label or horizon is another task: its figures are no better or worse than these.
    panels: dict[str, list[tuple[Reading, Study]]] = defaultdict(list)
    for reading, study in studies:
        panels[_panel_of(study)].append((reading, study))
    tables = tuple(
        Table(
            name=f"scaling_{position}",
            title=panel,
            columns=_COLUMNS,
            rows=tuple(_row(reading, study) for reading, study in inside),
        )
        for position, (panel, inside) in enumerate(panels.items(), start=1)
    )
    says = [line for panel, inside in panels.items() for line in _says(panel, inside)]
    return Section(name="scaling", title="Across studies", says=tuple(says), tables=tables)


def _panel_of(study: Study) -> str:
    """The panel of a study: studies are compared within a label and horizon."""
    return f"label {study.config.data.target}"


def check_comparable(studies: Sequence[Study]) -> None:
    """Refuses studies whose figures cannot be put side by side.

    Raises:
        DataError: They are not of the same bars and block dates.
    """
    aspects = {"bars": _bars, "block dates": _first_days}
    check_same(studies, aspects, "in one report", "Report on them one by one.")


def _bars(study: Study) -> str:
    return str(study.config.data_summary.get("bars_digest"))[:12]


def _first_days(study: Study) -> str:
    """The first days of the blocks; their last days depend on the horizon, which is the purge."""
    blocks = ((name, study.config.data_summary.get(name, {})) for name in ("val", "cal"))
    return " and ".join(f"{name} from {block.get('first_date')}" for name, block in blocks)


def _row(reading: Reading, study: Study) -> tuple[Cell, ...]:
    best, validation = study.best, reading.validation
    measured = best.best(study.config.objective) if best else None
    auc, log_loss = (
        with_doubt(measured.metrics, validation, best_logits(study, validation))
        if measured
        else (None, None)
    )
    corrected = reading.corrected.value if reading.corrected else None
    return (
        reading.search.name,
        study.config.data.tier,
        best.n_params if best else None,
        sum(trial.epochs for trial in study.trials),
        round(sum(trial.duration_s for trial in study.trials)),
        auc,
        corrected if study.config.objective == "auc" else None,
        log_loss,
    )


def _says(panel: str, inside: Sequence[tuple[Reading, Study]]) -> list[str]:
    """The studies that differ by more than their intervals; the rest cannot be ranked."""
    values = [
        (reading.search.name, reading.corrected.value)
        for reading, study in inside
        if reading.corrected is not None and study.config.objective == "auc"
    ]
    apart = [
        f"{name} above {other}" if first.low > second.high else f"{other} above {name}"
        for (name, first), (other, second) in combinations(values, 2)
        # Intervals that do not overlap: cautious, since the studies share their days and their
        # difference is known better than either.
        if first.low > second.high or second.low > first.high
    ]
    if len(values) < 2:
        return [f"{panel}: not compared; that takes two studies of the objective auc, and draws."]
    if not apart:
        spread = max(estimate.value for _, estimate in values) - min(
            estimate.value for _, estimate in values
        )
        return [
            f"{panel}: the corrected AUCs lie within {number(spread)} of each other and their "
            "intervals overlap; size and tier make no difference that these studies can show."
        ]
    return [f"{panel}: beyond their intervals, {'; '.join(apart)}."]
