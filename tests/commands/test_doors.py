"""`phase6c NAME`, `python -m phase6c NAME` and `python launch/NAME.py` are the same command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from phase6c.commands.exits import way_on
from phase6c.commands.group import COMMANDS, main
from phase6c.version import __version__

from ..support.pace import cost
from .conftest import LAUNCH

SCRIPT = Path(sys.executable).with_name("phase6c")
DOORS = {
    "phase6c": [SCRIPT],
    "python -m phase6c": [sys.executable, "-m", "phase6c"],
}
FEATURES = {
    **{door: [*words, "features"] for door, words in DOORS.items()},
    "python launch/features.py": [sys.executable, LAUNCH / "features.py"],
}
# About half a second.
MAX_HELP_COST = 75


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("door", FEATURES)
def test_every_door_leads_to_the_same_command(door):
    command = FEATURES[door]
    done = run(*command, "--tier", "a20", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["features"]) == 20
    wrong = run(*command, "--teir", "a20")
    assert wrong.returncode == 2
    assert "No such option '--teir'" in wrong.stderr


@pytest.mark.parametrize("door", DOORS)
def test_the_version_is_told(door):
    assert run(*DOORS[door], "--version").stdout == f"phase6c, version {__version__}\n"


def test_there_is_a_thin_script_for_each_subcommand():
    assert {path.stem for path in LAUNCH.glob("*.py")} == set(COMMANDS)
    for name in COMMANDS:
        assert f"from phase6c.commands.{name} import main" in (LAUNCH / f"{name}.py").read_text()


def test_the_help_names_every_subcommand_and_its_first_sentence_fits_a_line():
    shown = CliRunner().invoke(main, ["--help"]).stdout
    for name, line in COMMANDS.items():
        assert f"  {name:<10}{line}\n" in shown
    assert "_PHASE6C_COMPLETE=bash_source" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_a_help_of_its_own(name):
    done = CliRunner().invoke(main, [name, "-h"])
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: main {name} ")


def test_a_misspelt_subcommand_is_refused_with_the_nearest():
    done = CliRunner().invoke(main, ["prob", "--base", "best"])
    assert done.exit_code == 2
    assert "No such command 'prob'. Did you mean 'probe'?" in done.stderr
    assert "No such command 'x'." in CliRunner().invoke(main, ["x"]).stderr


def test_completion_knows_subcommands_and_options():
    def completed(words: str) -> str:
        done = subprocess.run(
            [SCRIPT],
            env={"_PHASE6C_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    assert "plain,tune" in completed("phase6c tu")


def test_the_help_imports_nothing_heavy_and_is_fast():
    code = (
        "import sys; from phase6c.commands.group import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print(*{'pydantic', 'numpy', 'rich', 'ray'} & set(sys.modules))"
    )
    shown = []
    spent = cost(lambda: shown.append(run(sys.executable, "-c", code)))
    assert shown[0].stdout.splitlines()[-1] == ""
    assert spent < MAX_HELP_COST


@pytest.mark.parametrize(
    ("argv", "orig_argv", "said"),
    [
        (["{bin}/phase6c", "tune"], ["python", "{bin}/phase6c", "tune"], "phase6c tune"),
        (["other/phase6c", "tune"], ["python", "other/phase6c", "tune"], "other/phase6c tune"),
        (
            ["/lib/phase6c/__main__.py", "tune"],
            ["python", "-m", "phase6c", "tune"],
            "python -m phase6c tune",
        ),
        (["launch/tune.py"], ["python3", "launch/tune.py"], "python3 launch/tune.py"),
    ],
)
def test_the_way_on_is_the_command_as_it_was_typed(monkeypatch, argv, orig_argv, said, tmp_path):
    script = tmp_path / "phase6c"
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, words in (("argv", argv), ("orig_argv", orig_argv)):
        given = [*(word.format(bin=tmp_path) for word in words), "--seed", "1", "--overwrite"]
        monkeypatch.setattr(sys, name, given)
    assert way_on(resume=True) == f"Go on with: {said} --seed 1 --resume"
    assert way_on(resume=False) == f"Go on with: {said} --seed 1"


def test_options_are_named_as_the_fields_that_they_set():
    """So that a field in a message of the library finds its flag."""
    from phase6c.commands.evaluate import main as evaluate
    from phase6c.commands.probe import main as probe
    from phase6c.commands.tune import main as tune
    from phase6c.config import DataConfig
    from phase6c.tune.evaluation.options import EvaluationOptions
    from phase6c.tune.search.options import SearchOptions

    def names(command: click.Command) -> set[str]:
        return {option.name for option in command.params if option.name is not None}

    by_set = {"scaling", "market", "logs", "train_fraction", "val_fraction", "cal_fraction"}
    data = DataConfig.model_fields.keys() - by_set
    assert names(tune) >= (SearchOptions.model_fields.keys() - {"data"}) | data
    assert names(evaluate) >= EvaluationOptions.model_fields.keys()
    assert names(probe) >= {"base", "vary", "seeds"} | data
