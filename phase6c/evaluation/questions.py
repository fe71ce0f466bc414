"""The two questions of a card: is the transformer better alone, and does it add anything?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from phase6c.config import Record
from phase6c.evaluation.judgement import Gain, Judgement, difference
from phase6c.wording import words

Answer = Literal["yes", "cannot be told", "no"]

ALONE = "Alone, better than the best simple model?"
ADDED = "Added to it, does it improve it?"

_OF_ALONE: Mapping[Answer, str] = {
    "yes": "Yes",
    "cannot be told": "That cannot be told",
    "no": "No",
}
_OF_ADDED: Mapping[Answer, str] = {
    "yes": "Yes, it adds something",
    "cannot be told": "That cannot be told, it adds nothing that these rows show",
    "no": "No, it adds nothing",
}


class Question(Record):
    """A question with the answer that the figures bear out.

    Attributes:
        question: Question in words.
        answer: `yes` where the interval of the gain over the rival, and over every base rate, lies
            wholly above zero; `no` where one of them lies wholly below it.
        rival: Name of the simple model, or of the blend of two, that it is asked about.
        gain: Log loss of the rival less the model's, on the same rows.
        interval: Ends of the gain's 95% interval.
        sentence: Question and answer with their figures.
    """

    question: str
    answer: Answer
    rival: str
    gain: float
    interval: tuple[float, float]
    sentence: str


class Questions(Record):
    """Both questions.

    Attributes:
        alone: Whether the transformer alone is better than the best baseline.
        added: Whether its blend with a baseline is better than the best of the baselines and of
            the blends of each two of them.
    """

    alone: Question
    added: Question


def ask_alone(judged: Judgement) -> Question:
    """Whether the transformer alone is better than the best baseline.

    Args:
        judged: Judgement of the transformer alone.
    """
    against = f"against {words(judged.over_best.over)}"
    return _question(ALONE, _OF_ALONE, against, judged.over_best, judged.over_base_rates)


def ask_added(over_rival: Gain, over_base_rates: Sequence[Gain], partner: str) -> Question:
    """Whether the transformer improves the best of the simple models.

    Args:
        over_rival: Gain of its blend with a baseline over the best of the baselines and of their
            blends.
        over_base_rates: Gains of its blend over the base rates.
        partner: Name of the baseline in its blend.
    """
    against = (
        f"half-and-half with {words(partner)}, against the best of the simple models and their "
        f"blends ({words(over_rival.over)})"
    )
    return _question(ADDED, _OF_ADDED, against, over_rival, over_base_rates)


def _question(
    question: str,
    verdicts: Mapping[Answer, str],
    against: str,
    over_rival: Gain,
    over_base_rates: Sequence[Gain],
) -> Question:
    answer = _answer((over_rival, *over_base_rates))
    told = f"{against}, {difference(over_rival.log_loss)}"
    doubtful = [gained for gained in over_base_rates if not gained.is_shown]
    if doubtful:
        # A rate that it loses to says more than a rate that it cannot be told from.
        least = min(doubtful, key=lambda gained: (not gained.is_loss, gained.log_loss.low))
        told += f"; against the {words(least.over)}, {difference(least.log_loss)}"
    gained = over_rival.log_loss
    return Question(
        question=question,
        answer=answer,
        rival=over_rival.over,
        gain=gained.value,
        interval=(gained.low, gained.high),
        sentence=f"{question} {verdicts[answer]}: {told}.",
    )


def _answer(gains: Sequence[Gain]) -> Answer:
    if all(gained.is_shown for gained in gains):
        return "yes"
    return "no" if any(gained.is_loss for gained in gains) else "cannot be told"
