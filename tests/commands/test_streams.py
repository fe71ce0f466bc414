"""Commands with closed, full or broken streams, and signals while nothing runs yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from .conftest import load_command

FEATURES = (sys.executable, str(Path(__file__).parents[2] / "launch/features.py"))
SLOW_SPACE = """
import time

print("loading", flush=True)
while True:
    time.sleep(1)
"""
TUNE = (sys.executable, str(Path(__file__).parents[2] / "launch/tune.py"))


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Runs a line in which the command stands as $@."""
    return subprocess.run(
        ["sh", "-c", line, "sh", *FEATURES],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_stdout_is_an_input_output_error() -> None:
    done = shell('"$@" > /dev/full')
    assert done.returncode == 74
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


def test_a_reader_that_has_gone_is_an_input_output_error_without_a_stack_trace() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nobody:
        done = subprocess.run(
            FEATURES, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 74
    assert done.stderr.count("\n") == 1
    assert "Broken pipe" in done.stderr


@pytest.mark.parametrize(
    "closed",
    [*(pytest.param(one, marks=pytest.mark.slow) for one in (">&-", "2>&-")), "<&- >&- 2>&-"],
)
def test_closed_streams_are_empty_ones(closed: str) -> None:
    assert shell(f'"$@" {closed}').returncode == 0


def test_a_deleted_current_folder_is_named(tmp_path: Path) -> None:
    done = shell(f'mkdir {tmp_path}/gone && cd {tmp_path}/gone && rmdir {tmp_path}/gone && "$@"')
    assert (done.returncode, done.stdout) == (73, "")
    assert done.stderr.startswith("Error: A command must be started in a folder that is there")
    assert done.stderr.count("\n") == 1


def test_a_message_keeps_to_ascii_where_stderr_does(tmp_path: Path) -> None:
    audit = [sys.executable, "-m", "phase6c", "audit", str(tmp_path / "münchen.csv")]
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(audit, capture_output=True, check=False, env={**os.environ, **ascii_only})
    assert done.returncode == 65
    assert rb"m\xfcnchen.csv: there is no such file" in done.stderr
    assert done.stderr.isascii()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_plan_is_printed_whole_on_an_ascii_stdout(
    form: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--budget", "tiny", "--tier", "a20", "--dry-run", "--out", "münchen", *form]
    done = CliRunner(charset="ascii").invoke(load_command("tune"), options)
    assert done.exit_code == 0, done.stderr
    assert (r"m\u00fcnchen" if form else r"m\xfcnchen") in done.stdout
    assert form or "Shapes within 50,000 +- 20% parameters" in done.stdout


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in ((signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGUSR1, 75))
        ),
    ],
)
def test_a_signal_before_the_search_ends_it_with_its_own_code(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """A space that never ends to load holds the command."""
    (tmp_path / "slow.py").write_text(SLOW_SPACE)
    search = subprocess.Popen(
        [*TUNE, "--budget", "tiny", "--space", "slow", "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert search.stdout is not None
    assert search.stdout.readline() == "loading\n"
    search.send_signal(number)
    _, errors = search.communicate()
    assert search.returncode == code
    assert errors.startswith("Interrupted")
    assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()
