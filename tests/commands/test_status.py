"""The command that says how far a search is: what it prints, and that it may be asked any time."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from filelock import FileLock

from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.study.study_config import write_study_config
from phase6c.study.study_folder import LOCK_FILE

from .conftest import load_command

BELOW = {"epoch": 1, "value": 0.5, "cutoff": 0.6}


@pytest.fixture(scope="module")
def status():
    """Runs `phase6c status` in this process."""
    command = load_command("status")
    return lambda *options: CliRunner().invoke(command, [str(one) for one in options])


@pytest.fixture
def folder(tmp_path, study_config, birth, measured, monkeypatch):
    """A search of ten trials in which two minutes have passed between one end and the next."""
    now = [1_000_000.0]
    monkeypatch.setattr("phase6c.study.ledger.time.time", lambda: now[0])
    ledger = Ledger(tmp_path / FILE_NAME)
    write_study_config(tmp_path, study_config(n_trials=10))
    ledger.append("trial", 0, **birth(source="reference"))
    for number in range(1, 6):
        ledger.append("trial", number, **birth(seed=number))

    def result(number, epoch, value, decision, stopped=None):
        measurement = measured(epoch, value).model_copy(update={"duration_s": 120.0})
        told = measurement.model_dump(mode="json")
        ledger.append("result", number, measurement=told, decision=decision, stopped=stopped)

    for number, value in ((0, 0.9), (1, 0.6), (2, 0.7), (5, 0.95)):
        now[0] += 120
        result(number, 1, value, "continue" if number == 5 else "complete")
    now[0] += 120
    result(3, 1, 0.55, "stop", BELOW)
    # Until the next day nothing runs.
    now[0] += 86_400
    ledger.append("failed", 4, state="FAILED", error={"kind": "bug", "message": "told"})
    ledger.close()
    return tmp_path


def test_a_search_is_counted_and_its_best_named(status, folder):
    done = status(folder, "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, done.stderr) == (0, "")
    counts = {"trials": 10, "running": 1, "done": 3, "stopped_early": 1, "failed": 1, "beside": 1}
    assert {name: told[name] for name in counts} == counts
    assert (told["best"]["number"], told["best"]["value"]) == (2, 0.7)
    assert (told["in_use"], told["complete"], told["name"]) == (False, False, "hpo_tiny_h1")


def test_the_time_left_follows_from_the_last_ends_and_passes_over_pauses(status, folder):
    # Trials 1, 2, 3 and 4 ended 120, 240 and 120 seconds after each other; six are to come.
    told = json.loads(status(folder, "--json").stdout)
    assert told["time_left_s"] == pytest.approx(6 * 480 / 3)


def test_the_words_say_whether_a_run_holds_the_study(status, folder):
    assert status(folder).stdout.splitlines() == [
        "hpo_tiny_h1: no run holds it.",
        "3 of 10 done, 1 of them stopped early; 1 failed, 1 unfinished; 1 other trial beside them.",
        "Best: trial 2, auc 0.7000.",
        "The rest would take about 16 min.",
    ]
    with FileLock(folder / LOCK_FILE):
        assert status(folder).stdout.splitlines()[::3] == [
            "hpo_tiny_h1: a run holds it.",
            "About 16 min left.",
        ]


def test_a_line_that_is_being_written_and_a_study_without_rows_are_no_faults(status, folder):
    path = folder / FILE_NAME
    before = status(folder, "--json").stdout
    with path.open("a") as stream:
        stream.write('{"kind": "resu')
    assert status(folder, "--json").stdout == before
    path.unlink()
    done = status(folder)
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 2)


def test_a_damaged_ledger_ends_with_74_and_no_study_with_73(status, folder, tmp_path):
    lines = (folder / FILE_NAME).read_text().splitlines()
    (folder / FILE_NAME).write_text("\n".join(lines[3:]) + "\n")
    assert status(folder).exit_code == 74
    assert status(tmp_path / "nowhere").exit_code == 73


def test_trials_measured_in_part_have_ended_and_rank_by_what_they_reach_on_all_rows(
    status, tmp_path, study_config, birth, measured
):
    write_study_config(tmp_path, study_config(n_trials=3, val_windows=50_000))
    ledger = Ledger(tmp_path / FILE_NAME)
    for number, (in_part, on_all) in enumerate([(0.7, 0.6), (0.65, 0.63), (0.8, None)]):
        born = birth(seed=number)
        born["config"]["train"]["val_windows"] = 50_000
        ledger.append("trial", number, **born)
        told = measured(1, in_part).model_dump(mode="json")
        ledger.append("result", number, measurement=told, decision="complete")
        if on_all is not None:
            told = measured(1, on_all).model_dump(mode="json")
            ledger.append("final", number, measurement=told)
    ledger.close()
    told = json.loads(status(tmp_path, "--json").stdout)
    assert (told["done"], told["running"]) == (2, 1)
    assert (told["best"]["number"], told["best"]["value"]) == (1, 0.63)
