"""Advice on calibrators follows from the figures beneath it, sentence by sentence."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.analysis.advice import Judged, advice, recommended
from phase6c.records import Verdict
from phase6c.statistics.bootstrap import Estimate
from phase6c.statistics.calibrators import ABOUT, KINDS, CalibratorKind

PLAIN = 0.4321
VERDICTS = get_args(Verdict)
WORDS = {
    "intercept": "(intercept)",
    "temperature": "A temperature of the logit",
    "platt": "(platt)",
    "isotonic": "(isotonic)",
}
Table = dict[CalibratorKind, Judged | None]


def table(**saved: tuple[float, float] | None) -> Table:
    """Made-up figures: what each kind saves and the half-width of its interval; None: not fitted.

    A kind that is not named costs a lot.
    """
    made: Table = {"none": Judged(log_loss=PLAIN, brier=0.1, ece=0.1)}
    for kind in KINDS[1:]:
        figures = saved.get(kind, (-0.05, 0.01))
        if figures is None:
            made[kind] = None
            continue
        value, margin = figures
        estimate = Estimate(value=value, low=value - margin, high=value + margin)
        made[kind] = Judged(log_loss=PLAIN - value, brier=0.1, ece=0.1, saved=estimate)
    return made


def named(text: str) -> set[str]:
    """The kinds that the text speaks of as a remedy."""
    return {kind for kind, word in WORDS.items() if word in text}


@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_kind_that_helps_is_named_in_its_own_words(kind):
    says = advice("miscalibrated", table(**{kind: (0.05, 0.01)}), tells=True)
    assert says.startswith(f"{ABOUT[kind].words} lowers the log loss")


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_only_the_kind_that_surely_helps_is_named_with_the_figures_of_the_table(verdict, kind):
    text = advice(verdict, table(**{kind: (0.02, 0.01)}), tells=True)
    assert named(text) == {kind}
    assert f"lowers the log loss on the later half from {PLAIN:.4f} to {PLAIN - 0.02:.4f}" in text


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize(
    "figures",
    [
        table(),
        table(**dict.fromkeys(WORDS, (0.0, 0.0))),
        table(**dict.fromkeys(WORDS, (0.01, 0.011))),
        table(**dict.fromkeys(WORDS, None)),
    ],
    ids=["costs", "equal", "luck", "not fitted"],
)
def test_no_calibrator_is_named_where_none_surely_helps(verdict, figures):
    text = advice(verdict, figures, tells=True)
    assert not named(text)
    assert "emperature" not in text
    assert ("surely lowers" in text) == (verdict not in ("healthy", "constant", "one_class"))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_no_calibrator_is_named_where_the_rows_are_too_few_to_tell(verdict):
    text = advice(verdict, table(platt=(0.2, 0.01)), tells=False)
    assert not named(text)
    assert not re.search(r"\d\.\d", text)


@pytest.mark.parametrize(("verdict", "is_shifted"), [("prior_shift", True), ("saturated", False)])
def test_a_temperature_is_denied_only_for_a_shifted_mean(verdict, is_shifted):
    figures = table(temperature=(0.01, 0.005), platt=(0.08, 0.01), intercept=(0.08, 0.01))
    text = advice(verdict, figures, tells=True)
    assert ("A temperature cannot repair" in text) == is_shifted
    for kind in ("none", "temperature", "platt"):
        assert (f"{figures[kind].log_loss:.4f}" in text) or not is_shifted


@pytest.mark.parametrize("temperature", [(0.06, 0.02), (0.08, 0.01), (0.10, 0.01)])
def test_a_temperature_is_not_denied_where_it_may_do_as_well(temperature):
    figures = table(temperature=temperature, platt=(0.08, 0.01))
    assert "cannot" not in advice("prior_shift", figures, tells=True)


def test_an_affine_map_that_costs_does_not_show_what_a_temperature_lacks():
    """The figures of a file whose later half held one class: 0.2773, 0.2646 and 0.2780."""
    figures = table(temperature=(0.0128, 0.0007), platt=(-0.0007, 0.002))
    text = advice("prior_shift", figures, tells=True)
    assert named(text) == {"temperature"}
    assert "cannot" not in text


def test_of_calibrators_that_do_about_as_well_the_simplest_is_named():
    alike = table(intercept=(0.080, 0.02), platt=(0.083, 0.01), isotonic=(0.084, 0.01))
    assert recommended(alike) == "intercept"
    better = table(intercept=(0.020, 0.01), platt=(0.083, 0.01), isotonic=(0.084, 0.01))
    assert recommended(better) == "platt"


def test_healthy_probabilities_are_left_alone_unless_a_map_saves_much():
    assert advice("healthy", table(platt=(0.004, 0.001)), tells=True) == "Nothing needs repair."
    assert "(platt)" in advice("healthy", table(platt=(0.04, 0.001)), tells=True)


FIGURES = st.none() | st.tuples(st.floats(-0.1, 0.1), st.floats(0.0, 0.05))


@given(
    verdict=st.sampled_from(VERDICTS), saved=st.fixed_dictionaries(dict.fromkeys(WORDS, FIGURES))
)
def test_whatever_the_figures_what_is_recommended_lowers_them_and_every_number_is_theirs(
    verdict, saved
):
    figures = table(**saved)
    text = advice(verdict, figures, tells=True)
    for kind in named(text):
        assert figures[kind].saved.low > 0
    losses = {f"{judged.log_loss:.4f}" for judged in figures.values() if judged}
    assert set(re.findall(r"\d\.\d{4}", text)) <= losses
