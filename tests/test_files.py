"""A file is written whole or not at all; a line is appended whole or not at all."""

import errno
import json
import os
from contextlib import contextmanager

import pytest

from phase6c import files
from phase6c.errors import StorageError
from phase6c.files import AppendOnlyFile, read_lines, write_json, write_whole


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@contextmanager
def full_disk():
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.os, "fsync", refuse)
        yield


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


def test_on_a_full_disk_the_old_file_stays(path):
    path.write_text("old")
    with full_disk(), pytest.raises(StorageError, match=r"No space left on device.* --resume"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path):
    missing = tmp_path / "missing" / "file"
    for act in (lambda: write_whole(missing, ""), lambda: AppendOnlyFile(missing)):
        with pytest.raises(StorageError, match="No such file"):
            act()
    with pytest.raises(StorageError, match="No such file"):
        read_lines(missing)


def test_rows_come_back_in_their_order(path):
    rows = [{"a": 1}, {"text": "two\nlines, ünd\r\u2028more"}, {}]
    stream = AppendOnlyFile(path)
    for row in rows:
        stream.append(row)
    assert read_lines(path) == rows
    stream.close()


@pytest.mark.parametrize("torn", ['{"a"', '{"a": 2}', "\x00\x00"])
def test_a_torn_last_line_is_dropped_and_the_next_append_is_sound(path, torn):
    path.write_text('{"a": 1}\n' + torn)
    assert read_lines(path) == [{"a": 1}]
    stream = AppendOnlyFile(path)
    stream.append({"a": 3})
    stream.close()
    assert path.read_text() == '{"a": 1}\n{"a": 3}\n'


def test_a_file_of_nothing_but_a_torn_line_is_empty(path):
    path.write_text('{"a"')
    assert read_lines(path) == []
    AppendOnlyFile(path).close()
    assert path.read_text() == ""


def test_a_damaged_middle_line_is_named(path):
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(StorageError, match=r"line 2\. The file was damaged"):
        read_lines(path)


def test_a_line_that_could_not_be_written_leaves_no_trace(path):
    stream = AppendOnlyFile(path)
    stream.append({"a": 1})
    with full_disk(), pytest.raises(StorageError, match="No space left"):
        stream.append({"a": 2})
    with pytest.raises(ValueError, match="JSON compliant"):
        stream.append({"a": float("inf")})
    stream.append({"a": 3})
    stream.close()
    assert read_lines(path) == [{"a": 1}, {"a": 3}]
