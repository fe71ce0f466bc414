"""What users get back says what it is in one short line, and shows itself in a notebook."""

from html.parser import HTMLParser

import numpy as np
import pytest

from phase6c.config import DataConfig, TrialConfig
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.notebook import as_html, as_rows
from phase6c.space.space import Choice, Float, Grid, Int, Rule, ZeroOr
from phase6c.statistics.calibrators import Calibrator
from phase6c.study.study_config import WarmStart
from search_spaces import budget_2m

MAX_LENGTH = 160


def returned():
    bars = load_bars("sp500")
    data = prepare_search_data(bars, DataConfig(tier="a20"))
    logits, y = np.array([-2.0, -1.0, 0.0, 1.0]), np.array([0, 1, 0, 1])
    yield from (bars, data, data.train, data.summary)
    yield from (budget_2m.SPACE, budget_2m.SPACE.budget, *budget_2m.SPACE.axes.values())
    yield from (Calibrator.fit(kind, logits, y) for kind in ("platt", "isotonic"))
    yield WarmStart(source="x", source_digest="y", starts=({"a": 1},) * 3, points=())


def test_every_value_says_what_it_is_in_a_short_line():
    for value in returned():
        assert "\n" not in repr(value)
        assert len(repr(value)) <= MAX_LENGTH, repr(value)
        assert str(value) == repr(value)


def test_a_configuration_and_a_study_s_configuration_are_short(birth, study_config):
    trial = TrialConfig.model_validate(birth()["config"])
    assert "d_model=40" in repr(trial)
    assert "'hpo_tiny_h1'" in repr(study_config())
    assert max(len(repr(trial)), len(repr(study_config()))) <= MAX_LENGTH


def test_metrics_and_epochs_are_short(market, measured):
    metrics = measured(3, 0.65432).metrics
    assert repr(metrics) == "Metrics(auc 0.6543)"
    assert repr(measured(3, 0.65432)) == "Measurement(epoch 3, value 0.6543, healthy)"
    assert repr(measured(1, None)) == "Measurement(epoch 1, no value, saturated)"


@pytest.mark.parametrize(
    ("axis", "shown"),
    [
        (Grid.of(0.0, 0.1), "Grid.of(0.0, 0.1)"),
        (Grid.of(*range(20)), f"Grid.of({', '.join(map(str, range(12)))} and 8 more)"),
        (Choice.of("mean", "last"), "Choice.of('mean', 'last')"),
        (Int.of(1, 12), "Int.of(1, 12)"),
        (Float.of(1e-5, 0.1, log=True), "Float.of(1e-05, 0.1, log=True)"),
        (ZeroOr.of(Float.of(1e-5, 0.1)), "ZeroOr.of(Float.of(1e-05, 0.1))"),
    ],
)
def test_an_axis_shows_the_call_that_makes_it(axis, shown):
    assert repr(axis) == shown


def test_a_rule_shows_its_words_and_no_address():
    assert repr(Rule("heads divide the width", lambda values: True)) == (
        "Rule('heads divide the width')"
    )


class Cells(HTMLParser):
    """The cells of a page's table, row by row."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows:
            self.rows[-1][-1] += data


def cells(page):
    parser = Cells()
    parser.feed(page)
    return parser.rows


def test_a_table_has_a_column_for_each_name_and_everything_is_escaped():
    page = as_html("a < b", [{"x": 1234567, "<b>": 0.123456}, {"x": None, "y": (True, "&")}])
    assert page.startswith("<p>a &lt; b</p><table>")
    assert cells(page) == [
        ["x", "<b>", "y"],
        ["1,234,567", "0.1235", ""],
        ["", "", "True, &"],
    ]
    assert "<b>" not in page


def test_fields_without_a_value_have_no_row():
    assert as_rows({"a": None, "b": (), "c": 0, "d": False}) == [
        {"field": "c", "value": 0},
        {"field": "d", "value": False},
    ]
    assert as_html("alone") == "<p>alone</p>"
