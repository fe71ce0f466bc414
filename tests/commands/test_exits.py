"""What a command says when it ends, in words that are true of this command."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from phase6c.commands.exits import INTERRUPTED
from phase6c.commands.options import command

from .conftest import load_command


def interrupted(**given: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "arguments", "resumes"),
    [
        ("tune", [], True),
        ("evaluate", ["study"], True),
        ("probe", ["study", "--base", "best", "--vary", "dropout=0.1"], False),
        ("report", ["study"], False),
        ("verify", ["study"], False),
    ],
)
def test_an_interrupted_command_names_resume_only_where_it_has_it(name, arguments, resumes):
    one = click.Command(
        name, params=load_command(name).params, callback=command(interrupted).callback
    )
    ended = CliRunner().invoke(one, arguments)
    assert ended.exit_code == INTERRUPTED
    assert "The same command goes on" in ended.stderr
    assert ("--resume" in ended.stderr) == resumes
