"""Commands run in this process, or as a user runs them, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

LAUNCH = Path(__file__).parents[2] / "launch"

Command = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def load_command(name: str) -> click.Command:
    """A subcommand of phase6c."""
    command: click.Command = import_module(f"phase6c.commands.{name}").main
    return command


def run_command(folder: Path, name: str, *options: object) -> subprocess.CompletedProcess[str]:
    """Runs a subcommand of phase6c in a process of its own, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "phase6c", name, *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="session")
def tune_command() -> click.Command:
    return load_command("tune")


@pytest.fixture(scope="session")
def features() -> Command:
    """Runs `phase6c features` in this process."""
    command = load_command("features")
    return lambda *options: CliRunner().invoke(command, list(options))


@pytest.fixture
def tune(tune_command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `phase6c tune` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *options: CliRunner().invoke(tune_command, [str(one) for one in options])


@pytest.fixture
def tune_process(tmp_path: Path) -> Process:
    """Runs `phase6c tune` in a process of its own, in an empty folder."""
    return partial(run_command, tmp_path, "tune")
