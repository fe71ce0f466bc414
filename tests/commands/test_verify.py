"""The command that checks a study: what it prints and how it ends."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.study.study_config import write_study_config
from phase6c.study.views.json_files import write_views

from .conftest import load_command


@pytest.fixture(scope="module")
def verify():
    """Runs `phase6c verify` in this process."""
    command = load_command("verify")
    return lambda *options: CliRunner().invoke(command, [str(one) for one in options])


@pytest.fixture
def folder(tmp_path, study_config, birth):
    """A study that was interrupted after its first trial had failed."""
    config = study_config()
    ledger = Ledger(tmp_path / FILE_NAME)
    ledger.append("trial", 0, **birth())
    ledger.append("failed", 0, state="FAILED", error={"kind": "bug", "message": "told"})
    ledger.close()
    write_study_config(tmp_path, config)
    write_views(tmp_path, config, ledger.trials)
    return tmp_path


def test_a_sound_study_is_told_in_one_line(verify, folder):
    done = verify(folder)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "1 trials: all holds.\n", "")


def test_each_finding_and_note_is_one_line_and_the_end_is_65(verify, folder):
    (folder / "all_trials.json").write_text("{}")
    (folder / "trial_001").mkdir()
    (folder / "trial_123").mkdir()
    (folder / "best_params.json").write_text("nothing")
    done = verify(folder)
    assert done.exit_code == 65
    lines = done.stdout.splitlines()
    assert lines[0].startswith("best_params.json: It must hold a JSON object; found: ")
    assert lines[1:] == [
        "trial_123: The folder of a trial must have its trial in the ledger; found: none.",
        "Note: trial_001: The folder of a trial must have its trial in the ledger; found: none.",
        "Note: all_trials.json: It must show what the ledger says; found: nothing yet.",
        "1 trials: 2 findings.",
    ]


def test_the_report_as_json(verify, folder):
    (folder / "trial_001").mkdir()
    done = verify(folder, "--json")
    note = {
        "file": "trial_001",
        "rule": "The folder of a trial must have its trial in the ledger",
        "found": "none",
    }
    expected = {"schema": "phase6c.verify/1", "ok": True, "findings": [], "notes": [note]}
    assert (done.exit_code, json.loads(done.stdout)) == (0, {**expected, "trials": 1})
    (folder / FILE_NAME).write_text("garbage\n")
    done = verify(folder, "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["ok"], document["trials"]) == (65, False, 0)
    assert [finding["file"] for finding in document["findings"]] == [FILE_NAME]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_where_there_is_no_study_it_ends_with_73_and_says_what_to_name(verify, tmp_path, name):
    (tmp_path / "empty").mkdir()
    done = verify(tmp_path / name)
    assert done.exit_code == 73
    assert "Name the folder of a study" in done.stderr


def test_a_command_without_a_study_is_wrong_usage(verify):
    assert verify().exit_code == 2
