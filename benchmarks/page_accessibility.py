"""Faults that axe-core finds in the pages of real searches, at two widths, in light and dark.

Run: make accessibility, or python benchmarks/page_accessibility.py AXE_MIN_JS [PAGE ...]

Chromium must be installed, and AXE_MIN_JS be axe-core 4's `axe.min.js`, which `make` takes from
npm. Without a PAGE, small searches are run, reported, probed and evaluated in build/pages first,
which takes some minutes. It ends with 1 where a fault is serious or critical, or a page is wider
than its screen, and with 2 where something is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from browser import Seen, browser, look

WIDTHS = (1280, 390)
GRAVE = ("serious", "critical")
FOLDER = Path("build", "pages")
STUDIES = FOLDER / "phase6c_a20"
FIRST, SECOND = str(STUDIES / "first"), str(STUDIES / "second")
_SEARCH = ("tune", "--budget", "tiny", "--tier", "a20", "--out", str(FOLDER))
# The pages, each after the commands that it takes.
COMMANDS: tuple[tuple[str, ...], ...] = (
    (*_SEARCH, "--trials", "6", "--epochs", "4", "--name", "first"),
    (*_SEARCH, "--trials", "4", "--epochs", "2", "--seed", "1", "--name", "second"),
    ("report", FIRST, "--out", str(FOLDER / "one")),
    ("report", FIRST, SECOND, "--out", str(FOLDER / "several")),
    ("probe", "--base", "best", "--vary", "dropout=0.05,0.3", "--seeds", "2", FIRST),
    ("report", FIRST, "--out", str(FOLDER / "probed")),
    ("evaluate", FIRST, "--top", "1", "--seeds", "1", "--name", "card", "--out", str(FOLDER)),
)
PAGES = (
    *(FOLDER / name / "report.html" for name in ("one", "several", "probed")),
    FOLDER / "models" / "card" / "card.html",
)

# Of each fault: its weight, its rule, what to do, and where it stands.
_FAULTS = """axe.run(document).then(found => ({
  faults: found.violations.map(({ impact, id, help, nodes }) =>
    ({ impact, id, help, places: nodes.map(node => node.target.join(" ")) })),
  wider: document.documentElement.scrollWidth - innerWidth,
}))"""


def main(axe: str, *pages: str) -> int:
    missing = list(_missing(axe))
    if missing:
        print(f"The check of the pages needs {' and '.join(missing)}.", file=sys.stderr)
        return 2
    n_grave = 0
    for page in map(Path, pages) if pages else made():
        library = Path(axe).read_text(encoding="utf-8")
        for seen in look(page.read_text(encoding="utf-8"), WIDTHS, _FAULTS, library):
            n_grave += told(page, seen)
    print(f"{n_grave} serious or critical")
    return min(n_grave, 1)


def _missing(axe: str) -> Iterator[str]:
    if browser() is None:
        yield "Chromium, as the command `chromium`"
    if not Path(axe).is_file():
        yield f"axe-core 4's axe.min.js as {axe}"


def made() -> tuple[Path, ...]:
    """The pages of real searches, made anew."""
    # An evaluation and a search begin only where there is none.
    shutil.rmtree(FOLDER, ignore_errors=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for command in COMMANDS:
        print("phase6c", *command, flush=True)
        line = [sys.executable, "-m", "phase6c", *command]
        subprocess.run(line, check=True, env=environment, stdout=subprocess.DEVNULL)
    return PAGES


def told(page: Path, seen: Seen) -> int:
    """Prints what was found in a page at a width and in a theme; returns how much is grave."""
    faults, wider = seen.found["faults"], seen.found["wider"]
    grave = [fault for fault in faults if fault["impact"] in GRAVE]
    print(f"{page} at {seen.width} pixels, {seen.theme}: {len(faults)} faults, {len(grave)} grave")
    for fault in faults:
        print(f"  {fault['impact']}: {fault['help']} ({fault['id']}, {len(fault['places'])} times)")
        print(*(f"    {place}" for place in fault["places"][:3]), sep="\n")
    if wider > 0:
        print(f"  the page is {wider} pixels wider than its screen")
    return len(grave) + int(wider > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
