"""A process that vanishes leaves a word; one that ends as it should has said its own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from phase6c.terminal.last_words import LastWords

with LastWords("Go on with: this") as words:
    print("begun", flush=True)
    {end}
"""


def ended(end: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(end=end)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "begun\n"
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os._exit(1)", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("signal.signal(signal.SIGTERM, signal.SIG_DFL); os.killpg(0, signal.SIGTERM)", -15),
    ],
)
def test_whoever_vanishes_leaves_a_word(end: str, code: int) -> None:
    # In a group of its own, which the third one ends as a whole.
    assert ended(f"os.setpgid(0, 0); {end}") == (code, "\nGo on with: this\n")


@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "words.take_back(); os._exit(0)"])
def test_whoever_ends_as_it_should_leaves_none(end: str) -> None:
    assert ended(end) == (0, "")
