"""Imports run one way, heavy libraries have their homes, and `import phase6c` loads none."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from .support.pace import cost

ROOT = Path(__file__).parents[1]
PACKAGES = ("phase6c", "search_spaces")

# From the ground up: a room may import itself and the rooms before it. A name is a single module,
# or a folder with all that is inside it; of two names that fit, the longer one counts.
ROOMS = (
    "phase6c.errors",
    "phase6c.version",
    "phase6c.wording",
    "phase6c.notebook",
    "phase6c.faults",
    "phase6c.config",
    "phase6c.arguments",
    "phase6c.records",
    "phase6c.storage",
    "phase6c.space",
    "search_spaces",
    "phase6c.data",
    "phase6c.statistics",
    "phase6c.study",
    "phase6c.study.views",
    "phase6c.stopping",
    "phase6c.nn",
    "phase6c.document",
    "phase6c.analysis",
    "phase6c.evaluation",
    "phase6c.report",
    "phase6c.verify",
    "phase6c.terminal",
    "phase6c.tune.runtime",
    "phase6c.tune.proposals",
    "phase6c.tune.search",
    "phase6c.tune.probe",
    "phase6c.tune.evaluation",
    "phase6c.commands",
    "phase6c.__main__",
)

# What a room must not import although it stands further down.
WALLS = {
    "phase6c": ("search_spaces",),
    "phase6c.evaluation": ("phase6c.report",),
    "phase6c.tune": ("phase6c.report", "phase6c.verify"),
    "phase6c.nn": ("phase6c.stopping",),
    "phase6c.verify": ("phase6c.report", "phase6c.evaluation", "phase6c.analysis"),
}

# The only places that may import these.
HOMES = {
    "torch": ("phase6c.nn",),
    "safetensors": ("phase6c.nn",),
    "ray": ("phase6c.tune",),
    "optuna": ("phase6c.tune.proposals", "phase6c.analysis", "phase6c.study.views"),
    "hyperopt": ("phase6c.tune.proposals",),
    "mlflow": ("phase6c.study.views.trackers",),
    "wandb": ("phase6c.study.views.trackers",),
    "jinja2": ("phase6c.document",),
    "matplotlib": ("phase6c.document", "phase6c.report"),
    "click": ("phase6c.commands",),
    "rich": ("phase6c.terminal", "phase6c.commands"),
}

MAX_FILES_IN_A_ROOM = 20

HEAVY = ("torch", "ray", "pandas", "sklearn", "scipy", "optuna", "talib", "numpy", "pydantic")
# About 0.2 s.
MAX_IMPORT_COST = 30


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


def belongs(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str:
    found = [room for room in ROOMS if belongs(module, room)]
    assert found or module.endswith(".__init__"), f"{module} must stand in a room of this test"
    return max(found, key=len, default=module.removesuffix(".__init__"))


@pytest.mark.parametrize("module", GRAPH)
def test_a_module_imports_its_own_room_and_those_below(module):
    floor = {room: n for n, room in enumerate(ROOMS)}
    above = [one for one in GRAPH[module] if floor[room_of(one)] > floor[room_of(module)]]
    assert not above


@pytest.mark.parametrize("room", WALLS)
def test_walls_stand_between_rooms(room):
    for module in (one for one in GRAPH if belongs(one, room)):
        through = [one for one in GRAPH[module] if any(belongs(one, wall) for wall in WALLS[room])]
        assert not through, module


def test_no_room_holds_more_files_than_a_reader_can_survey():
    folders = Counter(path.parent for path in MODULES.values())
    assert {folder for folder, n in folders.items() if n > MAX_FILES_IN_A_ROOM} == set()


def test_there_are_no_cycles():
    order = list(TopologicalSorter(GRAPH).static_order())
    assert set(GRAPH) <= set(order)


def test_heavy_libraries_are_imported_at_home_alone():
    for name, imports in IMPORTS.items():
        for library in {imported.split(".")[0] for imported in imports} & set(HOMES):
            assert any(belongs(name, home) for home in HOMES[library]), f"{name} imports {library}"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_pages_name_all_homes_of_a_library(page):
    text = " ".join((ROOT / page).read_text().replace("PyTorch", "torch").split())
    told = dict(re.findall(r"(\w+) in ((?:`\w+/`(?: and )?)+)", text.partition("have homes:")[2]))
    for library in ("torch", "Ray", "click", "rich"):
        homes = {f"phase6c.{name}" for name in re.findall(r"`(\w+)/`", told[library])}
        assert homes == set(HOMES[library.lower()]), library


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
    empty, imported = (
        cost(partial(subprocess.run, [sys.executable, "-c", code], check=True))
        for code in ("pass", "import phase6c")
    )
    assert imported - empty < MAX_IMPORT_COST


def test_every_public_name_is_found_and_no_other():
    import phase6c

    for name in phase6c.__all__:
        assert getattr(phase6c, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = phase6c.nonsense
