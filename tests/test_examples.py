"""The programs and the notebook in examples/ run as they stand, and show what they promise."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray]

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    two_cpus: None,
    short_demo_bars: None,
    light_evaluations: None,
) -> Callable[[str], tuple[str, str]]:
    """What a program of that name says on stdout and stderr, run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(name: str) -> tuple[str, str]:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capfd.readouterr()

    return run


def test_a_search_from_python_shows_progress_and_results(shown):
    stdout, stderr = shown("search_from_python")
    assert "side by side" in stderr
    assert "best value 0." in stdout
    assert "'learning_rate':" in stdout


@pytest.mark.usefixtures("one_worker")
def test_a_space_of_ones_own_keeps_its_budget(shown):
    stdout, _ = shown("space_of_your_own")
    assert "n_params" in stdout


@pytest.mark.usefixtures("one_worker")
def test_a_study_leads_to_predictions(shown):
    stdout, _ = shown("from_study_to_predictions")
    assert stdout.startswith(("Yes", "No"))
    assert "sp500" in stdout.splitlines()[-1]


def test_the_notebook_runs_and_shows_tables(tmp_path):
    notebook = tmp_path / "notebook.ipynb"
    notebook.write_bytes((EXAMPLES / "reading_a_study.ipynb").read_bytes())
    execute = [sys.executable, "-c", "from nbclient.cli import main; main()"]
    done = subprocess.run(
        [*execute, "--inplace", str(notebook)],
        cwd=tmp_path,
        # A notebook's kernel keeps its files in the user's home; the test's own folder is one.
        env={**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output["output_type"] == "error"]
    shown = [output["data"] for output in outputs if "data" in output]
    pages = ["".join(data.get("text/html", ())) for data in shown]
    assert sum("<table" in page for page in pages) >= 4
