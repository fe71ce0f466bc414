"""The whole report: what is said, drawn and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from phase6c.analysis.contrasts import contrasts
from phase6c.analysis.trials import Search, read_search
from phase6c.config import DRAWS
from phase6c.document.document import Document, Part, page
from phase6c.document.section import Cell, Section, Table
from phase6c.errors import ConfigError
from phase6c.report.convergence import convergence
from phase6c.report.direction import direction
from phase6c.report.gaps import gaps
from phase6c.report.leaderboard import best_of_file, leaderboard
from phase6c.report.parameters import parameters
from phase6c.report.pictures import across, pictures
from phase6c.report.probabilities import probabilities
from phase6c.report.probes import probes
from phase6c.report.reading import Reading, read
from phase6c.report.rungs import rungs
from phase6c.report.scaling import check_comparable, scaling
from phase6c.report.top import about, key_figures, verdicts
from phase6c.report.where_it_gains import parts
from phase6c.statistics.bootstrap import Estimate
from phase6c.storage.files import make_folder, remove, write_json, write_whole
from phase6c.study.study_folder import distinct_names, not_writable
from phase6c.version import code_version

PAGE_FILE, JSON_FILE = "report.html", "report.json"
# The section that a reader wants next to the top; all others are folded.
_OPENED = ("parameters",)


def make_report(paths: Sequence[str | PathLike[str]], draws: int = DRAWS) -> Document:
    """Reads searches and reports on them; trains nothing.

    Args:
        paths: Studies or their folders, or JSON files of trials that another program left.
        draws: Number of draws of every bootstrap; 0 leaves the intervals out. With as many as at
            the end of a search, the default, report and closing lines say the same.

    Raises:
        ConfigError: A search is named twice.
        FolderError: There is no study in a folder.
        DataError: A file does not hold trials, or the studies cannot be compared.
        StorageError: A file of a study is damaged.
    """
    searches = _named_apart([read_search(path) for path in paths])
    check_comparable([search.study for search in searches if search.study is not None])
    readings = [read(search, draws) for search in searches]
    parts = [_part(reading) for reading in readings]
    if len(readings) > 1:
        parts.insert(0, _across(readings))
    return Document(parts=tuple(parts), draws=draws, code_version=code_version())


def _named_apart(searches: Sequence[Search]) -> list[Search]:
    """The searches with names of their own, which tell parts apart in the page and the folder.

    Raises:
        ConfigError: A search is named twice.
    """
    places = [search.path.resolve() for search in searches]
    twice = sorted({str(place) for place in places if places.count(place) > 1})
    if twice:
        rule = "A report takes each search once"
        raise ConfigError(rule, ", ".join(twice), "Name it once.")
    names = distinct_names([search.name for search in searches], places)
    return [replace(search, name=name) for search, name in zip(searches, names, strict=True)]


def write_report(report: Document, folder: Path) -> Path:
    """Writes the page, the JSON, a CSV file for each table and a PNG file for each plot.

    Returns:
        Path of the page.

    Raises:
        FolderError: The folder cannot be made.
        StorageError: A file cannot be written.
    """
    _make(folder)
    for part in report.parts:
        where = folder / part.name if len(report.parts) > 1 else folder
        for kind in ("tables", "plots"):
            make_folder(where / kind)
        for section in part.sections:
            for table in section.tables:
                write_whole(where / "tables" / f"{table.name}.csv", as_csv(table))
        for picture in part.pictures:
            write_whole(where / "plots" / f"{picture.name}.png", picture.png)
    write_json(folder / JSON_FILE, report.document())
    write_whole(folder / PAGE_FILE, page(report))
    return folder / PAGE_FILE


def _make(folder: Path) -> None:
    """Makes the folder, or takes the tables and plots of an earlier report out of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    # Only a folder that holds a report is cleaned: other files in it are somebody else's.
    if (folder / JSON_FILE).exists():
        for pattern in ("tables/*.csv", "plots/*.png"):
            for path in (*folder.glob(pattern), *folder.glob(f"*/{pattern}")):
                remove(path)


def as_csv(table: Table) -> str:
    """The table's rows; an estimate takes three columns."""
    wide = [
        any(isinstance(row[at], Estimate) for row in table.rows) for at in range(len(table.columns))
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header: list[str] = []
    for name, is_wide in zip(table.columns, wide, strict=True):
        header += [name, f"{name} low", f"{name} high"] if is_wide else [name]
    writer.writerow(header)
    for row in table.rows:
        writer.writerow(
            value
            for cell, is_wide in zip(row, wide, strict=True)
            for value in _cells(cell, is_wide)
        )
    return text.getvalue()


def _cells(cell: Cell, is_wide: bool) -> Iterator[Cell]:
    if isinstance(cell, Estimate):
        yield from (cell.value, cell.low, cell.high)
    else:
        yield from (cell, None, None) if is_wide else (cell,)


def _part(reading: Reading) -> Part:
    search, study = reading.search, reading.search.study
    sections = [
        parameters(search, reading.effects, reading.draws),
        convergence(search),
        gaps(search),
    ]
    if study is None:
        sections.insert(0, best_of_file(search, reading.winner))
    else:
        sections = [
            leaderboard(study, reading.validation, reading.corrected, reading.winner),
            rungs(study),
            *sections,
            *_probes(reading),
            probabilities(study, reading.validation),
            direction(study, reading.validation),
            *parts(study, reading.validation),
        ]
    return Part(
        search.name,
        tuple(_facts(reading)),
        tuple(sections),
        tuple(pictures(reading)),
        about=about(reading),
        verdicts=verdicts(reading),
        figures=key_figures(reading),
        opened=_OPENED,
    )


def _probes(reading: Reading) -> Iterator[Section]:
    study = reading.search.study
    if study is not None and any(trial.source == "probe" for trial in study.trials):
        shown = contrasts(study, draws=reading.draws) if reading.draws else ()
        yield probes(reading.search, shown)


def _facts(reading: Reading) -> Iterator[tuple[str, str]]:
    search, study = reading.search, reading.search.study
    yield "from", str(search.path)
    if study is None:
        yield "trials", f"{len(search.results)}, read from a file"
        return
    config, summary = study.config, study.config.data_summary
    data = config.data
    yield "budget", config.budget
    yield "label", f"{data.target}, tier {data.tier}"
    if "val" in summary:
        val = summary["val"]
        dates = f"{val['first_date']} to {val['last_date']}"
        yield "validation", f"{dates}, {val['rows']:,} windows, base rate {val['base_rate']:.3f}"
    yield "searched by", f"{config.searcher} and {config.scheduler}, seed {config.seed}"
    yield "sampler", config.proposer
    yield "complete", "yes" if config.complete else "no: trials are missing or still running"
    yield "code", config.code_version


def _across(readings: Sequence[Reading]) -> Part:
    section = scaling(readings)
    drawn = across(section.tables)
    names = ", ".join(reading.search.name for reading in readings)
    facts = (("studies", names),)
    return Part(
        "across",
        facts,
        (section,),
        tuple(drawn),
        (names,),
        opened=(section.name,),
        heading="The searches compared",
    )
