"""What the README says, works: bash and python blocks run, console blocks at least parse.

They run in this process, on one Ray and on short bars; `test_wheel.py` runs commands as processes.
"""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from phase6c.commands.group import main

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(sys.executable).parent
BLOCKS = re.findall(
    r"^```(bash|console|python)\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S
)


def lines_of(kind: str) -> list[str]:
    return [line for found, text in BLOCKS if found == kind for line in text.splitlines()]


def run(line: str) -> None:
    name, *words = shlex.split(line)
    assert name == "phase6c"
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, f"{line}\n{done.stderr}"


@pytest.mark.ray
@pytest.mark.usefixtures("one_worker", "short_demo_bars", "light_evaluations")
def test_bash_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in lines_of("bash"):
        run(line)


@pytest.mark.ray
@pytest.mark.usefixtures("one_worker", "short_demo_bars", "light_evaluations")
def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, (kind, text) in enumerate(BLOCKS):
        if kind == "python":
            script = tmp_path / f"block_{number}.py"
            script.write_text(text)
            runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("line", lines_of("console"))
def test_console_blocks_name_real_commands_and_options(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if line.startswith("phase6c "):
        monkeypatch.chdir(tmp_path)
        run(f"{line} --dry-run" if " tune " in line else f"{line} --help")
        return
    name, *words = shlex.split(line)
    command = ["make", "--dry-run"] if name == "make" else [SCRIPTS / name, "--help"]
    subprocess.run([*command, *words], cwd=ROOT, check=True)
