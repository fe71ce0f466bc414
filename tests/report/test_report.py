"""A report is one page that needs nothing else, and the same figures as JSON, CSV and PNG."""

import csv
import json
import re
from html.parser import HTMLParser

import pytest

from phase6c.document.section import Table
from phase6c.errors import ConfigError, FolderError
from phase6c.report.report import as_csv, make_report, write_report
from phase6c.statistics.bootstrap import Estimate


@pytest.fixture(scope="module")
def written(tmp_path_factory, small_study):
    study = small_study(tmp_path_factory.mktemp("report") / "study")
    report = make_report([study.folder], draws=50)
    return write_report(report, study.folder / "report").parent, report


def test_the_page_is_whole_and_loads_nothing(written):
    page = (written[0] / "report.html").read_text()
    parser = HTMLParser()
    parser.feed(page)
    assert page.rstrip().endswith("</html>")
    assert page.count("<script") == 1
    for pattern in (r"<script [^>]", r"<link", r"src=", r"@import", r"url\((?!#)"):
        assert not re.search(pattern, page), pattern
    assert set(re.findall(r'href="([^"#]+)', page)) == set()
    assert page.count("<svg") == 6


def test_the_verdict_and_what_mattered_are_open_and_the_rest_is_folded(written):
    page = (written[0] / "report.html").read_text()
    folded = page.index('<details class="section"')
    marks = ('class="verdict"', 'class="figures"', 'id="convergence-trials-', "What mattered</h2>")
    for mark in marks:
        assert -1 < page.find(mark) < folded, mark
    for section in written[1].parts[0].sections:
        assert f'id="hpo_tiny_h1-{section.name}"' in page


def test_the_title_names_study_bars_and_date(written):
    title = re.search(r"<title>(.*)</title>", (written[0] / "report.html").read_text()).group(1)
    assert re.fullmatch(r"hpo_tiny_h1, .+, \d{4}-\d\d-\d\d - phase6c", title)


def test_every_table_is_a_csv_file_and_in_the_json(written):
    folder, report = written
    stored = json.loads((folder / "report.json").read_text())
    assert stored["schema"] == "phase6c.report/1"
    (part,) = report.parts
    names = {table.name for section in part.sections for table in section.tables}
    assert {path.stem for path in (folder / "tables").iterdir()} == names
    in_json = stored["parts"][0]["sections"]
    assert {name for one in in_json.values() for name in one["tables"]} == names
    best = list(csv.DictReader((folder / "tables" / "best.csv").read_text().splitlines()))
    assert float(best[0]["AUC low"]) < float(best[0]["AUC"]) < float(best[0]["AUC high"])
    assert in_json["best"]["tables"]["best"][0]["AUC"]["value"] == float(best[0]["AUC"])


def test_every_plot_is_a_png_file(written):
    folder, report = written
    plots = {path.name: path.read_bytes() for path in (folder / "plots").iterdir()}
    assert set(plots) == {f"{one.name}.png" for one in report.parts[0].pictures}
    assert all(content.startswith(b"\x89PNG") for content in plots.values())


@pytest.mark.slow
def test_the_same_study_gives_the_same_report(written):
    folder, _ = written
    before = (folder / "report.html").read_bytes()
    write_report(make_report([folder.parent], draws=50), folder)
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.slow
def test_names_from_a_study_are_text_and_no_markup(tmp_path, small_study):
    study = small_study(tmp_path / "study", name="<script>alert(1)</script>")
    page = write_report(make_report([study.folder], draws=0), tmp_path / "report").read_text()
    assert "<script>alert" not in page


def test_a_file_of_trials_has_a_report_of_its_own(tmp_path):
    trials = [{"params": {"n_heads": n, "dropout": 0.1 * n}, "auc": 0.7} for n in (2, 4, 8)]
    path = tmp_path / "january.json"
    path.write_text(json.dumps(trials))
    (part,) = make_report([path], draws=100).parts
    names = [section.name for section in part.sections]
    assert {"convergence", "gaps"} <= set(names)
    assert "probabilities" not in names


@pytest.mark.slow
def test_several_studies_have_a_part_each_and_one_across(tmp_path, small_study):
    folders = [small_study(tmp_path / name, name=name).folder for name in ("one", "two")]
    report = make_report(folders, draws=0)
    assert [part.name for part in report.parts] == ["across", "one", "two"]
    written = write_report(report, tmp_path / "report").parent
    assert (written / "one" / "tables" / "best.csv").exists()
    assert (written / "across" / "plots" / "scaling.png").exists()


def test_a_killed_study_is_reported_as_far_as_it_came(
    tmp_path, write_trials, study_config, trial_of
):
    trials = [trial_of(0, 0.7, state="RUNNING"), trial_of(1, None, state="FAILED", seed=1)]
    write_trials(tmp_path, study_config(), trials)
    (part,) = make_report([tmp_path], draws=10).parts
    assert dict(part.facts)["complete"].startswith("no")


def test_an_estimate_takes_three_columns_of_a_csv_file():
    found = Estimate(value=0.5, low=0.4, high=0.6)
    table = Table(name="a", title="", columns=("", "x"), rows=(("a,b", found), ("c", 0.7)))
    assert as_csv(table) == ',x,x low,x high\n"a,b",0.5,0.4,0.6\nc,0.7,,\n'


@pytest.mark.slow
def test_a_report_leaves_nothing_of_an_earlier_one(tmp_path, small_study):
    study = small_study(tmp_path / "study")
    folder = tmp_path / "report"
    write_report(make_report([study.folder], draws=0), folder)
    path = tmp_path / "january.json"
    trials = [{"params": {"n_heads": n}, "auc": 0.7} for n in (2, 4, 8)]
    path.write_text(json.dumps(trials))
    report = make_report([path], draws=0)
    write_report(report, folder)
    names = {table.name for section in report.parts[0].sections for table in section.tables}
    assert {one.stem for one in (folder / "tables").iterdir()} == names
    assert not (folder / "plots" / "reliability.png").exists()


def test_a_search_is_taken_once(tmp_path, small_study):
    study = small_study(tmp_path / "study")
    with pytest.raises(ConfigError, match="takes each search once"):
        make_report([study.folder, study.folder / ".." / "study"], draws=0)


@pytest.mark.slow
def test_studies_of_one_name_in_other_folders_are_told_apart(tmp_path, small_study):
    folders = [tmp_path / tier / "hpo_tiny_h1" for tier in ("phase6c_a20", "phase6c_a100")]
    for folder in folders:
        small_study(folder)
    report = make_report(folders, draws=0)
    names = ["across", "phase6c_a20_hpo_tiny_h1", "phase6c_a100_hpo_tiny_h1"]
    assert [part.name for part in report.parts] == names
    (table,) = report.parts[0].sections[0].tables
    assert [row[0] for row in table.rows] == names[1:]


@pytest.mark.slow
def test_a_folder_that_cannot_be_made_is_the_output_folder_s_fault(tmp_path, small_study):
    study = small_study(tmp_path / "study")
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match="output folder must be writable"):
        write_report(make_report([study.folder], draws=0), tmp_path / "file")
