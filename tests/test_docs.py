"""Pages can be reached, links lead somewhere, and lists are as long as what they list.

`make docs` builds the pages; nothing of it is needed here.
"""

from __future__ import annotations

import ast
import re
import runpy
from functools import cache
from pathlib import Path
from typing import get_args

import markdown
import pytest
from markdown.extensions.toc import slugify

import phase6c
from phase6c import errors
from phase6c.records import Verdict
from phase6c.stopping.rung_plan import plan_rungs
from search_spaces import budget_2m

from .support.pages import DOCS, README, ROOT, own_pages, pages, text_of

PAGES = pages()
LINK = re.compile(r'\b(?:href|src)="([^"]+)"')
API_ENTRY = re.compile(r"^::: (\S+)$", re.M)


@cache
def html_of(page: Path) -> str:
    """A page as the site renders it, headings and links included."""
    extensions = ["attr_list", "fenced_code", "md_in_html", "tables", "toc"]
    return markdown.markdown(text_of(page), extensions=extensions)


def anchors_of(page: Path) -> set[str]:
    return {*re.findall(r'\bid="([^"]+)"', html_of(page)), *API_ENTRY.findall(text_of(page))}


def test_every_page_is_in_the_navigation_once_and_every_entry_is_a_page():
    assert sorted(PAGES) == sorted(DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in LINK.findall(html_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        # The site ends at its own folder.
        assert page == README or target.is_relative_to(DOCS), link
        assert not anchor or anchor in anchors_of(target), link


def test_files_that_typical_changes_touch_are_there():
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    table = contributing.partition("| change | files |")[2].partition("\n\n")[0]
    files = re.findall(r"`([a-z_/]+(?:\.py|/))`", table)
    assert len(files) > 20
    folders = (ROOT, ROOT / "phase6c", ROOT / "phase6c/tune/proposals")
    assert [file for file in files if not any((one / file).exists() for one in folders)] == []


def test_every_public_name_has_its_api_entry():
    entries = {entry for page in PAGES for entry in API_ENTRY.findall(page.read_text())}
    names = {entry.rpartition(".")[2] for entry in entries}
    # All errors stand on one page.
    documented = names | set(dir(errors)) if "phase6c.errors" in entries else names
    assert set(phase6c.__all__) - documented == {"__version__"}


def test_every_api_entry_is_defined_where_it_says():
    for page in PAGES:
        for entry in API_ENTRY.findall(page.read_text()):
            parts = entry.split(".")
            if (ROOT.joinpath(*parts)).with_suffix(".py").exists():
                continue
            source = ROOT.joinpath(*parts[:-1]).with_suffix(".py").read_text()
            defined = {getattr(node, "name", None) for node in ast.parse(source).body}
            assert parts[-1] in defined, entry


def test_the_glossary_explains_each_word_that_a_page_links_and_no_other():
    words = re.findall(r"^### (.+)$", (DOCS / "glossary.md").read_text(), re.M)
    linked = {
        link.partition("#")[2]
        for page in own_pages()
        for link in LINK.findall(html_of(page))
        if "glossary.md#" in link
    }
    subjects = {"probabilities-and-figures"}
    assert linked - subjects == {slugify(word, "-") for word in words}


def test_readme_is_short():
    assert len(README.read_text().splitlines()) <= 150


def test_files_of_the_repository_that_pages_name_exist():
    named = {
        path
        for page in own_pages()
        for path in re.findall(r"`((?:benchmarks|examples|launch|tests)/[^` ]*)`", page.read_text())
    }
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_drawing_of_the_rooms_has_every_room():
    drawn = (DOCS / "rooms.svg").read_text()
    rooms = [path.parent.name for path in (ROOT / "phase6c").glob("*/__init__.py")]
    assert [room for room in rooms if f"{room}/" not in drawn] == []


def test_the_table_of_exit_codes_has_every_code():
    told = (DOCS / "what-a-search-leaves.md").read_text()
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.Phase6cError)}
    assert [
        code for code in sorted(codes) if not re.search(rf"^\| .*\b{code}\b.* \|", told, re.M)
    ] == []


def test_the_table_of_verdicts_has_every_verdict():
    told = (DOCS / "reading-a-report.md").read_text()
    assert [one for one in get_args(Verdict) if f"| `{one}` |" not in told] == []


def test_the_table_of_axes_has_every_axis_and_value_of_a_grid():
    rows = (DOCS / "spaces.md").read_text().splitlines()
    for name, axis in budget_2m.SPACE.axes.items():
        (row,) = [row for row in rows if re.match(rf"\| \[?`{name}`", row)]
        if name in ("dropout", "weight_decay", "learning_rate"):
            values = row.split("|")[2].split(",")
            assert tuple(map(float, values)) == axis.points


def test_the_example_of_a_dry_run_has_the_rungs_of_today():
    plan = plan_rungs(50, 27, [3, 9], 3.0, audit_share=0.05)
    told = (DOCS / "first-search.md").read_text()
    example = told.partition("Rungs: ")[2].partition("\n\n")[0]
    first, _, *rows = example.splitlines()
    assert first == f"{plan.epochs_expected:.0f} of {plan.epochs_without_rungs:,} epochs"
    assert [row.split() for row in rows] == [
        [str(rung.epoch), f"{rung.n_trials:g}"] for rung in plan.rungs
    ]


def test_parts_of_other_hosts_are_found():
    found = runpy.run_path(str(DOCS / "hooks" / "remote_parts.py"))["remote_parts"]
    remote = [
        '<script src="https://a.example/x.js"></script>',
        '<link href="//b.example/x.css" rel="stylesheet">',
        '<img alt="" src=http://c.example/x.png>',
        "@import url(https://d.example/x.css);",
        "@font-face { src: url('https://e.example/x.woff2') }",
    ]
    local = [
        '<a href="https://a.example">a link</a>',
        '<link rel="canonical" href="https://a.example">',
        '<script src="assets/x.js"></script>',
        "body { background: url(x.png) }",
        "url(data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'%3E)",
    ]
    assert [len(list(found(text))) for text in remote] == [1] * len(remote)
    assert [list(found(text)) for text in local] == [[]] * len(local)
