"""Reading a study executes nothing of it, names stay in the output root, secrets out of files."""

from __future__ import annotations

import ast
import gzip
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray.data  # registers Arrow types that unpickle what they hold
import torch
from hypothesis import given
from hypothesis import strategies as st

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.catalogue import tier_features
from phase6c.data.panel import feature_panel, panel_digest
from phase6c.errors import ConfigError, DataError, FolderError, Phase6cError, StorageError
from phase6c.nn.checkpoint import load_checkpoint
from phase6c.nn.lane import Lane
from phase6c.space.budget import CountParameters
from phase6c.storage.files import read_lines, write_json
from phase6c.study.ledger import FILE_NAME as LEDGER_FILE
from phase6c.study.ledger import Ledger, read_trials
from phase6c.study.ranking import ordered
from phase6c.study.study import load_study
from phase6c.study.study_config import STUDY_FILE, write_study_config
from phase6c.study.study_folder import LOCK_FILE, LOG_FILE, open_folder, study_name, study_path
from phase6c.study.trial_folder import LAST_FILE, PREDICTIONS_FILE, read_predictions, trial_folder
from phase6c.tune.proposals.warm_start import read_warm_start
from phase6c.verify.study import verify
from search_spaces import tiny

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / "launch"

BUILTINS = {"eval", "exec", "compile", "__import__"}
# Whole libraries whose only purpose is to store objects.
OBJECT_STORES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "yaml"}
# What a call must be given, or None where it is never right.
CALLS = {
    "torch.load": ("weights_only", True),
    "torch.jit.load": None,
    "numpy.load": ("allow_pickle", False),
    "pandas.read_pickle": None,
    "os.system": None,
    "importlib.import_module": None,
}
ALLOWED = {
    ("phase6c/tune/runtime/faults.py", "pickle"),
    ("phase6c/tune/runtime/faults.py", "pickle.loads"),
    # The module of --space is the user's own code; subcommands and public names are of phase6c.
    ("phase6c/commands/spaces.py", "importlib.import_module"),
    ("phase6c/commands/group.py", "importlib.import_module"),
    ("phase6c/__init__.py", "importlib.import_module"),
    ("phase6c/study/shown.py", "importlib.import_module"),
}


class Plant:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self._marker,)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """A planted object; after the test, nothing may have executed it."""
    marker = tmp_path / "executed"
    yield Plant(marker)
    assert not marker.exists()


@pytest.fixture
def study(tmp_path: Path, study_config, birth, measured) -> Path:
    """The folder of a small study."""
    folder = tmp_path / "study"
    trial_folder(folder, 0).mkdir(parents=True)
    write_study_config(folder, study_config())
    ledger = Ledger(folder / LEDGER_FILE)
    ledger.append("trial", 0, **birth())
    ledger.append("started", 0)
    measurement = measured(1, 0.6).model_dump(mode="json")
    ledger.append("result", 0, measurement=measurement, decision="continue", stopped=None)
    ledger.close()
    return folder


def dangers(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything that may execute what it reads."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            found = {module} if module else {alias.name for alias in node.names}
            found |= {alias.name for alias in node.names}
            yield from ((node.lineno, one) for one in found & OBJECT_STORES)
        elif isinstance(node, ast.Call):
            name = _dotted(node.func, names)
            given_ = {one.arg: getattr(one.value, "value", None) for one in node.keywords}
            needed = CALLS.get(name, ())
            if (
                name in BUILTINS
                or set(name.split(".")[:-1]) & OBJECT_STORES
                or needed is None
                or (needed and given_.get(needed[0]) is not needed[1])
                or given_.get("shell")
            ):
                yield node.lineno, name


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((one.asname or one.name, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((one.asname or one.name, f"{node.module}.{one.name}") for one in node.names)


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value, names)
        return f"{inner}.{node.attr}" if inner else ""
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def test_nothing_but_rays_own_error_file_is_unpickled():
    paths = [one for room in ("phase6c", "launch", "search_spaces") for one in _modules(room)]
    found = {
        (str(path.relative_to(ROOT)), name, line)
        for path in paths
        for line, name in dangers(path.read_text())
    }
    assert {(path, name) for path, name, _ in found} == ALLOWED
    ((path, line),) = [(path, line) for path, name, line in found if name == "pickle.loads"]
    assert "noqa: S301" in (ROOT / path).read_text().splitlines()[line - 1]


def _modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle as p\np.load(f)",
        "from pickle import loads",
        "from ray import cloudpickle",
        "import ray\nray.cloudpickle.loads(f)",
        "import torch\ntorch.load(f)",
        "import torch\ntorch.load(f, weights_only=False)",
        "from torch import load as get\nget(f)",
        "import numpy as np\nnp.load(f)",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "import pandas as pd\npd.read_pickle(f)",
        "import yaml\nyaml.load(f)",
        "eval(text)",
        "exec(text)",
        "import subprocess\nsubprocess.run(text, shell=True)",
    ],
)
def test_the_search_for_dangers_finds_them(source):
    assert list(dangers(source))


def test_the_search_for_dangers_leaves_others_alone():
    source = "import torch, json\ntorch.load(f, weights_only=True)\nmodel.eval()\njson.load(f)"
    assert not list(dangers(source))


@pytest.mark.parametrize("ending", [b"", b"\n", b"\n{}\n"])
def test_a_pickle_in_place_of_a_studys_files_is_not_loaded(study, plant, ending):
    payload = pickle.dumps(plant) + ending
    for name in (STUDY_FILE, LEDGER_FILE):
        before = (study / name).read_bytes()
        (study / name).write_bytes(payload)
        with suppress(Phase6cError):
            assert load_study(study).trials == ()
        verify(study)
        (study / name).write_bytes(before)
    assert len(load_study(study).trials) == 1


def too_deep(path: Path) -> None:
    path.write_bytes(b"[" * 200_000 + b"\n")


def test_json_that_is_nested_too_deeply_is_refused(study, tmp_path):
    too_deep(tmp_path / "trials.json")
    with pytest.raises(DataError):
        warm(tmp_path / "trials.json")
    too_deep(study / LEDGER_FILE)
    with pytest.raises(StorageError):
        read_lines(study / LEDGER_FILE)
    too_deep(study / STUDY_FILE)
    with pytest.raises(StorageError):
        load_study(study)


@pytest.mark.parametrize(
    "rows",
    [
        ["3"],
        ["[]"],
        ['{"number": [], "kind": "trial"}'],
        ["number as text", "born"],
        ["born", "diverged without evidence"],
    ],
)
def test_a_ledger_of_nonsense_is_called_damaged(tmp_path, birth, measured, rows):
    born = {"kind": "trial", "number": 0, **birth()}
    lost = measured(1, None).model_dump(mode="json")
    lost["health"]["evidence"] = []
    told = {
        "born": born,
        "number as text": {**born, "number": "1"},
        "diverged without evidence": {
            "kind": "result",
            "number": 0,
            "decision": "diverged",
            "stopped": None,
            "measurement": lost,
        },
    }
    path = tmp_path / LEDGER_FILE
    path.write_text("".join(f"{json.dumps(told[row]) if row in told else row}\n" for row in rows))
    with pytest.raises(StorageError, match="damaged from outside"):
        ordered(read_trials(path))


@pytest.mark.parametrize("new_format", [True, False])
def test_a_pickle_behind_the_right_checksum_is_no_checkpoint(tmp_path, plant, caplog, new_format):
    stored = io.BytesIO()
    torch.save({"trainer": plant}, stored, _use_new_zipfile_serialization=new_format)
    for payload in (pickle.dumps(plant, protocol=2), stored.getvalue(), b""):
        path = tmp_path / LAST_FILE
        path.write_bytes(hashlib.sha256(payload).digest() + payload)
        caplog.clear()
        assert load_checkpoint(tmp_path, Mock(spec=Lane)) is None
        assert str(path) in caplog.text


def test_a_pickle_in_the_cache_of_features_is_not_loaded(tmp_path, plant):
    bars = load_bars("sp500")
    features = tier_features("a20", bars.frame.columns)
    payload = pickle.dumps(plant)
    path = tmp_path / f"panel_{panel_digest(bars, features)[:32]}.bin"
    path.write_bytes(hashlib.sha256(payload).digest() + payload)
    made = feature_panel(bars, features, None)
    np.testing.assert_array_equal(feature_panel(bars, features, tmp_path), made)


def warm(source: Path) -> object:
    count: CountParameters = lambda shape: 50_000  # noqa: E731
    return read_warm_start(source, tiny.SPACE, count, DataConfig())


def test_a_pickle_is_no_warm_start(study, tmp_path, plant):
    (study / STUDY_FILE).write_bytes(pickle.dumps(plant))
    (tmp_path / "trials.json").write_bytes(pickle.dumps(plant))
    for source in (study, tmp_path / "trials.json"):
        with pytest.raises(Phase6cError, match=source.name):
            warm(source)


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz", "bars.parquet"])
def test_a_pickle_is_no_table_of_bars(tmp_path, plant, name):
    payload = pickle.dumps(plant)
    (tmp_path / name).write_bytes(gzip.compress(payload) if name.endswith("gz") else payload)
    with pytest.raises(DataError, match=name):
        load_bars(tmp_path / name)


def test_cells_of_bars_stay_what_they_are(tmp_path, plant):
    code = f"__import__('os').mkdir('{plant._marker}')"
    cells = pd.DataFrame({"date": ["2020-01-01", "2020-01-02"], "close": [code, code]})
    cells.to_csv(tmp_path / "bars.csv", index=False)
    cells.assign(close=[pickle.dumps(plant)] * 2).to_parquet(tmp_path / "bars.parquet")
    for name in ("bars.csv", "bars.parquet"):
        with pytest.raises(DataError, match="is not a number"):
            load_bars(tmp_path / name)


def objects_table(kind: str, plant: Plant) -> bytes:
    """A Parquet table of bars and predictions with a column of objects, as Arrow stores them."""
    payload = pickle.dumps(plant)
    kinds = {b"ARROW:extension:name": kind.encode(), b"ARROW:extension:metadata": payload}
    dates = pd.date_range("2020-01-01", periods=3).strftime("%Y-%m-%d").tolist()
    plain = {"date": dates, "close": [1.0] * 3, "epoch": [1] * 3, "y": [0, 1, 0]}
    fields = [pa.field(name, pa.array(values).type) for name, values in plain.items()]
    fields += [pa.field(name, pa.large_binary(), metadata=kinds) for name in ("logit", "p")]
    objects = pa.array([payload] * 3, pa.large_binary())
    columns = [*map(pa.array, plain.values()), objects, objects]
    stored = io.BytesIO()
    pq.write_table(pa.table(columns, schema=pa.schema(fields)), stored)
    return stored.getvalue()


OBJECT_KINDS = [
    "arrow.py_extension_type",
    "ray.data.arrow_pickled_object",
]


@pytest.mark.parametrize("kind", OBJECT_KINDS)
def test_a_column_of_objects_in_bars_is_not_loaded(tmp_path, kind):
    """Ray registers a type that unpickles for the whole process, and tune imports Ray."""
    path, plant = tmp_path / "bars.parquet", Plant(tmp_path / "executed")
    path.write_bytes(objects_table(kind, plant))
    with suppress(DataError):
        assert len(load_bars(path).frame) == 3
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("kind", OBJECT_KINDS)
@pytest.mark.parametrize("read", [lambda study: read_predictions(study / "trial_000"), verify])
def test_a_column_of_objects_in_predictions_is_not_loaded(study, tmp_path, kind, read):
    plant = Plant(tmp_path / "executed")
    (study / "trial_000" / PREDICTIONS_FILE).write_bytes(objects_table(kind, plant))
    with suppress(StorageError):
        read(study)
    assert not (tmp_path / "executed").exists()


def test_the_types_that_this_is_about_are_registered():
    field = pa.field("a", ray.data._internal.object_extensions.arrow.ArrowPythonObjectType())
    assert isinstance(field.type, pa.ExtensionType)


NASTY = st.one_of(
    st.text(max_size=120),
    st.text(st.sampled_from("./\\~$-_ aA0\n\0\u2024\uff0f\u202e"), max_size=20),
    st.sampled_from(
        ["..", "../x", "/etc", "a/../..", "CON", "nul.txt", "-rf", ".hidden", "a" * 300]
    ),
)


@given(NASTY)
def test_a_studys_name_is_refused_or_stays_in_the_output_root(name):
    with suppress(ConfigError):
        folder = study_path("/nowhere/outputs", "a20", name)
        assert folder.resolve().parent == Path("/nowhere/outputs/phase6c_a20")


@given(st.lists(NASTY, min_size=1, max_size=3), NASTY, st.integers(-5, 10**6))
def test_names_made_from_sources_and_numbers_stay_in_the_output_root(sources, budget, number):
    name = study_name(budget, tuple(sources), DataConfig(horizon_days=5))
    folder = trial_folder(study_path("/nowhere/outputs", "a20", name), number)
    assert folder.resolve().parent.parent == Path("/nowhere/outputs/phase6c_a20")


@pytest.mark.parametrize(
    "out",
    ["a" * 300, "a\0b", "a\nb", "..", "-x", "CON"],
)
def test_an_odd_output_root_is_used_as_it_is_or_refused(tmp_path, monkeypatch, out):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with (
        suppress(ConfigError, FolderError),
        open_folder(study_path(out, "a20", "x"), resume=False, overwrite=False),
    ):
        assert (Path(out) / "phase6c_a20" / "x").is_dir()


@pytest.mark.parametrize(
    "name",
    ["..", "a" * 300, "a\0b", "a\nb"],
)
def test_an_odd_warm_start_is_refused(tmp_path, name):
    with pytest.raises(Phase6cError):
        warm(tmp_path / name)


@pytest.mark.parametrize("name", ["trial_000", STUDY_FILE, LEDGER_FILE, LOG_FILE, LOCK_FILE])
@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_a_link_in_a_studys_folder_leads_nothing_astray(study, tmp_path, name, how):
    outside = tmp_path / "outside"
    outside.mkdir()
    for one in (LAST_FILE, "best.safetensors", "events.out.tfevents.0"):
        (outside / one).write_text("precious")
    file = tmp_path / "precious"
    file.write_bytes((study / name).read_bytes() if (study / name).is_file() else b"precious")
    before = contents(outside), file.read_bytes()
    if (study / name).is_dir():
        (study / name).rmdir()
    (study / name).unlink(missing_ok=True)
    (study / name).symlink_to(outside if name == "trial_000" else file)
    options = {"resume": False, "overwrite": False, how: True}
    with pytest.raises(FolderError, match=name), open_folder(study, **options):
        pytest.fail("the link was followed")
    assert (contents(outside), file.read_bytes()) == before


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_link_in_place_of_a_temporary_file_is_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / f".{STUDY_FILE}.{os.getpid()}.tmp").symlink_to(precious)
    write_json(tmp_path / STUDY_FILE, {})
    assert precious.read_text() == "precious"


@pytest.mark.slow
def test_modules_that_lie_about_are_not_imported(tmp_path):
    """Libraries try optional modules by name; whoever stands in a foreign folder has others."""
    for name in ("bottleneck", "numexpr", "dill", "polars", "uvloop"):
        (tmp_path / f"{name}.py").write_text(f"import os; os.mkdir({str(tmp_path / 'executed')!r})")
    command = [sys.executable, LAUNCH / "tune.py", "--budget", "tiny", "--tier", "a20", "--dry-run"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert not (tmp_path / "executed").exists()


LEAKING = """
import sys

import phase6c
from phase6c.nn.trial_run import TrialRun
from phase6c.records import Health, Measurement, Metrics
from phase6c.study.study_folder import LOG_FILE
from phase6c.terminal.console import library_messages, quiet_terminal
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.runtime.session import run_job
from phase6c.tune.search.run import search_job
from phase6c.tune.runtime.trainable import TransformerTrainable
from search_spaces import tiny


class LeakingRun(TrialRun):
    def _make_trainer(self):
        return None

    def _train_epoch(self):
        if self.folder.name == "trial_001":
            where = "https://reader:canary-url@bars.test"
            raise RuntimeError(f"no login at {where} with password=canary-error")
        measurement = Measurement(
            epoch=1, value=0.6, metrics=Metrics(auc=0.6), health=Health(verdict="healthy"),
            duration_s=1.0,
        )
        self.measurements.append(measurement)
        return measurement


class Leaking(TransformerTrainable):
    run_type = LeakingRun


if __name__ == "__main__":
    options = SearchOptions(
        n_trials=3, epochs=1, cpus=1, data={"tier": "a20"}, scheduler="none",
        pins={"precision": "float32"}, warm_start=sys.argv[2],
    )
    plan = plan_study(tiny.SPACE, phase6c.load_bars(sys.argv[1]), options)
    log = plan.folder / LOG_FILE
    with quiet_terminal(log) as console, library_messages(console, quiet=False):
        run_job(search_job(plan, Leaking))
"""
DATA = "https://reader:canary-source@bars.test/x?api_key=canary-query/sp?token=canary-file.csv"
ENVIRONMENT = {
    "PHASE6C_CANARY_TOKEN": "canary-environment",
    "AWS_SECRET_ACCESS_KEY": "canary-environment",
    "DATABASE_URL": "postgres://reader:canary-environment@db.test/bars",
}


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a search left, by file, that was given secrets in every way there is."""
    folder = tmp_path_factory.mktemp("leaked")
    (folder / DATA).parent.mkdir(parents=True)
    load_bars("sp500").frame.tail(1000).to_csv(folder / DATA, index=False)
    source = folder / "secret=canary-warm" / "trials.json"
    source.parent.mkdir()
    source.write_text(json.dumps([{"params": {"n_layers": 1}, "value": 0.7}]))
    (folder / "search.py").write_text(LEAKING)
    done = subprocess.run(
        [sys.executable, "search.py", DATA, source],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    out = folder / "outputs"
    found = {
        str(path.relative_to(out)): path.read_bytes() if path.is_file() else b""
        for path in out.rglob("*")
    }
    assert any(name.endswith("trial_001/config.json") for name in found)
    assert b"FAILED" in b"".join(found.values())
    return found | {"stderr": done.stderr.encode()}


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize(
    "canary",
    [f"canary-{one}" for one in ("environment", "url", "error", "source", "query", "file", "warm")],
)
def test_no_secret_is_left_in_a_study(leaked, canary):
    there = [
        name for name, content in leaked.items() if canary in name or canary.encode() in content
    ]
    assert not there
