"""A study's folder is never foreign, never shared, never replaced without being asked."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from phase6c.config import DataConfig
from phase6c.errors import ConfigError, FolderError, StorageError
from phase6c.study.ledger import FILE_NAME as LEDGER_FILE
from phase6c.study.study_config import STUDY_FILE
from phase6c.study.study_folder import (
    LOCK_FILE,
    LOG_FILE,
    check_folder,
    open_folder,
    study_name,
    study_path,
)

USES = [(False, False), (True, False), (False, True)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "phase6c_a20" / "study"


def opened(folder, resume=False, overwrite=False):
    return open_folder(folder, resume=resume, overwrite=overwrite)


def store(folder):
    (folder / "trial_000").mkdir(parents=True)
    (folder / "trial_000" / "best.safetensors").write_text("weights")
    (folder / LEDGER_FILE).write_text('{"kind": "trial"}\n')
    (folder / STUDY_FILE).write_text("{}")


@pytest.mark.parametrize(
    ("sources", "data", "name"),
    [
        (("sp500",), {}, "hpo_2m_h1"),
        (("sp500",), {"horizon_days": 5}, "hpo_2m_h5"),
        (("nasdaq",), {}, "hpo_2m_h1_nasdaq"),
        (("data/my bars.csv", "b.parquet"), {}, "hpo_2m_h1_my-bars-b"),
        (("sp500",), {"label": "vol"}, "hpo_2m_h1_vol"),
        (("sp500",), {"threshold": 0.02}, "hpo_2m_h1_0.02"),
        (("nasdaq",), {"label": "close", "threshold": 0.03}, "hpo_2m_h1_nasdaq_close_0.03"),
    ],
)
def test_a_name_says_what_is_not_the_default(sources, data, name):
    assert study_name("2m", sources, DataConfig.model_validate(data)) == name


def test_a_name_made_of_many_sources_is_one_that_may_be_used(tmp_path):
    sources = tuple(f"/far/away/file number {one}.csv" for one in range(30))
    assert study_path(tmp_path, "a20", study_name("2m", sources, DataConfig()))


def test_a_study_lies_under_its_tier(tmp_path):
    assert study_path(tmp_path, "a100", "x.1-b") == tmp_path / "phase6c_a100" / "x.1-b"


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b", "../up", "n" * 81, "a\n"])
def test_a_name_that_could_lead_astray_is_refused(tmp_path, name):
    with pytest.raises(ConfigError, match="another `name`"):
        study_path(tmp_path, "a20", name)


@pytest.mark.parametrize("link", ["phase6c_a20", "phase6c_a20/study"])
def test_a_link_that_leads_out_of_the_output_root_is_refused(tmp_path, link):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (elsewhere / "study").mkdir(parents=True)
    (out / link).parent.mkdir(parents=True)
    (out / link).symlink_to(elsewhere)
    with pytest.raises(FolderError, match=r"in the output root; found: .*elsewhere"):
        study_path(out, "a20", "study")


def test_a_link_to_itself_is_refused(tmp_path):
    folder = study_path(tmp_path, "a20", "study")
    folder.parent.mkdir()
    folder.symlink_to(folder)
    with pytest.raises(FolderError, match="must be writable"), opened(folder):
        pass


def test_the_output_root_may_be_a_link(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.symlink_to(elsewhere)
    assert study_path(out, "a20", "study") == out / "phase6c_a20" / "study"


@pytest.mark.parametrize("name", [LOCK_FILE, LOG_FILE, LEDGER_FILE, STUDY_FILE, "trial_007"])
@pytest.mark.parametrize(("resume", "overwrite"), USES[1:])
def test_a_study_of_links_is_refused_and_they_are_not_followed(
    folder, tmp_path, name, resume, overwrite
):
    store(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(elsewhere)
    with (
        pytest.raises(FolderError, match=rf"must not be links; found: {name}"),
        opened(folder, resume, overwrite),
    ):
        pass
    assert elsewhere.read_text() == "mine"


@pytest.mark.parametrize(("resume", "overwrite"), USES)
def test_a_new_folder_is_made_and_holds_nothing_to_resume(folder, resume, overwrite):
    with opened(folder, resume, overwrite) as known:
        assert not known
        assert folder.is_dir()


@pytest.mark.parametrize(("resume", "overwrite"), USES)
def test_a_foreign_folder_is_never_touched(folder, resume, overwrite):
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(FolderError, match="never written into"), opened(folder, resume, overwrite):
        pass
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(("resume", "overwrite"), USES)
def test_a_file_is_no_folder(folder, resume, overwrite):
    folder.parent.mkdir()
    folder.write_text("mine")
    with pytest.raises(FolderError, match="must be a folder"), opened(folder, resume, overwrite):
        pass
    assert folder.read_text() == "mine"


def test_an_interrupted_start_is_not_foreign(folder):
    folder.mkdir(parents=True)
    for name in (LOCK_FILE, LOG_FILE):
        (folder / name).touch()
    with opened(folder) as known:
        assert not known


def test_an_existing_study_needs_a_word(folder):
    store(folder)
    with (
        pytest.raises(FolderError, match="`resume=True` to go on, `overwrite=True`"),
        opened(folder),
    ):
        pass
    assert (folder / "trial_000" / "best.safetensors").exists()


def test_to_resume_keeps_everything(folder):
    store(folder)
    with opened(folder, resume=True) as known:
        assert known
        assert (folder / "trial_000" / "best.safetensors").exists()


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_study_whose_ledger_is_gone_never_starts_over_silently(folder, is_empty):
    store(folder)
    (folder / LEDGER_FILE).write_text("") if is_empty else (folder / LEDGER_FILE).unlink()
    for _ in range(2):
        with (
            pytest.raises(StorageError, match=r"missing or empty.*Restore it.*another `name`"),
            opened(folder, resume=True),
        ):
            pass
        assert (folder / "trial_000" / "best.safetensors").exists()
    with opened(folder, overwrite=True) as known:
        assert not known


def test_a_study_killed_before_its_first_trial_is_gone_on_with(folder):
    folder.mkdir(parents=True)
    (folder / STUDY_FILE).write_text("{}")
    with opened(folder, resume=True) as known:
        assert known


def leave_temporary_files(folder):
    """Makes what killed writers leave, and what only looks like it; the latter is returned."""
    (folder / "trial_000" / "plots").mkdir()
    (folder / "notes").mkdir()
    for name in (".study.json.7.tmp", "trial_000/.last.ckpt.123.tmp"):
        (folder / name).touch()
    others = [
        folder / name
        for name in (
            "trial_000/plots/.last.ckpt.123.tmp",
            "notes/.study.json.7.tmp",
            "trial_000/last.ckpt.123.tmp",
            "trial_000/.vimrc.tmp",
        )
    ]
    for path in others:
        path.touch()
    return others


def test_files_of_killed_writers_are_removed_when_a_study_is_gone_on_with(folder):
    store(folder)
    before = {path for path in folder.rglob("*") if path.is_file()}
    others = leave_temporary_files(folder)
    with opened(folder, resume=True):
        files = {path for path in folder.rglob("*") if path.is_file()}
    assert files == before | {folder / LOCK_FILE} | set(others)


def test_files_of_a_running_search_are_not_removed(folder):
    store(folder)
    with opened(folder, resume=True):
        leave_temporary_files(folder)
        before = set(folder.rglob("*"))
        check_folder(folder, resume=True, overwrite=False)
        with pytest.raises(FolderError), opened(folder, resume=True):
            pass
        assert set(folder.rglob("*")) == before


def test_an_overwriting_that_is_cut_short_leaves_no_trial_without_its_ledger(folder, monkeypatch):
    store(folder)
    shutil.copytree(folder / "trial_000", folder / "trial_001")
    remove_tree, removed = shutil.rmtree, []

    def fail_the_second_time(path):
        removed.append(path)
        if len(removed) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        remove_tree(path)

    monkeypatch.setattr(shutil, "rmtree", fail_the_second_time)
    with pytest.raises(FolderError, match="Input/output error"), opened(folder, overwrite=True):
        pass
    assert {LEDGER_FILE, STUDY_FILE} <= {path.name for path in folder.iterdir()}
    assert len(list(folder.glob("trial_*"))) == 1
    with opened(folder, overwrite=True) as known:
        assert not known


def test_to_overwrite_keeps_nothing_and_follows_no_link(folder, tmp_path):
    store(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (folder / "link").symlink_to(elsewhere)
    (folder / LOG_FILE).touch()
    with opened(folder, overwrite=True) as known:
        assert not known
        assert {path.name for path in folder.iterdir()} <= {LOCK_FILE, LOG_FILE}
    assert (elsewhere / "kept").exists()


@pytest.mark.parametrize(("resume", "overwrite"), USES[1:])
def test_a_folder_in_use_is_refused_and_free_afterwards(folder, resume, overwrite):
    store(folder)
    with opened(folder, resume=True):
        with (
            pytest.raises(FolderError, match="Only one run at a time"),
            opened(folder, resume, overwrite),
        ):
            pass
        assert (folder / STUDY_FILE).exists()
    with opened(folder, resume, overwrite):
        pass


def test_a_study_that_runs_is_said_to_be_in_use_before_it_is_said_to_be_there(folder):
    store(folder)
    with opened(folder, resume=True), pytest.raises(FolderError, match="one run at a time"):
        check_folder(folder, resume=False, overwrite=False)
    with pytest.raises(FolderError, match="neither changed nor replaced"):
        check_folder(folder, resume=False, overwrite=False)


def test_a_folder_below_a_file_is_refused_before_anything_is_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(FolderError, match=f"must be writable; found: {blocked}: Not a directory"):
        check_folder(blocked / "phase6c_a20" / "x", resume=False, overwrite=False)


def test_a_folder_is_free_after_an_error(folder):
    with pytest.raises(ZeroDivisionError), opened(folder):
        raise ZeroDivisionError
    with opened(folder):
        pass


def test_a_folder_that_cannot_be_made_is_not_writable(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with (
        pytest.raises(FolderError, match=r"must be writable.*Not a directory"),
        opened(blocked / "x"),
    ):
        pass


def refuse(*_, **__):
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize("place", ["mkdir", "lock", "write", "look"])
def test_a_read_only_place_is_refused(folder, monkeypatch, place):
    if place != "mkdir":
        store(folder)
    owner, name = {
        "mkdir": (Path, "mkdir"),
        "lock": (os, "open"),
        "write": (tempfile, "TemporaryFile"),
        "look": (Path, "iterdir"),
    }[place]
    monkeypatch.setattr(owner, name, refuse)
    message = r"must be writable; found: .*Read-only"
    with pytest.raises(FolderError, match=message) as raised, opened(folder, resume=True):
        pass
    monkeypatch.undo()
    assert raised.value.exit_code == 73
    if place != "mkdir":
        with opened(folder, resume=True) as known:
            assert known


def test_to_look_changes_nothing(folder):
    check_folder(folder, resume=False, overwrite=True)
    assert not folder.exists()
    store(folder)
    check_folder(folder, resume=False, overwrite=True)
    assert (folder / "trial_000").exists()
