"""Imports run one way, heavy libraries have their homes, and `import phase6c` loads none."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("phase6c", "search_spaces")

# From the ground up; a module may import those of its own layer and of the layers before it.
# A name with a final dot stands for everything inside it.
LAYERS = (
    ("phase6c.errors", "phase6c.version", "phase6c.config", "phase6c.storage.redact"),
    (
        "phase6c.space.axes",
        "phase6c.space.budget",
        "phase6c.study.evaluation_config",
        "phase6c.space.feasible",
        "phase6c.stopping.forecast",
        "phase6c.records",
        "phase6c.stopping.rung_plan",
        "phase6c.stopping.rungs",
        "phase6c.space.shapes",
        "phase6c.space.space",
    ),
    ("search_spaces.",),
    (
        "phase6c.analysis.audit",
        "phase6c.baselines",
        "phase6c.study.views.tensorboard",
        "phase6c.statistics.bootstrap",
        "phase6c.statistics.logits",
        "phase6c.statistics.calibrators",
        "phase6c.analysis.correction",
        "phase6c.data.",
        "phase6c.stopping.decisions",
        "phase6c.storage.disk",
        "phase6c.evaluation.",
        "phase6c.storage.files",
        "phase6c.statistics.health",
        "phase6c.study.foreign_trials",
        "phase6c.study.ledger",
        "phase6c.statistics.metrics",
        "phase6c.nn.model_folder",
        "phase6c.evaluation.openings",
        "phase6c.study.views.optuna",
        "phase6c.paired",
        "phase6c.storage.parquet",
        "phase6c.analysis.predictions",
        "phase6c.report.",
        "phase6c.stopping.rung_audit",
        "phase6c.statistics.selection",
        "phase6c.study.study",
        "phase6c.study.study_folder",
        "phase6c.study.trial_folder",
        "phase6c.verify.",
        "phase6c.study.retention",
    ),
    ("phase6c.nn.",),
    ("phase6c.tune.",),
)

# The only places that may import these; launch/ is not walked, and click lives there alone.
HOMES = {
    "torch": ("phase6c.nn.",),
    "safetensors": ("phase6c.nn.",),
    "ray": ("phase6c.tune.",),
    "optuna": ("phase6c.tune.", "phase6c.report.", "phase6c.study.views.optuna"),
    "hyperopt": ("phase6c.tune.",),
    "jinja2": ("phase6c.report.",),
    "matplotlib": ("phase6c.report.",),
    "click": (),
    "rich": (),
}

HEAVY = ("torch", "ray", "pandas", "sklearn", "scipy", "optuna", "talib", "numpy", "pydantic")
# The aim is 0.2 s; a busy machine gets more.
MAX_IMPORT_S = 1.0


def module_paths() -> dict[str, Path]:
    """Every module of the wheel by its dotted name; a package as `name.__init__`."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def imports_of(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = module_paths()
IMPORTS = {name: sorted(set(imports_of(path))) for name, path in MODULES.items()}


def own_module(imported: str) -> str | None:
    """The module of ours that an imported name stands for or lives in."""
    parts = imported.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        for candidate in (name, f"{name}.__init__"):
            if candidate in MODULES:
                return candidate
    return None


GRAPH = {
    name: {own for imported in imports if (own := own_module(imported)) and own != name}
    for name, imports in IMPORTS.items()
    # Its public names live everywhere; it imports them when they are asked for.
    if name != "phase6c.__init__"
}


def belongs(module: str, pattern: str) -> bool:
    return module.startswith(pattern) if pattern.endswith(".") else module == pattern


def layer_of(module: str) -> int:
    found = [n for n, layer in enumerate(LAYERS) if any(belongs(module, one) for one in layer)]
    assert len(found) == 1, f"{module} must stand in one layer of this test, found {found}"
    return found[0]


@pytest.mark.parametrize("module", GRAPH)
def test_a_module_imports_its_own_layer_and_those_below(module):
    above = [one for one in GRAPH[module] if layer_of(one) > layer_of(module)]
    assert not above


def test_there_are_no_cycles():
    order = list(TopologicalSorter(GRAPH).static_order())
    assert set(GRAPH) <= set(order)


def test_heavy_libraries_are_imported_at_home_alone():
    for name, imports in IMPORTS.items():
        for library in {imported.split(".")[0] for imported in imports} & set(HOMES):
            assert any(belongs(name, home) for home in HOMES[library]), f"{name} imports {library}"


def test_nothing_imports_launch():
    commands = {path.stem for path in (ROOT / "launch").glob("*.py")}
    assert "tune" in commands
    for name, imports in IMPORTS.items():
        first = {imported.split(".")[0] for imported in imports}
        assert not first & ({"launch", "tests", "benchmarks"} | commands), name


def test_the_package_itself_imports_only_what_is_light():
    tree = ast.parse(MODULES["phase6c.__init__"].read_text())
    names = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert names == {"__future__", "importlib", "typing", "phase6c.version"}


def test_importing_phase6c_loads_no_heavy_library():
    code = f"import sys, phase6c; print(*({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_importing_phase6c_is_fast():
    # The faster of several interleaved runs is the one that was disturbed least.
    pairs = [(seconds_of("pass"), seconds_of("import phase6c")) for _ in range(4)]
    empty, imported = (min(column) for column in zip(*pairs, strict=True))
    assert imported - empty < MAX_IMPORT_S


def seconds_of(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun


def test_every_public_name_is_found_and_no_other():
    import phase6c

    for name in phase6c.__all__:
        assert getattr(phase6c, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = phase6c.nonsense
