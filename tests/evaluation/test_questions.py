"""The answers follow from the intervals, and the sentences say nothing but the figures."""

import pytest

from phase6c.evaluation.judgement import Gain, Judgement
from phase6c.evaluation.questions import ask_added, ask_alone
from phase6c.statistics.bootstrap import Estimate

SHOWN = (0.010, 0.030)
# Each side of the two borders of an interval.
BORDERS = [
    ((1e-9, 0.030), "yes"),
    ((0.0, 0.030), "cannot be told"),
    ((-0.030, 0.0), "cannot be told"),
    ((-0.030, -1e-9), "no"),
]


def gain(over: str, interval: tuple[float, float]) -> Gain:
    low, high = interval
    return Gain(over=over, log_loss=Estimate(value=(low + high) / 2, low=low, high=high), auc=None)


def rates(of_training=SHOWN, of_hindsight=SHOWN) -> tuple[Gain, ...]:
    return gain("train_base_rate", of_training), gain("hindsight_base_rate", of_hindsight)


def judged(interval, over_base_rates=None) -> Judgement:
    return Judgement(
        over_base_rates=over_base_rates or rates(),
        over_best=gain("gradient_boosting", interval),
        has_skill=True,
        wins=True,
        sentence="",
    )


@pytest.mark.parametrize(("interval", "answer"), BORDERS)
def test_the_interval_over_the_rival_decides_where_the_base_rates_are_beaten(interval, answer):
    alone = ask_alone(judged(interval))
    added = ask_added(gain("ridge_and_trees", interval), rates(), "trees")
    assert (alone.answer, added.answer) == (answer, answer)
    assert (alone.rival, added.rival) == ("gradient_boosting", "ridge_and_trees")
    assert alone.interval == added.interval == interval
    assert alone.gain == added.gain == sum(interval) / 2


@pytest.mark.parametrize(("interval", "answer"), BORDERS)
@pytest.mark.parametrize("which", ["of_training", "of_hindsight"])
def test_so_does_that_over_each_base_rate_where_the_rival_is_beaten(which, interval, answer):
    over = rates(**{which: interval})
    assert ask_alone(judged(SHOWN, over)).answer == answer
    assert ask_added(gain("trees", SHOWN), over, "trees").answer == answer


def test_each_answer_has_its_sentence():
    told = {
        (0.010, 0.030): "Yes: against gradient boosting, its log loss is lower by 0.020 "
        "[0.010, 0.030].",
        (-0.010, 0.030): "That cannot be told: against gradient boosting, its log loss is lower by "
        "0.010 [-0.010, 0.030].",
        (-0.030, -0.010): "No: against gradient boosting, its log loss is higher by 0.020 "
        "[0.010, 0.030].",
    }
    for interval, sentence in told.items():
        found = ask_alone(judged(interval)).sentence
        assert found == f"Alone, better than the best simple model? {sentence}"


def test_what_is_added_is_said_of_the_blend():
    for interval, verdict in (
        ((0.010, 0.030), "Yes, it adds something"),
        ((-0.010, 0.030), "That cannot be told, it adds nothing that these rows show"),
        ((-0.030, -0.010), "No, it adds nothing"),
    ):
        found = ask_added(gain("ridge_and_trees", interval), rates(), "trees").sentence
        assert found.startswith(
            f"Added to it, does it improve it? {verdict}: half-and-half with trees, against the "
            "best of the simple models and their blends (ridge and trees), its log loss is "
        )


def test_the_base_rate_that_decides_is_named():
    doubtful, lost = (-0.040, 0.010), (-0.030, -0.010)
    found = ask_alone(judged(SHOWN, rates(doubtful, lost)))
    assert found.answer == "no"
    assert found.sentence.endswith(
        "; against the hindsight base rate, its log loss is higher by 0.020 [0.010, 0.030]."
    )
    found = ask_alone(judged(SHOWN, rates(doubtful)))
    assert found.answer == "cannot be told"
    assert "; against the train base rate, its log loss is higher by 0.015" in found.sentence
    assert "base rate" not in ask_alone(judged(SHOWN)).sentence
