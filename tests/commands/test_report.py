"""The command that reads studies: what it prints, where it writes and how it ends."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from phase6c.analysis.correction import correct_best
from phase6c.report.report import make_report

from .conftest import LAUNCH, load_command


@pytest.fixture(scope="module")
def report():
    """Runs `phase6c report` in this process."""
    command = load_command("report")
    return lambda *options: CliRunner().invoke(command, [str(one) for one in options])


@pytest.fixture
def study(tmp_path, small_study):
    return small_study(tmp_path / "[some] study")


@pytest.mark.slow
def test_a_report_is_written_beside_the_study_and_named(report, study):
    done = report(study.folder, "--draws", 0)
    assert (done.exit_code, done.stderr) == (0, "")
    page = study.folder / "report" / "report.html"
    lines = done.stdout.splitlines()
    assert lines[-1] == f"The tables and pictures are in the report, {page}"
    # The verdict comes first, as on the page.
    assert lines[1] == study.config.name
    assert lines[2].startswith("The search is not complete")
    assert lines[3].startswith("Trial 3 has the best validation AUC")
    assert page.exists()
    assert (study.folder / "optuna.db").exists()


def test_by_default_a_report_says_the_value_that_the_search_has_said():
    """As many draws for both: others would give another last digit."""
    (draws,) = (one.default for one in load_command("report").params if one.name == "draws")
    for said in (correct_best, make_report):
        assert inspect.signature(said).parameters["draws"].default == draws


@pytest.mark.slow
def test_optuna_db_is_made_again_only_where_it_is_behind_the_ledger(report, study):
    view, ledger = study.folder / "optuna.db", study.folder / "ledger.jsonl"
    view.write_bytes(b"as it was")
    report(study.folder, "--draws", 0)
    assert view.read_bytes() == b"as it was"
    os.utime(view, (0, 0))
    assert ledger.stat().st_mtime > 0
    report(study.folder, "--draws", 0)
    assert view.read_bytes().startswith(b"SQLite")


def test_json_is_the_document_in_the_folder(report, study, tmp_path):
    done = report(study.folder, "--draws", 0, "--json", "--out", tmp_path / "out")
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "report.json").read_text())
    assert not (study.folder / "report").exists()
    assert not (study.folder / "optuna.db").exists()


def test_a_file_of_trials_is_reported_into_outputs(report, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trials = [{"params": {"n_heads": n}, "auc": 0.7} for n in (2, 4, 8)]
    (tmp_path / "january.json").write_text(json.dumps(trials))
    done = report("january.json", "--draws", 0)
    assert done.exit_code == 0
    assert (tmp_path / "outputs" / "report_january" / "report.html").exists()


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 73, "A study's folder must hold a readable study.json"),
        ('{"runs": []}', 65, "the keys runs"),
        ("words", 65, "A file of trials must hold a list"),
    ],
)
def test_what_is_no_study_ends_with_one_message(report, tmp_path, content, code, words):
    path = tmp_path / "given"
    if content is not None:
        path.write_text(content)
    done = report(path)
    assert done.exit_code == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_studies_of_other_bars_are_refused_and_nothing_is_written(
    report, study, small_study, tmp_path
):
    from phase6c.study.study_config import write_study_config

    other = small_study(tmp_path / "other")
    summary = {**other.config.data_summary, "bars_digest": "b" * 64}
    write_study_config(other.folder, other.config.model_copy(update={"data_summary": summary}))
    done = report(study.folder, other.folder, "--out", tmp_path / "out")
    assert done.exit_code == 65
    assert "same bars" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_neither_torch_nor_ray_is_imported(study):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['report.py', {str(study.folder)!r}, '--draws', '0']\n"
        "try:\n"
        f"    runpy.run_path({str(LAUNCH / 'report.py')!r}, run_name='__main__')\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        "print('LOADED', *sorted({'torch', 'ray', 'hyperopt'} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines()[-1].strip() == "LOADED"
