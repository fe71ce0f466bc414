"""The programs and the notebook in examples/ run as they stand, and show what they promise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray]

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # A notebook's kernel keeps its files in the user's home; the test's own folder is one.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_a_search_from_python_shows_progress_and_results(tmp_path):
    done = run([sys.executable, str(EXAMPLES / "search_from_python.py")], tmp_path)
    assert "side by side" in done.stderr
    assert "best value 0." in done.stdout
    assert "'learning_rate':" in done.stdout


def test_a_space_of_ones_own_keeps_its_budget(tmp_path):
    done = run([sys.executable, str(EXAMPLES / "space_of_your_own.py")], tmp_path)
    assert "n_params" in done.stdout


def test_a_study_leads_to_predictions(tmp_path):
    done = run([sys.executable, str(EXAMPLES / "from_study_to_predictions.py")], tmp_path)
    assert done.stdout.startswith(("Yes", "No"))
    assert "sp500" in done.stdout.splitlines()[-1]


def test_the_notebook_runs_and_shows_tables(tmp_path):
    notebook = tmp_path / "notebook.ipynb"
    notebook.write_bytes((EXAMPLES / "reading_a_study.ipynb").read_bytes())
    execute = [sys.executable, "-c", "from nbclient.cli import main; main()"]
    run([*execute, "--inplace", str(notebook)], tmp_path)
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output["output_type"] == "error"]
    shown = [output["data"] for output in outputs if "data" in output]
    pages = ["".join(data.get("text/html", ())) for data in shown]
    assert sum("<table" in page for page in pages) >= 4
