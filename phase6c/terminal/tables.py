"""The tables of a search and of an evaluation: the data, and the results."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from phase6c.config import CROSS_SECTIONAL, DataConfig, Objective
from phase6c.data.summary import DataSummary
from phase6c.document.section import text
from phase6c.records import STATES, Metrics, objective_value
from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.selection import strongest_rival
from phase6c.stopping.rung_audit import audit_rungs
from phase6c.study.study import Study
from phase6c.study.study_config import StudyConfig
from phase6c.study.views.json_files import best_params
from phase6c.wording import metric_words, words


def plain_table(title: str) -> Table:
    """An empty table without lines, under its title."""
    # As Text: a ticker in square brackets is no markup.
    return Table(title=Text(f"\n{title}"), title_justify="left", box=None, padding=(0, 1, 0, 0))


def data_table(summary: DataSummary, data: DataConfig) -> Table:
    """Dates, rows and base rates of the blocks, without the base rate of the test block."""
    table = plain_table(f"{_tickers(summary.tickers)}: {data.target}, {data.tier}")
    for name in ("block", "first day", "last day", "windows", "base rate"):
        table.add_column(name, justify="left" if name == "block" else "right")
    for name in ("train", "val", "cal", "test"):
        block = getattr(summary, name)
        rate = f"{block.base_rate:.3f}" if name != "test" else "not looked at"
        table.add_row(name, str(block.first_date), str(block.last_date), f"{block.rows:,}", rate)
    return table


def _tickers(names: tuple[str, ...]) -> str:
    """The first few, and how many there are."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} ... ({len(names)})"


def closing_table(study: Study) -> Table:
    """The best trial beside references and baselines, all on the same validation rows."""
    objective = study.config.objective
    table = plain_table(f"{study.config.name}: validation block")
    own = (objective,) if objective in CROSS_SECTIONAL else ()
    shown = map(words, own)
    for name in ("", "params", *shown, "AUC", "log loss", "base rate", "probs", "health"):
        justify: JustifyMethod = "right" if name else "left"
        table.add_column(name, justify=justify, no_wrap=name != "health")
    best = study.best
    if best is not None:
        measured = best.best(objective)
        assert measured is not None
        audited = ", audited" if best.audited else ""
        name = f"trial {best.number}, epoch {measured.epoch}{audited}"
        health = measured.health.verdict
        _add(table, name, best.n_params, measured.metrics, own, health, style="bold")
    for trial in study.trials:
        measured = trial.best(objective)
        if trial.source == "reference" and measured is not None:
            name = trial.name or f"trial {trial.number}"
            _add(table, name, trial.n_params, measured.metrics, own, measured.health.verdict)
    for baseline in study.config.baselines:
        _add(table, words(baseline.name), None, baseline.metrics, own, "")
    return table


def _add(
    table: Table,
    name: str,
    n_params: int | None,
    metrics: Metrics,
    own: Sequence[Objective],
    verdict: str,
    style: str | None = None,
) -> None:
    table.add_row(
        name,
        "-" if n_params is None else f"{n_params:,}",
        *(_figure(objective_value(metrics, objective), 4) for objective in own),
        _figure(metrics.auc, 4),
        _figure(metrics.log_loss, 4),
        _figure(metrics.base_rate, 3),
        f"{_figure(metrics.pred_min, 2)}-{_figure(metrics.pred_max, 2)}",
        verdict,
        style=style,
    )


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def closing_lines(study: Study) -> list[str]:
    """How to read the table, and where everything is."""
    lines = []
    best, config = study.best, study.config
    states = Counter(trial.state for trial in study.trials if trial.searched)
    counts = ", ".join(f"{count} {STATES[state]}" for state, count in states.most_common())
    lines.append(f"Trials: {counts}.")
    if best is not None and config.value_corrected is not None:
        measured = best.best(config.objective)
        assert measured is not None
        n_chosen = sum(trial.chosen for trial in study.trials)
        lines.append(
            f"Corrected for choosing the best of {n_chosen} trials and their epochs: "
            f"{metric_words(config.objective)} {config.value_corrected:.3f} instead of "
            f"{measured.value:.3f}."
        )
        lines += _verdict(config)
    lines += _audit_lines(study)
    lines.append(f"Everything is in {study.folder}")
    report = shlex.join(["phase6c", "report", str(study.folder)])
    lines.append(f"What it found, as a page: {report}")
    lines.append(f"Curves and HParams: tensorboard --logdir {study.folder}")
    return lines


def _audit_lines(study: Study) -> list[str]:
    """A line on the cost of the rungs; none where nothing was audited."""
    audit = audit_rungs(study.trials, study.config)
    if audit is None:
        return []
    low, high = audit.good_share
    return [
        f"Audit of the rungs: {audit.n_audited} of {audit.n_stopped} trials below a rung were "
        f"finished all the same; {audit.n_good} became as good as the best "
        f"1/{study.config.reduction_factor:g} of those let through, which makes {low:.0%} to "
        f"{high:.0%} of all below (95% interval)."
    ]


def _verdict(config: StudyConfig) -> Iterator[str]:
    """Whether the search was worth more than the strongest simple model on the same draws."""
    gains = config.gains_corrected
    rival = strongest_rival(gains)
    if rival is None:
        return
    gain = gains[rival]
    found = f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    if not gain.excludes_zero:
        said = f"No clear difference from {words(rival)}"
    else:
        said = f"{'Better' if gain.low > 0 else 'Worse'} than {words(rival)}"
    yield (
        f"{said} on the same rows: {found} in {metric_words(config.objective)}, positive is better;"
        " other days may say otherwise."
    )


def result_document(study: Study) -> dict[str, Any]:
    """The outcome of a search as JSON."""
    best = study.best
    config = study.config
    audit = audit_rungs(study.trials, config)
    return {
        "schema": "phase6c.tune/1",
        "folder": str(study.folder),
        "complete": config.complete,
        "best": best_params(config, best) if best else None,
        "references": [
            trial.summary(config.objective) for trial in study.trials if trial.source == "reference"
        ],
        "baselines": [baseline.model_dump(mode="json") for baseline in config.baselines],
        "states": dict(Counter(trial.state for trial in study.trials if trial.searched)),
        "rung_audit": audit.model_dump(mode="json") if audit else None,
    }


def card_table(rows: Sequence[Mapping[str, Any]], title: str) -> Table:
    """A table of card.json, cut to the columns that fit into a terminal of 80."""
    table = plain_table(title)
    # Where it is narrow, names are broken between their words, and no interval.
    table.add_column("model")
    for name in ("log loss", "gain over best", "AUC"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        loss = f"{row['log loss']['value']:.4f}"
        figures = (row["gain over best baseline"], row["AUC"])
        estimates = (one and Estimate.model_validate(one) for one in figures)
        table.add_row(row["model"], loss, *map(text, estimates))
    return table
