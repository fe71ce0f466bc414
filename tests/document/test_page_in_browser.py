"""A page fits every screen, and follows the reader's theme, in a real browser.

`make accessibility` asks more, of pages of real searches.
"""

import pytest

from phase6c.document.document import Document, KeyFigure, Part, page
from phase6c.document.picture import picture
from phase6c.document.section import Section, Table

from ..support.browser import browser, look

pytestmark = pytest.mark.skipif(browser() is None, reason="there is no Chromium")

WIDTHS = (1280, 768, 390)
# How much wider than the screen the page is, the cells that its edge would cut,
# its paper, and the columns that cannot be sorted.
LOOK = """(() => ({
  wider: document.documentElement.scrollWidth - innerWidth,
  cut: [...document.querySelectorAll("tbody td, tbody th, figure svg, .value")].filter(
    one => one.getBoundingClientRect().right > innerWidth).length,
  paper: getComputedStyle(document.body).backgroundColor,
  unsorted: document.querySelectorAll("thead th:not(:has(button))").length,
}))()"""


def made_up():
    names = ("name", *(f"a figure of {n} words" for n in range(25)))
    row = ("a configuration that has a name", *[0.123456] * 24, "a long remark " * 8)
    table = Table(name="t", title="A wide table", columns=names, rows=(row,) * 20)
    section = Section(name="first", title="First", says=("word " * 60,), tables=(table,))
    drawn = picture("first", "line", "A line", lambda axes: axes.plot([0, 1], [0, 1]))
    figure = KeyFigure(name="AUC", value=0.7, note="on new rows")
    part = Part("study", (("label", "high"),), (section,), (drawn,), figures=(figure,))
    return page(Document(parts=(part,), draws=0, code_version="0"))


def test_nothing_is_cut_at_any_width_and_the_theme_is_the_readers():
    seen = look(made_up(), WIDTHS, LOOK)
    assert {(one.width, one.theme) for one in seen} == {
        (width, theme) for width in WIDTHS for theme in ("light", "dark")
    }
    assert [one for one in seen if one.found["wider"] > 0 or one.found["cut"]] == []
    papers = {
        theme: {one.found["paper"] for one in seen if one.theme == theme}
        for theme in ("light", "dark")
    }
    assert papers == {"light": {"rgb(255, 255, 255)"}, "dark": {"rgb(20, 23, 26)"}}
    assert {one.found["unsorted"] for one in seen} == {0}
