"""A page holds its pictures and tables, escapes what it is given, and needs nothing else."""

import numpy as np

from phase6c.document.document import Document, Part, page
from phase6c.document.picture import picture, reliability
from phase6c.document.section import Section, Table


def drawn():
    return picture("first", "line", "A <line>", lambda axes: axes.plot([0, 1], [0, 1]))


def written(**fields):
    table = Table(name="t", title="A title", columns=("", "x"), rows=(("a & b", 0.5),))
    section = Section(name="first", title="First", says=("<script>alert(1)</script>",))
    sections = (section.model_copy(update={"tables": (table,)}),)
    part = Part("one search", (("label", "high"),), sections, (drawn(),))
    return page(Document(parts=(part,), draws=10, code_version="0", **fields))


def test_a_page_holds_sections_tables_and_drawings_and_escapes_text():
    content = written()
    assert content.count("<svg") == 1
    assert "<script>" not in content
    assert "&lt;script&gt;alert(1)" in content
    assert "a &amp; b" in content
    assert "A &lt;line&gt;" in content
    assert written(files="Elsewhere.") != content


def test_a_picture_is_the_same_every_time_and_in_two_formats():
    assert drawn() == drawn()
    assert drawn().svg.startswith("<svg")
    assert drawn().png.startswith(b"\x89PNG")


def test_a_reliability_plot_names_each_set_of_probabilities():
    p = np.linspace(0.1, 0.9, 100)
    shown = {"raw": p, "calibrated": p**2}
    plot = reliability("test", "reliability", "caption", (p > 0.5).astype(int), shown)
    assert plot.section == "test"
    assert "raw" in plot.svg
    assert "calibrated" in plot.svg
