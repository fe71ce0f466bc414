"""What the README says, works: bash and python blocks run, console blocks at least parse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(
    r"^```(bash|console|python)\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S
)


def lines_of(kind: str) -> list[str]:
    return [line for found, text in BLOCKS if found == kind for line in text.splitlines()]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which the README's relative paths mean this checkout and this Python."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "launch").symlink_to(ROOT / "launch")
    return tmp_path


@pytest.mark.ray
@pytest.mark.timeout(900)
def test_bash_blocks_run_in_order(checkout: Path) -> None:
    for line in lines_of("bash"):
        done = run(["bash", "-c", line], checkout)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.ray
def test_python_blocks_run(checkout: Path) -> None:
    for number, (kind, text) in enumerate(BLOCKS):
        if kind == "python":
            script = checkout / f"block_{number}.py"
            script.write_text(text)
            done = run([sys.executable, str(script)], checkout)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", lines_of("console"))
def test_console_blocks_name_real_commands_and_options(line: str, checkout: Path) -> None:
    if line.startswith("make "):
        done = run(["make", "--dry-run", *line.split()[1:]], ROOT)
    elif "tune.py" in line:
        done = run(["bash", "-c", f"{line} --dry-run"], checkout)
    else:
        done = run(["bash", "-c", f"{line} --help"], checkout)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
