"""Cells are shown as people read them, and stored as they are."""

import pytest

from phase6c.document.section import Section, Table, sections_document, setting, text
from phase6c.statistics.bootstrap import Estimate


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (0.75, "0.7500"),
        (0.123456, "0.1235"),
        (2e-6, "2.0e-06"),
        (1234.56, "1,234.6"),
        (0.0, "0.0000"),
        ("mean", "mean"),
        (Estimate(value=0.7, low=0.65, high=0.75), "0.700 [0.650, 0.750]"),
        (Estimate(value=0.70812, low=0.28, high=1.2), "0.71 [0.28, 1.20]"),
        (Estimate(value=-0.00001, low=-0.004, high=0.0041), "0.0000 [-0.0040, 0.0041]"),
        (Estimate(value=0.7, low=0.7, high=0.7), "0.7000 [0.7000, 0.7000]"),
        (Estimate(value=1234.5, low=1000, high=1500), "1,234 [1,000, 1,500]"),
        (2e-32, "< 1e-09"),
        (-2e-32, "> -1e-09"),
    ],
)
def test_a_cell_is_shown_as_people_read_it(cell, shown):
    assert text(cell) == shown


def test_a_table_is_stored_as_objects_by_its_columns():
    estimate = Estimate(value=0.7, low=0.65, high=0.75)
    table = Table(name="best", title="", columns=("", "AUC"), rows=(("trial 3", estimate),))
    section = Section(name="found", title="", says=("A sentence.",), tables=(table,))
    assert sections_document([section]) == {
        "found": {
            "says": ("A sentence.",),
            "tables": {"best": [{"of": "trial 3", "AUC": estimate.model_dump()}]},
        }
    }


@pytest.mark.parametrize(
    ("value", "shown"), [(1e-5, "1e-05"), (0.1, "0.1"), (True, "True"), (4, "4"), (None, "None")]
)
def test_a_setting_is_shown_as_it_is_typed(value, shown):
    assert setting(value) == shown
