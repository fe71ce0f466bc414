"""Tables of any width are shown whole: columns that do not fit stand in a table of their own."""

from hypothesis import given
from hypothesis import strategies as st

from phase6c.document.columns import side_by_side
from phase6c.document.section import Table

cells = st.text("abc ", max_size=60) | st.none() | st.floats(-1e3, 1e3)


def table(*columns, rows):
    return Table(name="t", title="T", columns=columns, rows=tuple(rows))


@given(st.data(), st.integers(1, 30))
def test_every_cell_stands_in_one_group_and_each_group_is_led_by_the_first_column(data, n):
    names = [f"c{at}" for at in range(n)]
    rows = data.draw(st.lists(st.tuples(*[cells] * n), max_size=3))
    groups = side_by_side(table(*names, rows=rows))
    assert [names[0], *(name for group in groups for name in group.names[1:])] == names
    for at, row in enumerate(rows):
        assert {group.rows[at][0] for group in groups} == {row[0]}
        assert (row[0], *(cell for group in groups for cell in group.rows[at][1:])) == row


def test_a_table_is_as_wide_as_its_cells_and_the_words_of_its_headings():
    assert side_by_side(table("a", "b", rows=[("x", 1)]))[0].fits == "narrow"
    assert side_by_side(table("a", "b", rows=[("x" * 25, "y" * 25)]))[0].fits == "middle"
    assert side_by_side(table("a", *"bcd", rows=[("x" * 25,) * 4]))[0].fits == "wide"
    assert side_by_side(table("a", "many words " * 9, rows=[("x", 1)]))[0].fits == "narrow"
    assert len(side_by_side(table("a", *"bcdef", rows=[("x" * 25,) * 6]))) == 2


def test_figures_are_told_from_words():
    (group,) = side_by_side(table("a", "b", "c", rows=[("x", None, None), ("y", 0.5, None)]))
    assert group.figures == (False, True, False)
