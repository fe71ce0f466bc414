"""Ray starts where HOME and TMPDIR are of no use, or the variable at fault is named."""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
from pathlib import Path

import pytest

from phase6c.errors import ResourceError
from phase6c.tune.runtime import ray_places
from phase6c.tune.runtime.ray_places import another_place, folder_for_ray, provide_token

from ...commands.conftest import run_command

VARIABLES = ("RAY_TMPDIR", "TMPDIR", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
# No user, root included, can make a folder here.
NOWHERE = "/proc/nowhere"
TMP, VAR_TMP = Path("/tmp"), Path("/var/tmp")  # noqa: S108


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without the variables, and an empty home."""
    for name in VARIABLES:
        # Set first, so that what the tested code sets is taken away again too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def token_at(home: Path) -> Path:
    return home / ".ray" / "auth_token"


def test_ray_keeps_its_files_where_it_would_by_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert folder_for_ray() == TMP / "ray"
    monkeypatch.setenv("TMPDIR", str(VAR_TMP))
    assert folder_for_ray() == VAR_TMP / "ray"
    monkeypatch.setenv("RAY_TMPDIR", str(TMP))
    assert folder_for_ray() == TMP / "ray"
    assert not caplog.text


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_an_empty_or_a_relative_name_leads_to_an_absolute_folder(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(VAR_TMP)
    monkeypatch.setenv(name, "")
    assert folder_for_ray() == TMP / "ray"
    monkeypatch.setenv(name, ".")
    assert folder_for_ray() == VAR_TMP / "ray"


@pytest.mark.parametrize("kind", ["long", "missing", "file"])
def test_an_unusable_tmpdir_is_gone_round_and_an_unusable_ray_tmpdir_refused(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    place = {"long": str(tmp_path / ("x" * 99)), "missing": NOWHERE, "file": f"{tmp_path}/file"}
    monkeypatch.setattr(ray_places, "_LONGEST", len(str(tmp_path)) + 90)
    monkeypatch.setenv("TMPDIR", place[kind])
    with caplog.at_level(logging.WARNING):
        assert folder_for_ray() == TMP / "ray"
    assert f"in /tmp, not in {place[kind]}: " in caplog.text
    monkeypatch.setenv("RAY_TMPDIR", place[kind])
    with pytest.raises(ResourceError) as refused:
        folder_for_ray()
    assert place[kind] in str(refused.value)
    assert refused.value.remedy == "Name another place in RAY_TMPDIR."


def test_a_name_that_is_accepted_leaves_room_for_rays_sockets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system itself judges the longest name, and a name that is longer by one."""
    room = ray_places._LONGEST - len("/" + ray_places._SOCKET)
    for length, fits in ((room, True), (room + 1, False)):
        place = Path(f"{TMP}/".ljust(length, "x"))
        try:
            monkeypatch.setenv("RAY_TMPDIR", str(place))
            place.mkdir()
            if not fits:
                with pytest.raises(ResourceError, match="longer by 1 bytes"):
                    folder_for_ray()
                continue
            name = str(folder_for_ray().parent / ray_places._SOCKET)
            Path(name).parent.mkdir(parents=True)
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(name)
                assert Path(name).is_socket()
        finally:
            _remove(place)


def _remove(place: Path) -> None:
    for folder, folders, names in os.walk(place, topdown=False):
        for name in names:
            (Path(folder) / name).unlink()
        for name in folders:
            (Path(folder) / name).rmdir()
    place.rmdir()


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False)]
)
def test_space_is_asked_for_only_where_it_is_the_fault(number: int, said: bool) -> None:
    remedy = another_place(OSError(number, os.strerror(number)), "TMPDIR", "RAY_TMPDIR")
    assert ("Free space" in remedy) == said
    assert remedy.endswith("ame another place in TMPDIR and RAY_TMPDIR.")


def test_a_token_is_made_for_its_owner_alone_and_kept(tmp_path: Path) -> None:
    provide_token()
    made = token_at(tmp_path).read_text()
    assert len(made) == 64
    assert stat.S_IMODE(token_at(tmp_path).stat().st_mode) == 0o600
    assert list((tmp_path / ".ray").iterdir()) == [token_at(tmp_path)]
    provide_token()
    assert token_at(tmp_path).read_text() == made
    assert "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.parametrize("home", [NOWHERE, "", "EMPTY TOKEN"])
def test_where_the_home_takes_no_token_the_environment_does(
    home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if home == "EMPTY TOKEN":
        token_at(tmp_path).parent.mkdir()
        token_at(tmp_path).touch()
        home = str(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("HOME", home)
    provide_token()
    first = os.environ["RAY_AUTH_TOKEN"]
    assert len(first) == 64
    # A later Ray of this process, which knows the first token, must not be given another.
    provide_token()
    assert os.environ["RAY_AUTH_TOKEN"] == first
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "value"), [("RAY_AUTH_MODE", "disabled"), ("RAY_AUTH_TOKEN", "the user's")]
)
def test_what_the_user_settles_is_left(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", NOWHERE)
    provide_token()
    assert os.environ.get("RAY_AUTH_TOKEN", "the user's") == "the user's"
    assert not token_at(tmp_path).exists()


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "No such file"), ("", "it is empty"), ("folder", "Is a directory")],
)
def test_a_named_token_that_is_none_is_refused_with_the_name_of_its_variable(
    content: str | None, fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = tmp_path / "token"
    if content == "folder":
        named.mkdir()
    elif content is not None:
        named.write_text(content)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(named))
    with pytest.raises(ResourceError, match=fault) as refused:
        provide_token()
    assert refused.value.exit_code == 69
    assert "RAY_AUTH_TOKEN_PATH must name" in str(refused.value)


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_runs_without_a_home_with_a_long_tmpdir_and_on_an_ascii_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / ("x" * 100)
    place.mkdir()
    outside = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    for name, value in {"HOME": NOWHERE, "TMPDIR": str(place), **outside}.items():
        monkeypatch.setenv(name, value)
    short = ("--tier", "a20", "--cpus", "1", "--trials", "1", "--epochs", "1")
    done = run_command(tmp_path, "tune", "--budget", "tiny", *short)
    assert done.returncode == 0, done.stderr
    assert f"in /tmp, not in {place}: longer by" in done.stderr
    assert "Trials: 1 complete." in done.stdout
    assert (done.stdout + done.stderr).isascii()
    (log,) = tmp_path.glob("outputs/*/*/run.log")
    assert "Token authentication" not in log.read_text()
