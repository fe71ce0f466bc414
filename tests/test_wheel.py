"""The built wheel holds the library and nothing else; library block and commands run from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.ray]

ROOT = Path(__file__).parents[1]
STUDY = "outputs/phase6c_a20/first"
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "outputs")

LIBRARY_BLOCK = """
import json
import sys
from pathlib import Path

import phase6c
from search_spaces import tiny

study = phase6c.load_study(sys.argv[1])
assert callable(phase6c.run_study)
assert len(phase6c.load_bars("made.csv").frame) == 800
assert issubclass(phase6c.TransformerTrainable, object)
assert phase6c.Grid.of(0.0, 0.1).values == (0.0, 0.1)
assert isinstance(tiny.SPACE, phase6c.Space)
assert isinstance(tiny.BUDGET, phase6c.Budget)
print(json.dumps({
    "package": phase6c.__file__,
    "folder": str(study.folder),
    "states": [trial.state for trial in study.trials],
    "best": study.best.best(study.config.objective).value,
    "rows": len(study.to_frame()),
    "columns": list(study.to_frame().columns),
    "complete": study.config.complete,
    "files": sorted(path.name for path in Path(study.folder).iterdir()),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, since setuptools leaves its work beside the sources."""
    source = tmp_path_factory.mktemp("source") / "phase6c"
    shutil.copytree(ROOT, source, ignore=NOT_COPIED)
    target = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, source]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (found,) = target.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """An environment with the wheel, and this one's other packages behind it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", wheel]
    subprocess.run(install, capture_output=True, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Folders that a .pth file names come last, and their own .pth files, such as that of an
    # editable install, are not read.
    here = sysconfig.get_paths()
    (packages / "others.pth").write_text(f"{here['purelib']}\n{here['platlib']}\n")
    return python


def test_the_wheel_holds_the_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"phase6c", "search_spaces"}
    assert {"phase6c/py.typed", "search_spaces/py.typed", "search_spaces/tiny.py"} <= names
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in ("phase6c", "search_spaces")
        for path in (ROOT / package).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == sources


def run(folder, *words):
    """What a command prints that runs in a folder outside of any checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def searched(python, made_bars, tmp_path_factory):
    """A folder in which the wheel's command has made a small search."""
    folder = tmp_path_factory.mktemp("user")
    made_bars(0, n_days=800).to_csv(folder / "made.csv", index=False)
    small = ("--data", "made.csv", "--tier", "a20", "--trials", 2, "--epochs", 1, "--cpus", 1)
    pinned = ("--set", "learning_rate=1e-3", "--name", "first")
    run(folder, python.with_name("phase6c"), "tune", "--budget", "tiny", *small, *pinned)
    return folder


def test_the_library_reads_from_the_wheel_what_its_command_has_made(python, searched):
    told = run(searched, python, "-c", LIBRARY_BLOCK, STUDY)
    found = json.loads(told.splitlines()[-1])
    assert Path(found["package"]).is_relative_to(python.parents[1])
    assert found["states"] == ["COMPLETE", "COMPLETE"]
    assert 0.0 < found["best"] < 1.0
    assert found["rows"] == 2
    assert {"number", "state", "params.learning_rate", "metrics.auc"} <= set(found["columns"])
    assert found["complete"]
    assert {"all_trials.json", "best_params.json", "study.json", "trial_000"} <= set(found["files"])


def test_from_search_to_predictions_by_the_command_of_the_wheel(python, searched):
    phase6c = python.with_name("phase6c")
    assert run(searched, phase6c, "--version") == run(
        searched, python, "-m", "phase6c", "--version"
    )
    run(searched, phase6c, "report", STUDY, "--draws", 0)
    assert (searched / STUDY / "report" / "report.html").exists()
    run(searched, phase6c, "evaluate", STUDY, "--top", 1, "--seeds", 1, "--cpus", 1)
    told = run(
        searched, phase6c, "predict", "outputs/models/best", "--data", "made.csv", "--out", "p.csv"
    )
    assert "after 2013-01-25" in told
    assert (searched / "p.csv").read_text().startswith("date,ticker,p\n")
