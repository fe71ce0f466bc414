"""A page holds its pictures and tables, escapes what it is given, and needs nothing else."""

import re
from dataclasses import replace

import numpy as np

from phase6c.document.document import Document, KeyFigure, Part, page
from phase6c.document.picture import BLUE, picture, reliability
from phase6c.document.section import Section, Table, estimated
from phase6c.statistics.bootstrap import Estimate


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
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert(1)" in content
    assert "a &amp; b" in content
    assert "A &lt;line&gt;" in content
    assert written(files="Elsewhere.") != content


def test_a_picture_is_the_same_every_time_and_in_two_formats():
    assert drawn() == drawn()
    assert drawn().svg.startswith("<svg")
    assert drawn().png.startswith(b"\x89PNG")


def test_a_page_begins_with_verdict_and_figures_and_folds_sections_that_are_not_opened():
    section = Section(name="first", title="First")
    figure = KeyFigure(name="AUC", value=0.7, note="on new rows")
    part = Part(
        "study", (), (section,), (), about=("sp500", "2026-01-02"), verdicts=("It is < good.",)
    )
    folded = page(Document(parts=(replace(part, figures=(figure,)),), draws=0, code_version="0"))
    assert "<title>study, sp500, 2026-01-02 - phase6c</title>" in folded
    assert '<p class="verdict">It is &lt; good.</p>' in folded
    assert re.search(r"AUC</dt><dd.*0.7000</dd><dd>on new rows", folded)
    assert '<details class="section" id="study-first">' in folded
    opened = page(Document(parts=(replace(part, opened=("first",)),), draws=0, code_version="0"))
    assert '<h2 id="study-first">First</h2>' in opened


def test_tables_and_pictures_can_be_read_without_seeing_them():
    content = written()
    assert 'aria-label="A &lt;line&gt;"' in content
    assert "<caption>A title</caption>" in content
    assert 'scope="col"' in content
    assert 'scope="row" class="word" data-name="" data-order="a &amp; b">a &amp; b</th>' in content


def test_marks_have_titles_and_colours_follow_the_page():
    plot = picture(
        "first",
        "line",
        "caption",
        lambda axes: axes.plot([0, 1], [0, 1], "o", color=BLUE, gid="dots"),
        titles={"dots": ("the <first>", "the second")},
    )
    assert re.search(r"<use [^>]*><title>the &lt;first&gt;</title></use>", plot.svg)
    assert plot.svg.count("<title>") == 2
    assert f"var(--blue, {BLUE})" in plot.svg
    assert "currentColor" in plot.svg
    # Ids of its own, as a page holds several drawings.
    assert set(re.findall(r' id="(\w+)-', plot.svg)) == {"line"}


def test_a_notebook_shows_pictures_and_pages_and_prints_them_short():
    part = Part("study", (), (), (drawn(),))
    document = Document(parts=(part,), draws=0, code_version="0")
    assert 'srcdoc="&lt;!DOCTYPE html&gt;' in document._repr_html_()
    assert "<figcaption>A &lt;line&gt;</figcaption>" in drawn()._repr_html_()
    assert (repr(document), repr(drawn())) == ("Document(study)", "Picture('line', 'A <line>')")


def test_a_reliability_plot_names_each_set_of_probabilities():
    p = np.linspace(0.1, 0.9, 100)
    shown = {"raw": p, "calibrated": p**2}
    plot = reliability("test", "reliability", "caption", (p > 0.5).astype(int), shown)
    assert plot.section == "test"
    for label in ("raw", "calibrated", "perfectly calibrated"):
        assert plot.svg.count(f"<!-- {label} -->") == 1


def test_no_line_breaks_inside_a_figure_with_its_interval():
    """Other brackets with commas break as they like."""
    told = "lower by -0.002 [-0.0030, -0.0003], as [here, there]"
    gain = Estimate(value=-0.002, low=-0.003, high=-0.0003)
    table = Table(name="t", title="T", columns=("of", "gain"), rows=(("a", gain),))
    section = Section(name="s", title="S", says=(told,), tables=(table,))
    part = Part("study", (), (section,), (), verdicts=(told,))
    content = page(Document(parts=(part,), draws=0, code_version="0"))
    kept = "-0.002 [-0.0030, -0.0003]".replace(" ", "\N{NO-BREAK SPACE}")
    assert content.count(f"by {kept}, as [here, there]") == 2
    assert f">{estimated(gain)}<".replace(" ", "\N{NO-BREAK SPACE}") in content


def test_a_heading_stands_in_place_of_a_name():
    part = Part("across", (), (), (), about=("one, two",), heading="The searches compared")
    content = page(Document(parts=(part,), draws=0, code_version="0"))
    assert "<h1>The searches compared</h1>" in content
    assert "<title>The searches compared, one, two - phase6c</title>" in content
