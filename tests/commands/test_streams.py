"""Commands with closed, full or broken streams, and signals while nothing runs yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
