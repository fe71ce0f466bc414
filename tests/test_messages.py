"""The library names fields; flags and commands belong to those who type."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]

FLAG = re.compile(r"(?<![\w-])--[a-z]")
# A flag of another program, or part of a whole command that a reader is to type.
ALLOWED = {
    ("phase6c/analysis/winner.py", "--base"),
    ("phase6c/analysis/winner.py", "--seeds"),
    ("phase6c/report/gaps.py", "--base"),
    ("phase6c/report/gaps.py", "--vary"),
    (
        "phase6c/report/gaps.py",
        "A probe needs a study or one of the references; to go on from a file of trials, "
        "search with phase6c tune --warm-start ",
    ),
    ("phase6c/terminal/tables.py", "Curves and HParams: tensorboard --logdir "),
    (
        "phase6c/tune/runtime/cluster.py",
        "Start it with 'ray start --head', or leave `address` out; where the cluster has"
        " RAY_AUTH_MODE=token, set that and RAY_AUTH_TOKEN here too.",
    ),
    ("phase6c/tune/runtime/nodes.py", "--query-gpu=uuid,memory.total"),
    ("phase6c/tune/runtime/nodes.py", "--format=csv,noheader,nounits"),
}


def library_texts() -> set[tuple[str, str]]:
    """Every string of the library with its file, docstrings and parts of f-strings included."""
    texts = set()
    for path in (ROOT / "phase6c").rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("phase6c/commands/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add((name, node.value))
    return texts


def test_no_message_of_the_library_names_a_flag():
    flags = {(name, text) for name, text in library_texts() if FLAG.search(text)}
    assert flags == ALLOWED


def test_no_message_of_the_library_names_an_interpreter_or_a_file_of_launch():
    wrong = {one for one in library_texts() if ".venv/bin" in one[1] or "launch/" in one[1]}
    assert wrong == set()
