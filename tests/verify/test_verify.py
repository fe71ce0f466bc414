"""A study's files are checked against its ledger: every damage is found, and nothing else."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import phase6c
from phase6c.data.bars import load_bars
from phase6c.errors import FolderError
from phase6c.records import Trial
from phase6c.storage.files import write_checked, write_json
from phase6c.study.ledger import FILE_NAME as LEDGER
from phase6c.study.ledger import fold, read_trials
from phase6c.study.study import load_study
from phase6c.study.study_config import read_study_config, write_study_config
from phase6c.study.trial_folder import BEST_WEIGHTS_FILE, trial_folder
from phase6c.study.views.json_files import write_views
from phase6c.verify import study as checks
from phase6c.verify.files import Finding
from phase6c.verify.study import verify
from search_spaces import tiny

pytestmark = pytest.mark.ray

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def searched(two_cpus: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete study with rungs, made by a search whose trials run one after the other."""
    study = phase6c.run_study(
        tiny.SPACE,
        load_bars("sp500"),
        out=str(tmp_path_factory.mktemp("searched")),
        data={"tier": "a20"},
        n_trials=6,
        epochs=3,
        grace_period=1,
        reduction_factor=10.0,
        audit_share=0.4,
        cpus=1,
        references=("january_best",),
    )
    decisions = {row.get("decision") for row in ledger_rows(study.folder)}
    assert {"complete", "stop", "audit"} <= decisions
    return study.folder


@pytest.fixture
def folder(searched: Path, tmp_path: Path) -> Path:
    """A copy of the study, to be damaged."""
    return Path(shutil.copytree(searched, tmp_path / "study"))


@pytest.fixture
def interrupted(folder: Path) -> Path:
    """The copy as it is when a kill leaves one trial with an epoch that the ledger has not."""
    rows = ledger_rows(folder)
    last = max(n for n, row in enumerate(rows) if row.get("measurement", {}).get("epoch") == 3)
    cut(folder, last)
    return folder


def ledger_rows(folder: Path) -> Rows:
    return [json.loads(line) for line in (folder / LEDGER).read_text().splitlines()]


def write_rows(folder: Path, rows: Rows) -> None:
    (folder / LEDGER).write_text("".join(json.dumps(row) + "\n" for row in rows))


def cut(folder: Path, n_rows: int) -> None:
    """Makes of a complete study what a kill after so many rows of its ledger leaves."""
    write_rows(folder, ledger_rows(folder)[:n_rows])
    trials = read_trials(folder / LEDGER)
    for path in folder.glob("trial_*"):
        if int(path.name.removeprefix("trial_")) not in trials:
            shutil.rmtree(path)
    for number, trial in trials.items():
        if not trial.finished:
            write_checked(trial_folder(folder, number) / "last.ckpt", b"the state of a trainer")
    config = read_study_config(folder)
    write_study_config(
        folder, config.model_copy(update={"complete": False, "value_corrected": None})
    )
    show(folder)


def show(folder: Path) -> None:
    """Makes the views anew."""
    for name in ("all_trials.json", "best_params.json"):
        (folder / name).unlink(missing_ok=True)
    write_views(folder, read_study_config(folder), read_trials(folder / LEDGER))


def append(path: Path, content: bytes) -> None:
    path.write_bytes(path.read_bytes() + content)


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Changes what a JSON file holds."""
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def one(folder: Path, **fields: Any) -> Trial:
    """A trial that is not the best, with these fields."""
    study = load_study(folder)
    assert study.best is not None
    return next(
        trial
        for trial in study.trials
        if trial.number != study.best.number
        and all(getattr(trial, name) == value for name, value in fields.items())
    )


def findings(folder: Path) -> list[tuple[str, str]]:
    """File and rule of each finding, which must fit on a line."""
    report = verify(folder)
    assert report.ok == (not report.findings)
    for finding in (*report.findings, *report.notes):
        assert str(finding).isprintable()
    return [(finding.file, finding.rule) for finding in report.findings]


def notes(folder: Path) -> list[tuple[str, str]]:
    report = verify(folder)
    assert not report.findings
    return [(note.file, note.rule) for note in report.notes]


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_an_undamaged_study_gives_no_finding_and_no_note(folder):
    report = verify(folder)
    assert (report.findings, report.notes, report.n_trials) == ((), (), 7)


def test_checking_changes_nothing_and_takes_no_lock(folder):
    append(folder / LEDGER, b'{"kind": "torn')
    before = snapshot(folder)
    verify(folder)
    assert snapshot(folder) == before


def test_checking_needs_neither_torch_nor_ray(folder):
    code = (
        "import sys; from phase6c.verify.study import verify; assert verify(sys.argv[1]).ok;"
        "print(*({'torch', 'ray', 'safetensors'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_folder_without_a_study_is_an_error(tmp_path):
    for missing in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FolderError, match=r"must hold a study\.json"):
            verify(missing)


def test_a_study_that_was_killed_after_any_row_gives_no_finding(searched, tmp_path):
    for n_rows in range(len(ledger_rows(searched))):
        folder = Path(shutil.copytree(searched, tmp_path / f"cut_{n_rows}"))
        cut(folder, n_rows)
        assert findings(folder) == [], n_rows


def test_views_may_lag_behind_the_ledger_of_an_unfinished_study(searched, interrupted, tmp_path):
    n_rows = len(ledger_rows(interrupted))
    for earlier in range(n_rows):
        older = Path(shutil.copytree(searched, tmp_path / f"older_{earlier}"))
        cut(older, earlier)
        for name in ("all_trials.json", "best_params.json"):
            (interrupted / name).unlink(missing_ok=True)
            if (older / name).exists():
                shutil.copy(older / name, interrupted / name)
        noted = {file for file, _ in notes(interrupted)}
        assert "all_trials.json" in noted
        assert noted <= {"all_trials.json", "best_params.json"}


def test_views_may_not_lag_behind_a_complete_study(folder):
    (folder / "all_trials.json").unlink()
    (folder / "best_params.json").unlink()
    rule = "It must show what the ledger says"
    assert findings(folder) == [("all_trials.json", rule), ("best_params.json", rule)]


def test_a_result_that_was_shown_must_be_in_the_ledger(folder, interrupted):
    ahead = json.loads((folder / "all_trials.json").read_text())
    number = next(row["number"] for row in ahead["trials"] if row["state"] == "RUNNING")
    edit(
        folder / "all_trials.json",
        lambda view: view["trials"][number].update(epochs=3, state="COMPLETE"),
    )
    (found,) = verify(folder).findings
    assert found.file == "all_trials.json"
    assert f"trials.{number}.state" in found.found


@pytest.mark.parametrize("name", ["value", "params", "config"])
def test_best_params_must_be_those_of_the_best_trial(folder, name):
    other = one(folder, source="sampled")
    content = {"value": 0.99, "params": other.params, "config": other.config}[name]
    edit(folder / "best_params.json", lambda view: view.update({name: content}))
    assert findings(folder) == [("best_params.json", "It must show what the ledger says")]


def test_a_field_that_a_later_version_added_may_be_absent(folder):
    def remove(view: Any) -> None:
        del view["study"]["data"]["scaling"]
        for row in view["trials"]:
            for name in [name for name, value in row.items() if value in (None, False)]:
                del row[name]

    edit(folder / "all_trials.json", remove)
    assert findings(folder) == []


def test_what_is_called_complete_must_be(folder, interrupted):
    edit(folder / "study.json", lambda study: study.update(complete=True))
    show(folder)
    rule = "A complete study must have no unfinished trial"
    assert findings(folder) == [("study.json", rule)]


def test_a_study_that_could_not_say_that_it_is_complete_is_noted(folder):
    edit(folder / "study.json", lambda study: study.update(complete=False))
    show(folder)
    rule = "A study whose trials have all ended should be complete"
    assert notes(folder) == [("study.json", rule)]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\x00", b'{"schema": NaN}', b'{"schema": 1}', b"[" * 100_000],
)
def test_a_study_json_that_cannot_be_read_is_a_finding(folder, content):
    (folder / "study.json").write_bytes(content)
    ((file, _),) = findings(folder)
    assert file == "study.json"


@pytest.mark.parametrize("space", [{}, {"axes": {"dropout": {}}, "budget": None}, {"axes": 3}])
def test_a_space_that_is_none_is_a_finding(folder, space):
    edit(folder / "study.json", lambda study: study.update(space=space))
    ((file, _),) = findings(folder)
    assert file == "study.json"


def test_a_torn_last_line_is_a_note(folder):
    append(folder / LEDGER, b'{"kind": "result", "numb')
    assert notes(folder) == [(LEDGER, "It should end with a whole line")]


def test_every_line_of_a_ledger_that_is_not_json_is_found(folder):
    lines = (folder / LEDGER).read_bytes().splitlines(keepends=True)
    lines[3] = b"\x00\xff\n"
    lines[5] = b"\n"
    (folder / LEDGER).write_bytes(b"".join(lines))
    report = verify(folder)
    assert [one.found[:7] for one in report.findings] == ["line 4:", "line 6:"]
    assert {(one.file, one.rule) for one in report.findings} == {
        (LEDGER, "Every line must be a JSON object")
    }


def gap(rows: Rows) -> None:
    """Loses the first epoch of a trial that has three."""
    number = next(row["number"] for row in rows if row.get("decision") == "complete")
    rows.remove(next(row for row in rows if row["number"] == number and "measurement" in row))


def after_the_end(rows: Rows) -> None:
    ended = next(row for row in rows if row.get("decision") == "complete")
    rows.append({"kind": "started", "number": ended["number"], "at": 0.0})


def born_twice(rows: Rows) -> None:
    rows.append(rows[0])


def unborn(rows: Rows) -> None:
    rows.append({"kind": "started", "number": 77, "at": 0.0})


def unknown_decision(rows: Rows) -> None:
    next(row for row in rows if row.get("decision") == "complete")["decision"] = "compleat"


@pytest.mark.parametrize("number", [None, "0", [0], 1.5, True])
def test_a_line_must_name_its_trial(folder, number):
    rows = ledger_rows(folder)
    write_rows(folder, [*rows, {"kind": "started", "number": number}])
    assert findings(folder) == [(LEDGER, "Every line must fit those before it")]


@pytest.mark.parametrize("damage", [gap, after_the_end, born_twice, unborn, unknown_decision])
def test_a_line_must_fit_those_before_it(folder, damage):
    rows = ledger_rows(folder)
    damage(rows)
    write_rows(folder, rows)
    assert findings(folder) == [(LEDGER, "Every line must fit those before it")]


def test_a_lost_ledger_is_one_finding(folder):
    (folder / LEDGER).unlink()
    assert findings(folder) == [(LEDGER, "It must be there")]


def test_a_study_that_ended_before_its_first_trial_has_no_ledger(folder):
    cut(folder, 0)
    (folder / LEDGER).unlink()
    (folder / "all_trials.json").unlink()
    assert notes(folder) == []


def test_a_trial_that_was_lost_whole_is_a_finding(folder):
    rows = [row for row in ledger_rows(folder) if row["number"] != 2]
    write_rows(folder, rows)
    show(folder)
    found = findings(folder)
    assert (LEDGER, "Trials must be numbered 0, 1, 2 ...") in found
    assert ("trial_002", "The folder of a trial must have its trial in the ledger") in found


def test_a_configuration_that_was_tried_twice_is_a_finding(folder):
    rows = ledger_rows(folder)
    first, second = [row for row in rows if row.get("source") == "sampled"][:2]
    twin = {**first["config"], "seed": second["seed"]}
    for copy in (rows, [second]):
        copy[copy.index(second)]["config"] = twin
    write_rows(folder, rows)
    config_file = trial_folder(folder, second["number"]) / "config.json"
    edit(config_file, lambda content: content.update(twin))
    show(folder)
    assert findings(folder) == [(LEDGER, "No configuration may be tried twice")]


def test_a_trial_outside_the_budget_is_a_finding(folder):
    rows = ledger_rows(folder)
    number = one(folder, source="sampled").number
    row = next(row for row in rows if row["kind"] == "trial" and row["number"] == number)
    row["n_params"] = 1_000_000
    write_rows(folder, rows)
    show(folder)
    weights = f"{trial_folder('', number)}/best.safetensors"
    assert findings(folder) == [
        (LEDGER, "A chosen trial must lie in the budget"),
        (weights, "It must have 1,000,000 parameters"),
    ]


def test_more_trials_than_asked_for_are_a_note_as_a_resume_may_ask_for_fewer(folder):
    edit(folder / "study.json", lambda study: study.update(n_trials=4))
    show(folder)
    ((file, rule),) = notes(folder)
    assert (file, rule[:29]) == (LEDGER, "A search should choose 4 tria")


def test_a_value_must_be_the_metric_that_is_optimised(folder):
    rows = ledger_rows(folder)
    next(row for row in rows if "measurement" in row)["measurement"]["value"] = 0.4999
    write_rows(folder, rows)
    assert (LEDGER, "A value must be the auc") in findings(folder)


@pytest.mark.parametrize("change", [{"cutoff": 0.1}, {"epoch": 2}, {"forecast": None}])
def test_where_a_trial_was_stopped_must_follow_from_the_results(folder, change):
    rows = ledger_rows(folder)
    next(row for row in rows if row.get("decision") == "stop")["stopped"].update(change)
    write_rows(folder, rows)
    show(folder)
    rule = "A decision must follow from the results before it"
    assert findings(folder) == [(LEDGER, rule)]


def test_a_decision_must_follow_from_the_results(folder):
    rows = ledger_rows(folder)
    stopped = next(row for row in rows if row.get("decision") == "stop")
    stopped.update(decision="complete", stopped=None)
    write_rows(folder, rows)
    edit(folder / "study.json", lambda study: study.update(value_corrected=None))
    show(folder)
    rule = "A decision must follow from the results before it"
    assert findings(folder) == [(LEDGER, rule)]


def test_decisions_of_other_code_are_noted_and_not_judged(folder):
    rows = ledger_rows(folder)
    stopped = next(row for row in rows if row.get("decision") == "stop")
    stopped["stopped"]["cutoff"] = 0.1
    births = [row for row in rows if row["kind"] == "trial"]
    births[stopped["number"]]["code_version"] = "0.0.1"
    write_rows(folder, rows)
    show(folder)
    (note,) = verify(folder).notes
    assert note.rule == "Decisions should be those of this code"
    assert note.found.endswith("1 would now be other ones")
    assert findings(folder) == []


def config_changed(trial: Path) -> str:
    edit(trial / "config.json", lambda content: content["model"].update(dropout=0.25))
    return "config.json"


def config_lost(trial: Path) -> str:
    (trial / "config.json").unlink()
    return "config.json"


def metric_changed(trial: Path) -> str:
    path = trial / "metrics.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["metrics"]["brier"] = 0.5
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return "metrics.jsonl"


def epoch_lost(trial: Path) -> str:
    path = trial / "metrics.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    return "metrics.jsonl"


def metrics_torn(trial: Path) -> str:
    path = trial / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    return "metrics.jsonl"


def predictions_with(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], str]:
    def damage(trial: Path) -> str:
        path = trial / "predictions.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)
        return path.name

    return damage


def shuffled(table: pd.DataFrame) -> pd.DataFrame:
    first = table.index[table["epoch"] == 1]
    mixed = table.loc[first[::-1], ["logit", "p"]].to_numpy()
    table.loc[first, ["logit", "p"]] = mixed
    return table


def predictions_torn(trial: Path) -> str:
    path = trial / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    return path.name


def weights_torn(trial: Path) -> str:
    path = trial / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    return path.name


def weights_lost(trial: Path) -> str:
    (trial / "best.safetensors").unlink()
    return "best.safetensors"


def weights_of_another_shape(trial: Path) -> str:
    tensors = {"bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    header = json.dumps(tensors).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(8)
    (trial / "best.safetensors").write_bytes(content)
    return "best.safetensors"


def weights_that_are_pickled(trial: Path) -> str:
    (trial / "best.safetensors").write_bytes(b"\x80\x04cposix\nsystem\n" * 9)
    return "best.safetensors"


@pytest.mark.parametrize(
    "damage",
    [
        config_changed,
        config_lost,
        metric_changed,
        epoch_lost,
        metrics_torn,
        predictions_with(shuffled),
        predictions_with(lambda table: table[table["epoch"] > 1]),
        predictions_with(lambda table: table.assign(p=table["p"] + 1e-5)),
        predictions_with(lambda table: table.assign(y=7)),
        predictions_with(lambda table: table.assign(logit=np.nan)),
        predictions_with(lambda table: table.assign(epoch="one")),
        predictions_with(lambda table: table.drop(columns="logit")),
        predictions_with(lambda table: table.iloc[:0]),
        predictions_torn,
        weights_torn,
        weights_lost,
        weights_of_another_shape,
        weights_that_are_pickled,
    ],
)
def test_a_damaged_file_of_a_trial_is_named_and_no_other(folder, damage):
    number = one(folder, state="COMPLETE", source="sampled").number
    name = damage(trial_folder(folder, number))
    found = verify(folder).findings
    assert {finding.file for finding in found} == {f"{trial_folder('', number)}/{name}"}


def test_the_folder_of_a_trial_with_results_must_be_there(folder):
    number = one(folder, state="PRUNED").number
    shutil.rmtree(trial_folder(folder, number))
    name = trial_folder("", number).name
    assert (name, "The folder of a trial with results must be there") in findings(folder)


def test_files_of_an_unfinished_trial_may_be_ahead_and_never_differ(interrupted):
    assert notes(interrupted) == []
    number = next(trial.number for trial in load_study(interrupted).trials if not trial.finished)
    trial = trial_folder(interrupted, number)
    assert len((trial / "metrics.jsonl").read_text().splitlines()) == 3
    metric_changed(trial)
    rule = "Epoch 1 must be as in the ledger"
    assert findings(interrupted) == [(f"{trial.name}/metrics.jsonl", rule)]


def test_a_trial_that_ended_has_no_more_epochs_than_the_ledger(folder):
    trial = trial_folder(folder, one(folder, state="COMPLETE").number)
    lines = (trial / "metrics.jsonl").read_text()
    (trial / "metrics.jsonl").write_text(lines + lines.splitlines()[0] + "\n")
    rule = "It must have the epochs of the ledger"
    assert findings(folder) == [(f"{trial.name}/metrics.jsonl", rule)]


def test_a_checkpoint_of_an_unfinished_trial_must_be_sound(interrupted):
    number = next(trial.number for trial in load_study(interrupted).trials if not trial.finished)
    last = trial_folder(interrupted, number) / "last.ckpt"
    name = f"{last.parent.name}/last.ckpt"
    last.write_bytes(last.read_bytes()[:-1])
    rule = "A checkpoint must have the SHA-256 that it begins with"
    assert findings(interrupted) == [(name, rule)]
    last.rename(last.with_name("previous.ckpt"))
    assert findings(interrupted) == [(f"{last.parent.name}/previous.ckpt", rule)]
    last.with_name("previous.ckpt").unlink()
    assert findings(interrupted) == []
    assert notes(interrupted) == [(name, "A trial without a checkpoint begins anew")]


def test_a_checkpoint_that_outlived_its_trial_is_a_note(folder):
    (trial_folder(folder, 1) / "last.ckpt").write_bytes(b"whatever")
    assert notes(folder) == [("trial_001/last.ckpt", "A trial that has ended needs no checkpoint")]


def test_weights_are_kept_of_the_best_trials_alone(folder):
    """The weights that a kill may leave are those of one trial."""
    edit(folder / "study.json", lambda study: study.update(keep=6))
    show(folder)
    rule = "Weights must be kept of the best 6 trials alone"
    ((name, noted),) = notes(folder)
    assert (name.endswith("best.safetensors"), noted) == (True, rule)
    edit(folder / "study.json", lambda study: study.update(keep=5))
    show(folder)
    assert [noted for _, noted in findings(folder)] == [rule.replace("6", "5")] * 2


def test_what_a_killed_writer_leaves_is_a_note(folder):
    (folder / ".study.json.77.tmp").write_bytes(b"{")
    (folder / "trial_001" / ".last.ckpt.78.tmp").write_bytes(b"")
    rule = "A file should be written to its end"
    names = [".study.json.77.tmp", "trial_001/.last.ckpt.78.tmp"]
    assert notes(folder) == [(name, rule) for name in names]


def test_a_folder_without_its_trial_is_a_finding_unless_it_is_the_next(folder):
    rule = "The folder of a trial must have its trial in the ledger"
    (folder / "trial_007").mkdir()
    assert notes(folder) == [("trial_007", rule)]
    (folder / "trial_123").mkdir()
    assert findings(folder) == [("trial_123", rule)]


@pytest.mark.parametrize("name", ["trial_001", "trial_001/metrics.jsonl", LEDGER, "study.json"])
def test_links_out_of_the_study_are_not_followed(folder, tmp_path, name):
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    found = findings(folder)
    assert found
    assert {rule for _, rule in found} == {"It must lie in the study's folder"}


@pytest.mark.parametrize("name", ["trial_001/metrics.jsonl", "all_trials.json", LEDGER])
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path)])
def test_what_is_not_a_file_is_not_waited_for(folder, name, make):
    (folder / name).unlink()
    make(folder / name)
    ((file, rule),) = findings(folder)
    assert file == name
    assert rule in ("It must be a file", "It must be there")


def test_names_that_would_write_to_a_terminal_do_not(folder):
    edit(folder / "all_trials.json", lambda view: view.update(schema="\x1b[2J\nall holds"))
    ((file, _),) = findings(folder)
    assert file == "all_trials.json"


def test_what_a_running_search_was_just_writing_is_not_a_finding(folder, monkeypatch):
    lasting = Finding("study.json", "It must last", "seen twice")
    passing = Finding("trial_001/best.safetensors", "It must pass", "seen once")
    seen = iter([[passing, lasting], [lasting]])

    def check(*_: object) -> list[Finding]:
        append(folder / LEDGER, b" ")
        return next(seen)

    monkeypatch.setattr(checks, "check_kept_weights", check)
    assert verify(folder).findings == (lasting,)


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_in_any_file_never_raise(folder, seed):
    rng = random.Random(seed)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    for _ in range(12):
        path = folder / rng.choice(names)
        sound = path.read_bytes()
        content = bytearray(sound)
        for _ in range(rng.choice([1, 1, 1, 5, 50])):
            if content:
                content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.2:
            content = bytearray(rng.randbytes(rng.randrange(3000)))
        if rng.random() < 0.2:
            del content[rng.randrange(len(content) + 1) :]
        path.write_bytes(content)
        findings(folder)
        path.write_bytes(sound)
    assert fold(ledger_rows(folder)) == read_trials(folder / LEDGER)


@pytest.mark.parametrize("name", [BEST_WEIGHTS_FILE, "predictions.parquet"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_bit_that_flips_in_what_a_trial_left_is_found(folder, name, share):
    number = load_study(folder).best.number
    path = folder / f"trial_{number:03d}" / name
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)
    rule = "It must have the SHA-256 that stands in checksums.json"
    assert (f"trial_{number:03d}/{name}", rule) in findings(folder)
