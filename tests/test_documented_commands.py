"""What README and pages say, works; the language of a block says how that is tested.

`bash` is run, in reading order; `python` is run, too; `console` needs hours, a GPU or a cluster and
is planned or asked for its help; `sh` belongs to the reader's own shell and is parsed; `text` is
what a command has printed.

They run in this process, on one Ray and on short bars; `test_wheel.py` runs commands as processes.
"""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from phase6c.commands.group import main

from .support.pages import ROOT, blocks, own_pages

SCRIPTS = Path(sys.executable).parent
BLOCKS = blocks()
LANGUAGES = {"bash", "python", "console", "sh", "text"}
# Options of other programs that pages name.
FOREIGN_OPTIONS = {"--head", "--logdir", "--port", "--nodes", "--gpus-per-node"}


def lines_of(kind: str) -> list[str]:
    """Every command of such blocks, in one line each."""
    texts = [text.replace("\\\n", " ") for language, text in BLOCKS if language == kind]
    return [line for text in texts for line in text.splitlines()]


def run(line: str) -> None:
    name, *words = shlex.split(line)
    assert name == "phase6c"
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, f"{line}\n{done.stderr}"


def test_every_block_says_how_it_is_tested():
    assert {language for language, _ in BLOCKS} == LANGUAGES


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


# A command is planned a single time, where pages repeat it.
@pytest.mark.parametrize(
    "line", dict.fromkeys(line.removesuffix(" --dry-run") for line in lines_of("console"))
)
def test_console_blocks_name_real_commands_and_options(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if line.startswith("phase6c "):
        monkeypatch.chdir(tmp_path)
        # Nothing can be planned on a cluster that is not there.
        plannable = " tune " in line and " --address " not in line
        run(f"{line} --dry-run" if plannable else f"{line} --help")
        return
    name, *words = shlex.split(line)
    command = [name, *words, "--dry-run"] if name == "make" else [SCRIPTS / name, *words, "--help"]
    subprocess.run(command, cwd=ROOT, check=True)


def test_shell_blocks_can_be_parsed():
    for _, text in (block for block in BLOCKS if block[0] == "sh"):
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def options() -> Iterator[str]:
    """Every option of every command."""
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            yield from parameter.opts


def test_every_option_that_a_page_names_exists():
    named = {
        option
        for page in own_pages()
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.read_text())
    }
    assert named - {*options(), "--help"} == FOREIGN_OPTIONS
