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
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.ray
def test_bash_blocks_run_in_order(tmp_path: Path) -> None:
    for line in lines_of("bash"):
        done = run(["bash", "-c", line], tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.ray
def test_python_blocks_run(tmp_path: Path) -> None:
    for number, (kind, text) in enumerate(BLOCKS):
        if kind == "python":
            script = tmp_path / f"block_{number}.py"
            script.write_text(text)
            done = run([sys.executable, str(script)], tmp_path)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", lines_of("console"))
def test_console_blocks_name_real_commands_and_options(line: str, tmp_path: Path) -> None:
    if line.startswith("make "):
        done = run(["make", "--dry-run", *line.split()[1:]], ROOT)
    elif " tune " in line:
        done = run(["bash", "-c", f"{line} --dry-run"], tmp_path)
    else:
        done = run(["bash", "-c", f"{line} --help"], tmp_path)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
