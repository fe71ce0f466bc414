"""A file is written whole or not at all; a line is appended whole or not at all."""

import errno
import json
import logging
import os
import stat
import subprocess
import sys

import pytest

from phase6c.errors import StorageError
from phase6c.storage import files
from phase6c.storage.files import (
    AppendOnlyFile,
    make_folder,
    read_checked,
    read_lines,
    remove,
    remove_leftovers,
    rename,
    write_checked,
    write_json,
    write_whole,
)
from phase6c.study.ledger import Ledger

from ..support.faults import CrashError, act_with_every_fault, every_kind, fault_at

LEFTOVER = ".file.123.tmp"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def test_a_file_is_replaced_and_nothing_else_stays(path):
    write_whole(path, "old and long")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_json_is_strict(path):
    write_json(path, {"a": [1, None]})
    assert json.loads(path.read_text()) == {"a": [1, None]}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": [1, None]}


def test_a_content_is_on_disk_before_its_name_and_its_name_before_it_counts(path):
    with fault_at(100) as trace:
        write_whole(path, "new")
    temporary = path.with_name(f".file.{os.getpid()}.tmp")
    assert trace.operations == [
        ("remove", temporary),
        ("open", temporary),
        ("write", temporary),
        ("sync", temporary),
        ("rename", temporary),
        ("sync", path.parent),
    ]


def test_a_ledger_s_name_and_each_of_its_lines_are_synced(path):
    with fault_at(100) as trace:
        stream = AppendOnlyFile(path)
        stream.append({})
    stream.close()
    assert trace.operations == [
        ("open", path),
        ("sync", path.parent),
        ("write", path),
        ("sync", path),
    ]


def test_the_names_of_new_folders_are_synced(tmp_path):
    folder = tmp_path / "a" / "b"
    with fault_at(100) as trace:
        make_folder(folder)
        make_folder(folder)
    assert [path for operation, path in trace.operations if operation == "sync"] == [
        folder.parent,
        tmp_path,
    ]


def test_a_file_system_that_cannot_sync_a_folder_may_say_so(path, monkeypatch):
    sync = os.fsync

    def refuse_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", refuse_folders)
    write_whole(path, "new")
    assert path.read_text() == "new"


@every_kind
@pytest.mark.parametrize("write", [write_whole, write_checked])
def test_whatever_fails_a_file_is_old_or_new(path, kind, torn, write):
    write(path, b"old" * 100)
    old = path.read_bytes()
    write(path, b"new")
    new = path.read_bytes()
    path.write_bytes(old)
    for ended in act_with_every_fault(kind, torn, lambda: write(path, b"new")):
        assert path.read_bytes() in ([new] if ended else [old, new])
        if kind == "full":
            assert list(path.parent.iterdir()) == [path]
        remove_leftovers(path.parent)
        assert list(path.parent.iterdir()) == [path]
        write(path, b"new")
        assert path.read_bytes() == new
        path.write_bytes(old)


@every_kind
def test_whatever_fails_no_line_that_was_added_is_lost_or_torn(path, kind, torn):
    rows = [{"row": number} for number in range(3)]
    known = []
    streams = []

    def act():
        streams.append(AppendOnlyFile(path))
        for row in rows:
            streams[-1].append(row)
            known.append(row)

    for ended in act_with_every_fault(kind, torn, act):
        assert ended == (known == rows)
        found = read_lines(path) if path.exists() else []
        # A line may have arrived whole although nobody was told.
        assert found in (known, rows[: len(known) + 1])
        if streams and kind != "crash":
            streams[-1].append({"row": "next"})
            assert read_lines(path) == [*known, {"row": "next"}]
        with_next = AppendOnlyFile(path)
        found = read_lines(path)
        with_next.append({"row": "last"})
        assert read_lines(path) == [*found, {"row": "last"}]
        for stream in (with_next, *streams):
            stream.close()
        path.unlink()
        known.clear()
        streams.clear()


@every_kind
def test_whatever_fails_a_ledger_goes_on_without_loss(path, birth, measured, kind, torn):
    known = {}
    ledgers = []

    def act():
        ledger = Ledger(path)
        ledgers.append(ledger)
        for number in range(2):
            known[number] = ledger.append("trial", number, **birth())
            measurement = measured(1, 0.6).model_dump(mode="json")
            row = {"measurement": measurement, "decision": "continue", "stopped": None}
            known[number] = ledger.append("result", number, **row)

    for ended in act_with_every_fault(kind, torn, act):
        assert not ended or len(known) == 2
        again = Ledger(path)
        for number, trial in known.items():
            found = again.trials[number]
            assert found.measurements[: trial.epochs] == trial.measurements
        assert sum(one.epochs + 1 for one in again.trials.values()) <= 1 + sum(
            one.epochs + 1 for one in known.values()
        )
        number = len(again.trials)
        again.append("trial", number, **birth())
        again.close()
        third = Ledger(path)
        assert third.trials == again.trials
        for one in (third, *ledgers):
            one.close()
        path.unlink()
        known.clear()
        ledgers.clear()


def test_a_torn_line_that_cannot_be_cut_off_now_is_cut_off_before_the_next(path):
    stream = AppendOnlyFile(path)
    stream.append({"a": 1})
    message = "Input/output error"
    with fault_at(1, "dead", torn=True) as fault, pytest.raises(StorageError, match=message):
        stream.append({"a": 2})
    assert [operation for operation, _ in fault.operations] == ["write", "truncate"]
    assert path.read_text() == '{"a": 1}\n{"half'
    with fault_at(1, "dead"), pytest.raises(StorageError, match=message):
        stream.append({"a": 3})
    assert path.read_text() == '{"a": 1}\n{"half'
    stream.append({"a": 4})
    stream.close()
    assert path.read_text() == '{"a": 1}\n{"a": 4}\n'


def test_an_interrupted_line_is_cut_off_before_the_next(path):
    stream = AppendOnlyFile(path)
    with fault_at(1, "crash", torn=True), pytest.raises(CrashError):
        stream.append({"a": 1})
    stream.append({"a": 2})
    stream.close()
    assert read_lines(path) == [{"a": 2}]


def test_on_a_disk_that_takes_a_part_nothing_of_the_line_stays(path):
    code = f"""
import resource
from pathlib import Path
from phase6c.errors import StorageError
from phase6c.storage.files import AppendOnlyFile, write_whole

path = Path({str(path)!r})
stream = AppendOnlyFile(path)
stream.append({{"a": "fits"}})
before = path.read_text()
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
for act in (
    lambda: stream.append({{"a": "x" * 200}}),
    lambda: write_whole(path.with_name("other"), "x" * 200),
):
    try:
        act()
    except StorageError as error:
        assert "File too large" in str(error)
    else:
        raise AssertionError
assert path.read_text() == before
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
stream.append({{"a": "later"}})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert read_lines(path) == [{"a": "fits"}, {"a": "later"}]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["full", "dead"])
def test_what_failed_is_told_with_file_cause_and_remedy(path, kind):
    cause = {"full": "No space left on device", "dead": "Input/output error"}[kind]
    with fault_at(2, kind), pytest.raises(StorageError) as raised:
        write_whole(path, "new")
    assert f"{path}: {cause}" in str(raised.value)
    assert "Free space" in str(raised.value)
    assert raised.value.exit_code == 74


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    missing = tmp_path / "missing" / "file"
    for act in (
        lambda: write_whole(missing, ""),
        lambda: AppendOnlyFile(missing),
        lambda: read_lines(missing),
        lambda: read_checked(missing),
        lambda: rename(missing, tmp_path),
        lambda: remove_leftovers(missing),
    ):
        with pytest.raises(StorageError, match="No such file"):
            act()
    remove(missing)


def test_a_folder_in_the_place_of_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Not a directory"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(StorageError, match=r"Is a directory|Operation not permitted"):
        remove(tmp_path)


def test_only_files_of_killed_writers_are_left_overs(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    kept = {"file", ".file.tmp", "file.123.tmp", ".file.x.tmp", ".hidden", ".file.123.tmp.gz"}
    for name in (*kept, LEFTOVER, ".a.b.7.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".folder.1.tmp").mkdir()
    (tmp_path / ".link.1.tmp").symlink_to(elsewhere)
    remove_leftovers(tmp_path)
    kept |= {"elsewhere", ".folder.1.tmp", ".link.1.tmp"}
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert elsewhere.read_text() == "mine"


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path, path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    path.symlink_to(elsewhere)
    write_whole(path, "new")
    assert (elsewhere.read_text(), path.read_text()) == ("mine", "new")
    assert not path.is_symlink()


def test_rows_come_back_in_their_order(path):
    rows = [{"a": 1}, {"text": "two\nlines, ünd\r\u2028more\0"}, {}]
    stream = AppendOnlyFile(path)
    for row in rows:
        stream.append(row)
    assert read_lines(path) == rows
    stream.close()


TORN = ['{"a"', '{"a": 2}', "\0\0", "\0\0\0}\n", "\0\n"]


@pytest.mark.parametrize("sound", ["", '{"a": 1}\n'])
@pytest.mark.parametrize("torn", TORN)
def test_a_torn_last_line_is_dropped_with_a_word(path, caplog, sound, torn):
    path.write_text(sound + torn)
    known = [json.loads(line) for line in sound.splitlines()]
    assert read_lines(path) == known
    with caplog.at_level(logging.WARNING):
        stream = AppendOnlyFile(path)
    assert f"{path}: the last line was not written whole; its {len(torn)} bytes" in caplog.text
    stream.append({"a": 3})
    stream.close()
    assert path.read_text() == sound + '{"a": 3}\n'


def test_a_sound_file_is_opened_without_a_word(path, caplog):
    path.write_text('{"a": 1}\n')
    AppendOnlyFile(path).close()
    assert not caplog.records


def test_a_damaged_middle_line_is_named(path):
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(StorageError, match=r"line 2\. The file was damaged"):
        read_lines(path)


def test_a_row_that_is_no_strict_json_leaves_no_trace(path):
    stream = AppendOnlyFile(path)
    with pytest.raises(ValueError, match="JSON compliant"):
        stream.append({"a": float("inf")})
    stream.append({"a": 3})
    stream.close()
    assert read_lines(path) == [{"a": 3}]


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_checked_file_that_is_not_whole_is_told_apart(path, damage):
    write_checked(path, b"payload")
    assert read_checked(path) == b"payload"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content) if damage is None else damage)
    assert read_checked(path) is None
