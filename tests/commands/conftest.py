"""Commands run in this process, or as a user runs them, in an empty folder."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

LAUNCH = Path(__file__).parents[2] / "launch"

Command = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def load_command(name: str) -> click.Command:
    """A command of launch/, loaded as `python launch/NAME.py` would load it."""
    sys.path.insert(0, str(LAUNCH))
    try:
        command: click.Command = runpy.run_path(str(LAUNCH / f"{name}.py"))["main"]
    finally:
        sys.path.remove(str(LAUNCH))
    return command


def run_command(folder: Path, name: str, *options: object) -> subprocess.CompletedProcess[str]:
    """Runs a command of launch/ in a process of its own, in a folder."""
    return subprocess.run(
        [sys.executable, str(LAUNCH / f"{name}.py"), *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=280,
    )


@pytest.fixture(scope="session")
def tune_command() -> click.Command:
    return load_command("tune")


@pytest.fixture(scope="session")
def features() -> Command:
    """Runs launch/features.py in this process."""
    command = load_command("features")
    return lambda *options: CliRunner().invoke(command, list(options))


@pytest.fixture
def tune(tune_command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs launch/tune.py in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    # The command looks for a user's own module in the current folder and beside itself.
    monkeypatch.setattr(sys, "path", [str(LAUNCH), *sys.path])
    return lambda *options: CliRunner().invoke(tune_command, [str(one) for one in options])


@pytest.fixture
def tune_process(tmp_path: Path) -> Process:
    """Runs launch/tune.py in a process of its own, in an empty folder."""

    return partial(run_command, tmp_path, "tune")
